// What a long text in a JSON string mostly is: plain bytes and short escapes (RFC 8259 section 7),
// skipped by vectors of 32 or 64 bytes where the machine has them. Used by the scanner and the push
// parser beside find_special, which is quicker for short strings. Pure; never reads behind the end.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::codec::json_bytes {

// From how many bytes on a call pays.
inline constexpr std::ptrdiff_t long_text_bytes = 192;

// A run ends at the closing quote, a control character, the backslash of an escape that is long,
// broken or cut, or earlier: `end` is then where the caller goes on by itself.
struct Run {
    char const* end = nullptr;
    std::size_t escapes = 0;  // in it, of two bytes each
};

enum class Vectors : std::uint8_t { none, avx2, avx512 };
// The widest that this machine has.
[[nodiscard]] Vectors vectors() noexcept;

// Precondition: `at` is inside a string, not behind a backslash. `with`: no wider than vectors().
[[nodiscard]] Run skip_run(char const* at, char const* end, Vectors with = vectors()) noexcept;

}  // namespace sluice::codec::json_bytes
