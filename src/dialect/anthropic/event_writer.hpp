// Events as an anthropic stream. One message, one choice; its blocks come one after the other.
#pragma once

#include <memory>

#include "sluice/dialect.hpp"

namespace sluice::dialect::anthropic {

std::unique_ptr<EventWriter> open_writer(WriterOptions options);

}  // namespace sluice::dialect::anthropic
