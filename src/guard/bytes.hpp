// Searches for what matchers begin with: 16 bytes at a time where SSE2 is there. Called by the
// digit-led matchers. Pure; never reads behind the end of the text.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice::guard {

// The first digit, or byte among `others`, at `at` or later; the text's size when there is none.
template <char... others>
std::size_t find_digit_or(std::string_view text, std::size_t at) noexcept {
#if defined(__SSE2__)
    auto const zero = _mm_set1_epi8('0');
    auto const nine = _mm_set1_epi8(9);
    while (at + 16 <= text.size()) {
        __m128i bytes;
        std::memcpy(&bytes, text.data() + at, 16);
        auto const value = _mm_sub_epi8(bytes, zero);
        auto hit = _mm_cmpeq_epi8(_mm_min_epu8(value, nine), value);
        ((hit = _mm_or_si128(hit, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(others)))), ...);
        auto const mask = static_cast<unsigned>(_mm_movemask_epi8(hit));
        if (mask != 0) return at + static_cast<std::size_t>(std::countr_zero(mask));
        at += 16;
    }
#endif
    for (; at < text.size(); ++at) {
        char const c = text[at];
        if ((c >= '0' && c <= '9') || (... || (c == others))) return at;
    }
    return text.size();
}

}  // namespace sluice::guard
