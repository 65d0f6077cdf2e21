// Errors of the anthropic dialect as they are written. Called through the Dialect table.
#pragma once

#include <string>
#include <string_view>

#include "sluice/error.hpp"

namespace sluice::dialect::anthropic {

std::string write_error(Error const& error, std::string_view request_id);
std::string write_stream_error(Error const& error, std::string_view request_id);

}  // namespace sluice::dialect::anthropic
