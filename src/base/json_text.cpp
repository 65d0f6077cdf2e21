// Escaping for JSON strings (RFC 8259 section 7). Called by log, telemetry and whoever writes JSON
// by hand; calls nothing.
#include "base/json_text.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice {
namespace {

// Bytes that go out as they are: printable ASCII but quote and backslash.
constexpr auto is_plain = [] {
    std::array<bool, 256> table{};
    for (unsigned c = 0x20; c < 0x7f; ++c) table[c] = c != '"' && c != '\\';
    return table;
}();

template <class Word>
Word word_at(char const* at) noexcept {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

// Are its eight bytes all plain?
bool is_plain_word(std::uint64_t word) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101U;
    constexpr std::uint64_t tops = 0x8080808080808080U;
    auto const has_zero = [](std::uint64_t v) { return (v - ones) & ~v & tops; };
    auto const controls = (word - ones * 0x20) & ~word & tops;
    return ((word & tops) | controls | has_zero(word ^ (ones * '"')) |
            has_zero(word ^ (ones * '\\')) | has_zero(word ^ (ones * 0x7f))) == 0;
}

#if defined(__SSE2__)
// A bit for each byte that is not plain.
unsigned not_plain(__m128i bytes) noexcept {
    // Signed: what is above ASCII is below the space.
    auto const outside = _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(' ')),
                                      _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)));
    auto const escaped = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                      _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(outside, escaped)));
}
#endif

bool are_plain_words(std::uint64_t one, std::uint64_t other) noexcept {
#if defined(__SSE2__)
    return not_plain(_mm_set_epi64x(static_cast<std::int64_t>(other),
                                    static_cast<std::int64_t>(one))) == 0;
#else
    return is_plain_word(one) && is_plain_word(other);
#endif
}

// Copies `size` bytes, at least one half and at most two, by their first and their last half.
template <class Half>
bool copy_halves(char* to, char const* from, std::size_t size) noexcept {
    auto const behind = size - sizeof(Half);
    auto const first = word_at<Half>(from);
    auto const last = word_at<Half>(from + behind);
    std::memcpy(to, &first, sizeof first);
    std::memcpy(to + behind, &last, sizeof last);
    if constexpr (sizeof(Half) == sizeof(std::uint64_t)) {
        return are_plain_words(first, last);
    } else {
        auto const both = std::uint64_t{last} << 32U | first;
        return are_plain_words(both, both);
    }
}

// The first byte that is not plain; 16 bytes at a time where SSE2 is there.
std::size_t plain_end(std::string_view text, std::size_t at) {
#if defined(__SSE2__)
    while (text.size() - at >= 16) {
        auto const hits = not_plain(word_at<__m128i>(text.data() + at));
        if (hits != 0) return at + static_cast<std::size_t>(std::countr_zero(hits));
        at += 16;
    }
#endif
    // What is left, and names and numbers, which are mostly shorter than that: by the last eight
    // bytes, and where there are more, by the next eight.
    auto const is_plain_at = [&](std::size_t from) {
        return is_plain_word(word_at<std::uint64_t>(text.data() + from));
    };
    if (text.size() >= 8 && is_plain_at(text.size() - 8) &&
        (text.size() - at <= 8 || is_plain_at(at))) {
        return text.size();
    }
    while (at < text.size() && is_plain[static_cast<unsigned char>(text[at])]) ++at;
    return at;
}

bool is_tail(std::string_view text, std::size_t at, unsigned char low = 0x80,
             unsigned char high = 0xbf) {
    if (at >= text.size()) return false;
    auto const c = static_cast<unsigned char>(text[at]);
    return c >= low && c <= high;
}

// Length of the well-formed UTF-8 sequence at `at` (Unicode table 3-7), 0 when there is none.
std::size_t sequence_length(std::string_view text, std::size_t at) {
    auto const c = static_cast<unsigned char>(text[at]);
    if (c >= 0xc2 && c <= 0xdf) return is_tail(text, at + 1) ? 2 : 0;
    if (c >= 0xe0 && c <= 0xef) {
        unsigned char const low = c == 0xe0 ? 0xa0 : 0x80;
        unsigned char const high = c == 0xed ? 0x9f : 0xbf;
        return is_tail(text, at + 1, low, high) && is_tail(text, at + 2) ? 3 : 0;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        unsigned char const low = c == 0xf0 ? 0x90 : 0x80;
        unsigned char const high = c == 0xf4 ? 0x8f : 0xbf;
        bool const whole =
            is_tail(text, at + 1, low, high) && is_tail(text, at + 2) && is_tail(text, at + 3);
        return whole ? 4 : 0;
    }
    return 0;
}

void append_control(std::string& out, unsigned char c) {
    constexpr char hex[] = "0123456789abcdef";
    switch (c) {
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        default:
            out += "\\u00";
            out += hex[c >> 4];
            out += hex[c & 15];
    }
}

}  // namespace

void append_json_escaped(std::string& out, std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        auto const run = plain_end(text, at);
        out.append(text, at, run - at);
        at = run;
        if (at == text.size()) break;
        auto const c = static_cast<unsigned char>(text[at]);
        if (c < 0x80) {
            append_control(out, c);
            ++at;
        } else if (auto const length = sequence_length(text, at)) {
            out.append(text, at, length);
            at += length;
        } else {
            out += "\xef\xbf\xbd";
            ++at;
        }
    }
}

bool copy_if_plain(char* to, std::string_view text) noexcept {
    auto const* from = text.data();
    auto left = text.size();
    for (; left > 16; left -= 16) {
        if (!copy_halves<std::uint64_t>(to, from, 16)) return false;
        to += 16;
        from += 16;
    }
    if (left >= 8) return copy_halves<std::uint64_t>(to, from, left);
    // What is left of a longer text: with some of what was copied before.
    if (text.size() > 16) return copy_halves<std::uint64_t>(to + left - 16, from + left - 16, 16);
    if (left >= 4) return copy_halves<std::uint32_t>(to, from, left);
    for (std::size_t i = 0; i < left; ++i) {
        if (!is_plain[static_cast<unsigned char>(from[i])]) return false;
        to[i] = from[i];
    }
    return true;
}

void append_json_string(std::string& out, std::string_view text) {
    // Most are short and plain: put together aside, appended in one go.
    std::array<char, 64> quoted;
    if (text.size() <= quoted.size() - 2 && copy_if_plain(quoted.data() + 1, text)) {
        quoted[0] = '"';
        quoted[text.size() + 1] = '"';
        out.append(quoted.data(), text.size() + 2);
        return;
    }
    out += '"';
    append_json_escaped(out, text);
    out += '"';
}

}  // namespace sluice
