// The bytes of a field value, and the search that heads are scanned with (16 bytes at a time where
// SSE2 is there). Used by the request's and the answer's head; calls nothing. Pure; never reads
// behind `end`.
#pragma once

#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice::net::http1_bytes {

// HTAB, SP, VCHAR, obs-text (RFC 9110 section 5.5).
constexpr bool is_text(unsigned char c) noexcept { return c == '\t' || (c >= 0x20 && c != 0x7f); }

// The first byte that may not stand in a field value: a control other than HTAB, or DEL.
inline char const* find_control(char const* at, char const* end) noexcept {
#if defined(__SSE2__)
    auto const last_control = _mm_set1_epi8(0x1f);
    while (end - at >= 16) {
        __m128i bytes;
        std::memcpy(&bytes, at, 16);
        auto const is_low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
        auto const is_tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
        auto const is_del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
        auto const hit = _mm_or_si128(_mm_andnot_si128(is_tab, is_low), is_del);
        auto const mask = static_cast<unsigned>(_mm_movemask_epi8(hit));
        if (mask != 0) return at + std::countr_zero(mask);
        at += 16;
    }
#endif
    while (at < end && is_text(static_cast<unsigned char>(*at))) ++at;
    return at;
}

}  // namespace sluice::net::http1_bytes
