// Errors of the openai_chat dialect as they are written. Called through the Dialect table; those of
// providers are read in common/upstream_error.
#pragma once

#include <string>
#include <string_view>

#include "sluice/error.hpp"

#include "dialect/common/upstream_error.hpp"

namespace sluice::dialect::openai {

std::string write_error(Error const& error, std::string_view request_id);
std::string write_stream_error(Error const& error, std::string_view request_id);

}  // namespace sluice::dialect::openai
