// What providers say when they fail, whatever their dialect: classified for the retry loop and
// worded for the caller. Called by the dialects; calls json.
#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/error.hpp"

namespace sluice::dialect {

// A non-2xx answer, whatever its body is.
Error read_error(std::uint16_t status, std::string_view body);
// An error inside a 200: a frame or body that holds one. The status is taken from what it says.
Error read_fault(std::string_view body);

// 200, but what came is not of the dialect.
Error bad_answer(std::string_view detail);
// The connection ended before the answer did.
Error cut_answer();

}  // namespace sluice::dialect
