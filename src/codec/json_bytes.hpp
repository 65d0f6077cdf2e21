// The byte classes of JSON, and the search that strings are scanned with (16 bytes at a time where
// SSE2 is there, 8 elsewhere). Used by the scanner and the tail reader. Never reads behind `end`.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice::codec::json_bytes {

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_special(char c) noexcept {
    return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}
// May stand behind a backslash, and the escape is then whole (RFC 8259 section 7).
constexpr bool is_short_escape(char c) noexcept {
    return c == 'n' || c == '"' || c == '\\' || c == 't' || c == '/' || c == 'r' || c == 'b' ||
           c == 'f';
}
constexpr int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

#if defined(__SSE2__)
// Of 16 bytes, bits of those that end a plain run.
inline unsigned specials_of_16(char const* at) noexcept {
    __m128i bytes;
    std::memcpy(&bytes, at, 16);
    auto const control = _mm_set1_epi8(0x1f);
    auto const is_control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes);
    auto const is_end = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                     _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(is_control, is_end)));
}
#endif

// The same as find_special below, where it stands within the next few bytes; null: it may stand
// anywhere. Precondition: `at` <= `end`.
inline char const* find_near_special(char const* at, char const* end) noexcept {
#if defined(__SSE2__)
    if (end - at < 16) return nullptr;
    auto const mask = specials_of_16(at);
    return mask != 0 ? at + std::countr_zero(mask) : nullptr;
#else
    static_cast<void>(at), static_cast<void>(end);
    return nullptr;
#endif
}

// The first byte that ends a plain run inside a string: quote, backslash or control.
inline char const* find_special(char const* at, char const* end) noexcept {
#if defined(__SSE2__)
    while (end - at >= 16) {
        auto const mask = specials_of_16(at);
        if (mask != 0) return at + std::countr_zero(mask);
        at += 16;
    }
#else
    constexpr std::uint64_t ones = 0x0101010101010101U;
    constexpr std::uint64_t tops = 0x8080808080808080U;
    auto const has_zero = [](std::uint64_t v) { return (v - ones) & ~v & tops; };
    while (end - at >= 8) {
        std::uint64_t v;
        std::memcpy(&v, at, 8);
        auto const controls = (v - ones * 0x20) & ~v & tops;
        if ((controls | has_zero(v ^ (ones * '"')) | has_zero(v ^ (ones * '\\'))) != 0) break;
        at += 8;
    }
#endif
    while (at < end && !is_special(*at)) ++at;
    return at;
}

constexpr bool is_number_byte(char c) noexcept {
    return is_digit(c) || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
}
constexpr bool is_number_filler(char c) noexcept {
    return is_number_byte(c) || c == ',' || is_space(c);
}

// The first byte that cannot stand in a list of numbers; skips long vectors quickly.
inline char const* skip_numbers(char const* at, char const* end) noexcept {
#if defined(__SSE2__)
    // '+' ',' '-' '.' are 0x2b..0x2e and the digits 0x30..0x39: 0x2b..0x39 without '/'.
    auto const low = _mm_set1_epi8(0x2b);
    auto const span = _mm_set1_epi8(0x39 - 0x2b);
    while (end - at >= 16) {
        __m128i bytes;
        std::memcpy(&bytes, at, 16);
        auto const shifted = _mm_sub_epi8(bytes, low);
        auto const in_span = _mm_cmpeq_epi8(_mm_min_epu8(shifted, span), shifted);
        auto const is_slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('/'));
        auto const lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        auto const is_e = _mm_cmpeq_epi8(lower, _mm_set1_epi8('e'));
        auto const is_blank = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')),
                                           _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')));
        auto const fits =
            _mm_or_si128(_mm_andnot_si128(is_slash, in_span), _mm_or_si128(is_e, is_blank));
        auto const mask = static_cast<unsigned>(_mm_movemask_epi8(fits)) ^ 0xffffU;
        if (mask != 0) {
            at += std::countr_zero(mask);
            break;
        }
        at += 16;
    }
#endif
    while (at < end && is_number_filler(*at)) ++at;
    return at;
}

}  // namespace sluice::codec::json_bytes
