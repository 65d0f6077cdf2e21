// Errors of the openai_chat dialect, both ways. Called through the Dialect table and by the answer
// readers; calls json.
#pragma once

#include <string>
#include <string_view>

#include "sluice/error.hpp"

namespace sluice::dialect::openai {

std::string write_error(Error const& error, std::string_view request_id);
std::string write_stream_error(Error const& error, std::string_view request_id);

// A non-2xx answer, whatever its body is.
Error read_error(std::uint16_t status, std::string_view body);
// An error inside a 200: a frame or body that holds one. The status is taken from what it says.
Error read_fault(std::string_view body);

// 200, but what came is not of this dialect.
Error bad_answer(std::string_view detail);
// The connection ended before the answer did.
Error cut_answer();

}  // namespace sluice::dialect::openai
