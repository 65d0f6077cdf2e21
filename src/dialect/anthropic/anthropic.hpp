// The anthropic dialect: POST /v1/messages and what belongs to it.
#pragma once

#include "sluice/dialect.hpp"

namespace sluice::dialect {

Dialect const& anthropic_messages();

}  // namespace sluice::dialect
