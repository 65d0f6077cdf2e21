#include "guard/normalise.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "guard/matcher.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#define SLUICE_WIDE "avx512f,avx512bw"
#endif

namespace sluice::guard {
namespace {

// --- the map

constexpr char32_t no_character = 0xffffffff;
constexpr std::size_t runs_at_first = 16;  // room, so that most texts ask for it once

struct Unit {
    char32_t character = no_character;  // or a byte that is none
    std::size_t bytes = 0;              // of source; 0: cut
    bool escaped = false;
};

int hex_value(char c) noexcept {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// UTF-8 (RFC 3629); a byte that cannot be one is taken alone.
Unit read_utf8(std::string_view source, bool final) noexcept {
    auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(source[i]); };
    auto const lead = byte(0);
    if (lead < 0x80) return {lead, 1, false};
    std::size_t const size = lead >= 0xf0 && lead < 0xf5   ? 4
                             : lead >= 0xe0 && lead < 0xf0 ? 3
                             : lead >= 0xc2 && lead < 0xe0 ? 2
                                                           : 1;
    if (size == 1) return {no_character, 1, false};
    char32_t value = lead & (0xffU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        if (i == source.size()) return final ? Unit{no_character, 1, false} : Unit{};
        if ((byte(i) & 0xc0U) != 0x80) return {no_character, 1, false};
        value = value << 6 | (byte(i) & 0x3fU);
    }
    return {value, size, false};
}

// Four hexadecimal digits at source[at...]: -1 none, -2 cut.
int read_hex4(std::string_view source, std::size_t at) noexcept {
    int value = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
        if (i >= source.size()) return -2;
        auto const digit = hex_value(source[i]);
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    return value;
}

// What stands for itself behind a backslash, or for a control character; 0: neither. The backslash
// is left to others: it may begin what a text escapes itself.
constexpr char short_escape(char c) noexcept {
    switch (c) {
        case 'n':
            return '\n';
        case '"':
        case '/':
            return c;
        case 't':
            return '\t';
        case 'r':
            return '\r';
        case 'b':
            return '\b';
        case 'f':
            return '\f';
        default:
            return '\0';
    }
}

// An escape of a JSON string (RFC 8259 section 7), which begins the source.
Unit read_json_escape(std::string_view source, bool final) noexcept {
    Unit const cut = final ? Unit{no_character, source.size(), true} : Unit{};
    if (source.size() < 2) return cut;
    if (source[1] != 'u') {
        auto const known = short_escape(source[1]);
        return {static_cast<unsigned char>(known != '\0' ? known : source[1]), 2, true};
    }
    auto const first = read_hex4(source, 2);
    if (first == -2) return cut;
    if (first < 0) return {no_character, 2, true};
    if (first < 0xd800 || first > 0xdbff) return {static_cast<char32_t>(first), 6, true};
    if (source.size() == 6 || (source.size() == 7 && source[6] == '\\')) {
        return final ? Unit{no_character, 6, true} : Unit{};
    }
    if (source[6] != '\\' || source[7] != 'u') return {no_character, 6, true};
    auto const second = read_hex4(source, 8);
    if (second == -2) return final ? Unit{no_character, 6, true} : Unit{};
    if (second < 0xdc00 || second > 0xdfff) return {no_character, 6, true};
    auto const high = static_cast<char32_t>(first - 0xd800),
               low = static_cast<char32_t>(second - 0xdc00);
    return {0x10000 + (high << 10 | low), 12, true};
}

// Only what the words that are looked for consist of: undoing more would tear apart what was whole.
bool is_undone(char32_t c) noexcept {
    if (c >= 0x7f) return false;
    auto const b = static_cast<char>(c);
    return is_alnum(b) || b == '@' || b == '.' || b == '-' || b == '_' || b == '+';
}

// %41
Unit read_percent(std::string_view source, bool final) noexcept {
    Unit const as_is{'%', 1, false};
    for (std::size_t i = 1; i < 3; ++i) {
        if (i == source.size()) return final ? as_is : Unit{};
        if (hex_value(source[i]) < 0) return as_is;
    }
    auto const value = static_cast<char32_t>(hex_value(source[1]) << 4 | hex_value(source[2]));
    return is_undone(value) ? Unit{value, 3, true} : as_is;
}

struct Entity {
    std::string_view name;
    char32_t character;
};
constexpr Entity entities[] = {{"&commat;", '@'}, {"&period;", '.'},           {"&plus;", '+'},
                               {"&lowbar;", '_'}, {"&hyphen;", '-'},           {"&dash;", '-'},
                               {"&shy;", 0xad},   {"&ZeroWidthSpace;", 0x200b}};

// &#64; &#x40; &commat;
Unit read_entity(std::string_view source, bool final) noexcept {
    Unit const as_is{'&', 1, false};
    for (auto const& entity : entities) {
        if (source.size() > 1 && source[1] != entity.name[1]) continue;
        if (source.starts_with(entity.name)) return {entity.character, entity.name.size(), true};
        if (!final && source.size() < entity.name.size() && entity.name.starts_with(source)) {
            return {};
        }
    }
    if (source.size() == 1) return final ? as_is : Unit{};
    if (source[1] != '#') return as_is;
    bool const is_hexadecimal = source.size() > 2 && (source[2] == 'x' || source[2] == 'X');
    std::size_t at = is_hexadecimal ? 3 : 2;
    auto const first = at;
    char32_t value = 0;
    for (; at < source.size() && at - first < 7; ++at) {
        auto const digit = is_hexadecimal         ? hex_value(source[at])
                           : is_digit(source[at]) ? source[at] - '0'
                                                  : -1;
        if (digit < 0) break;
        value = value * (is_hexadecimal ? 16 : 10) + static_cast<char32_t>(digit);
    }
    if (at == source.size()) return final ? as_is : Unit{};
    if (at == first || source[at] != ';') return as_is;
    return is_undone(value) || value >= 0x80 ? Unit{value, at + 1, true} : as_is;
}

// \u0041 in plain text: JSON or code inside a text.
Unit read_text_escape(std::string_view source, bool final) noexcept {
    Unit const as_is{'\\', 1, false};
    if (source.size() < 2) return final ? as_is : Unit{};
    if (source[1] != 'u') return as_is;
    auto const value = read_hex4(source, 2);
    if (value == -2) {
        return final ? as_is : Unit{};
    }
    if (value < 0 || (value >= 0xd800 && value < 0xe000)) return as_is;
    auto const character = static_cast<char32_t>(value);
    return is_undone(character) || character >= 0x80 ? Unit{character, 6, true} : as_is;
}

bool is_invisible(char32_t c) noexcept {
    return c == 0xad || c == 0x34f || c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
           (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff || c == 0xe0001 || c == 0xe007f;
}

// The ASCII a reader takes it for; 0: none.
char plain_form(char32_t c) noexcept {
    if (c >= 0xff01 && c <= 0xff5e) return static_cast<char>(c - 0xfee0);
    if (c >= 0xe0020 && c <= 0xe007e) return static_cast<char>(c - 0xe0000);
    if (c == 0xa0 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f || c == 0x3000) {
        return ' ';
    }
    if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0xfe63) return '-';
    if (c == 0xfe6b) return '@';
    if (c == 0xfe52 || c == 0x2024) return '.';
    return '\0';
}

bool stands_for_itself(char32_t c) noexcept { return !is_invisible(c) && plain_form(c) == '\0'; }

std::size_t to_utf8(char32_t c, std::array<char, 4>& out) noexcept {
    auto const put = [&](std::size_t i, char32_t byte) { out[i] = static_cast<char>(byte); };
    if (c < 0x80) return put(0, c), 1;
    if (c < 0x800) return put(0, 0xc0 | c >> 6), put(1, 0x80 | (c & 0x3f)), 2;
    if (c < 0x10000) {
        put(0, 0xe0 | c >> 12);
        put(1, 0x80 | (c >> 6 & 0x3f));
        put(2, 0x80 | (c & 0x3f));
        return 3;
    }
    put(0, 0xf0 | (c >> 18 & 0x07));
    put(1, 0x80 | (c >> 12 & 0x3f));
    put(2, 0x80 | (c >> 6 & 0x3f));
    put(3, 0x80 | (c & 0x3f));
    return 4;
}

constexpr bool is_ascii(char c) noexcept { return static_cast<unsigned char>(c) < 0x80; }
constexpr bool is_odd(char c) noexcept { return !is_ascii(c) || c == '%' || c == '&' || c == '\\'; }

// How many bytes from the start stand for themselves and begin nothing longer.
std::size_t plain_run(std::string_view source, bool in_json_string) noexcept {
    std::size_t at = 0;
#if defined(__x86_64__)
    auto const percent = _mm_set1_epi8('%'), ampersand = _mm_set1_epi8('&');
    auto const backslash = _mm_set1_epi8('\\');
    auto const quote = _mm_set1_epi8(in_json_string ? '"' : '%');
    for (; at + 16 <= source.size(); at += 16) {
        __m128i bytes;
        std::memcpy(&bytes, source.data() + at, 16);
        auto const hit = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, percent), _mm_cmpeq_epi8(bytes, ampersand)),
            _mm_or_si128(_mm_cmpeq_epi8(bytes, backslash), _mm_cmpeq_epi8(bytes, quote)));
        auto const mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(hit, bytes)));
        if (mask != 0) return at + static_cast<std::size_t>(std::countr_zero(mask));
    }
#endif
    while (at < source.size() && !is_odd(source[at]) && !(in_json_string && source[at] == '"')) {
        ++at;
    }
    return at;
}

// Bits of the odd bytes among 64, or among those that there are.
std::uint64_t odd_among(char const* bytes, std::size_t count) noexcept {
    std::uint64_t out = 0;
#if defined(__x86_64__)
    std::array<char, 64> copy;
    if (count < copy.size()) {
        copy.fill(' ');
        std::memcpy(copy.data(), bytes, count);
        bytes = copy.data();
    }
    auto const percent = _mm_set1_epi8('%'), ampersand = _mm_set1_epi8('&');
    auto const backslash = _mm_set1_epi8('\\');
    for (std::size_t part = 0; part < 4; ++part) {
        __m128i some;
        std::memcpy(&some, bytes + 16 * part, 16);
        auto const hit = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(some, percent), _mm_cmpeq_epi8(some, ampersand)),
            _mm_or_si128(_mm_cmpeq_epi8(some, backslash), some));
        out |= std::uint64_t{static_cast<std::uint16_t>(_mm_movemask_epi8(hit))} << 16 * part;
    }
#else
    for (std::size_t i = 0; i < std::min(count, std::size_t{64}); ++i) {
        out |= std::uint64_t{is_odd(bytes[i])} << i;
    }
#endif
    return out;
}

// Goes from one odd byte of a text to the next, and reads each block of it once.
class OddBytes {
  public:
    explicit OddBytes(std::string_view source) noexcept : source_(source) {}

    // The first at `at` or behind it; the text's size: there is none. `at` never goes back.
    std::size_t next(std::size_t at) noexcept {
        if (at < end_) {
            auto const odd = odd_ >> (at + block_bytes - end_);
            if (odd != 0) return at + static_cast<std::size_t>(std::countr_zero(odd));
            at = end_;
        }
        odd_ = 0;
#if defined(__x86_64__)
        static bool const is_wide = __builtin_cpu_supports("avx512bw") != 0;
        if (is_wide) return seek_wide(at);
#endif
        for (; at < source_.size(); at += block_bytes) {
            if (is_found(at, odd_among(source_.data() + at, source_.size() - at))) break;
        }
        return found();
    }

  private:
    static constexpr std::size_t block_bytes = 64;

#if defined(__x86_64__)
    [[gnu::target(SLUICE_WIDE)]] std::size_t seek_wide(std::size_t at) noexcept {
        auto const percent = _mm512_set1_epi8('%'), ampersand = _mm512_set1_epi8('&');
        auto const backslash = _mm512_set1_epi8('\\');
        for (; at < source_.size(); at += block_bytes) {
            auto const left = source_.size() - at;
            auto const lanes =
                left < block_bytes ? (std::uint64_t{1} << left) - 1 : ~std::uint64_t{0};
            auto const bytes = _mm512_maskz_loadu_epi8(lanes, source_.data() + at);
            auto const odd = _mm512_cmpeq_epi8_mask(bytes, percent) |
                             _mm512_cmpeq_epi8_mask(bytes, ampersand) |
                             _mm512_cmpeq_epi8_mask(bytes, backslash) | _mm512_movepi8_mask(bytes);
            if (is_found(at, odd)) break;
        }
        return found();
    }
#endif

    // Notes a block.
    bool is_found(std::size_t at, std::uint64_t odd) noexcept {
        end_ = at + block_bytes;
        odd_ = odd;
        return odd != 0;
    }
    [[nodiscard]] std::size_t found() const noexcept {
        if (odd_ == 0) return source_.size();
        return end_ - block_bytes + static_cast<std::size_t>(std::countr_zero(odd_));
    }

    std::string_view source_;
    std::size_t end_ = 0;    // of the block at hand
    std::uint64_t odd_ = 0;  // of its bytes
};

Unit read_unit(std::string_view source, bool final, bool in_json_string) noexcept {
    switch (source.front()) {
        case '%':
            return read_percent(source, final);
        case '&':
            return read_entity(source, final);
        case '\\':
            return in_json_string ? read_json_escape(source, final)
                                  : read_text_escape(source, final);
        default:
            return read_utf8(source, final);
    }
}

void append(Unit const& unit, std::string_view bytes, std::size_t source, Normalised& out) {
    if (unit.character != no_character && is_invisible(unit.character)) return;
    auto const plain = unit.character == no_character ? '\0' : plain_form(unit.character);
    if (plain != '\0') {
        out.append_unit({&plain, 1}, source, bytes.size());
    } else if (!unit.escaped || unit.character == no_character) {
        out.append_as_is(bytes, source);
    } else {
        std::array<char, 4> utf8{};
        out.append_unit({utf8.data(), to_utf8(unit.character, utf8)}, source, bytes.size());
    }
}

// As far as possible. True: at the quote that ends the string (JSON), or all was taken or is cut.
void normalise_text(std::string_view source, std::size_t& at, bool final, bool in_json_string,
                    Normalised& out) {
    while (at < source.size()) {
        auto const rest = source.substr(at);
        if (auto const run = plain_run(rest, in_json_string); run > 0) {
            out.append_as_is(rest.substr(0, run), at);
            at += run;
            continue;
        }
        if (in_json_string && rest.front() == '"') return;
        auto const unit = read_unit(rest, final, in_json_string);
        if (unit.bytes == 0) return;
        append(unit, rest.substr(0, unit.bytes), at, out);
        at += unit.bytes;
    }
}

// What an escape of a text (that of & is the longest) may take once its bytes are escaped again,
// for JSON; and what it takes when they are not.
constexpr std::size_t twice_escaped_bytes = 48;
constexpr std::size_t twice_escaped_entity_bytes = 128;
constexpr std::size_t once_escaped_bytes = 32;

// May `unit`, which begins the source, be or begin an escape some bytes of which are escaped again?
bool may_be_twice_escaped(std::string_view source, Unit const& unit) noexcept {
    if (unit.character == '%' || unit.character == '&') {
        return source.substr(0, once_escaped_bytes).find('\\') != source.npos;
    }
    if (unit.character != '\\') return false;
    auto const behind = source.substr(unit.bytes);  // u, or an escape of it
    return behind.starts_with('u') || behind.starts_with("\\u");
}

// One unit of a text in a JSON string, where escapes of both may lie in each other.
void append_twice_escaped(std::string_view inner, std::size_t& at, bool is_entity,
                          Normalised& out) {
    Normalised decoded;
    std::size_t end = 0;
    auto const rest =
        inner.substr(at, is_entity ? twice_escaped_entity_bytes : twice_escaped_bytes);
    decode_json(rest, end, rest.size(), decoded);
    auto const unit = read_unit(decoded.text, true, false);
    auto const bytes = decoded.source_end(unit.bytes - 1);
    auto const as_is = std::string_view{decoded.text}.substr(0, unit.bytes);
    if (unit.escaped || as_is.size() == bytes) {
        append(unit, unit.escaped ? rest.substr(0, bytes) : as_is, at, out);
    } else {
        out.append_unit(as_is, at, bytes);
    }
    at += bytes;
}

constexpr bool is_structure(char c) noexcept {
    return c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || c == ':';
}
constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace

Normalised::Run const& Normalised::run_of(std::size_t at) const noexcept {
    auto const next = std::upper_bound(runs_.begin(), runs_.end(), at,
                                       [](std::size_t a, Run const& run) { return a < run.at; });
    return *(next - 1);
}

std::size_t Normalised::source_begin(std::size_t at) const noexcept {
    auto const& run = run_of(at);
    return run.has(at) ? run.source : run.source_of(at);
}

std::size_t Normalised::source_end(std::size_t at) const noexcept {
    auto const& run = run_of(at);
    return run.has(at) ? std::size_t{run.source} + run.source_bytes : run.source_of(at) + 1;
}

void Normalised::add_run(std::size_t source, std::size_t bytes, std::size_t source_bytes) {
    if (runs_.empty()) runs_.reserve(runs_at_first);
    runs_.push_back({static_cast<std::uint32_t>(text.size()), static_cast<std::uint32_t>(source),
                     static_cast<std::uint32_t>(bytes), static_cast<std::uint32_t>(source_bytes)});
}

void Normalised::append_as_is(std::string_view bytes, std::size_t source) {
    bool const goes_on = !runs_.empty() && runs_.back().source_of(text.size()) == source;
    if (!goes_on) add_run(source, 0, 0);
    text += bytes;
}

void Normalised::append_unit(std::string_view bytes, std::size_t source, std::size_t source_bytes) {
    add_run(source, bytes.size(), source_bytes);
    text += bytes;
}

void Normalised::append_character(char c, std::size_t source, std::size_t source_bytes) {
    add_run(source, 1, source_bytes);
    text.push_back(c);
}

void Normalised::drop_front(std::size_t at, std::size_t mapped, std::size_t source_bytes) {
    if (mapped >= text.size()) {
        runs_.clear();
    } else {
        auto const keep =
            std::upper_bound(runs_.begin(), runs_.end(), mapped,
                             [](std::size_t a, Run const& run) { return a < run.at; });
        runs_.erase(runs_.begin(), keep - 1);
        auto& first = runs_.front();
        if (!first.has(mapped)) {
            first = {static_cast<std::uint32_t>(mapped),
                     static_cast<std::uint32_t>(first.source_of(mapped)), 0, 0};
        }
        for (auto& run : runs_) {
            run.at -= static_cast<std::uint32_t>(at);
            run.source -= static_cast<std::uint32_t>(source_bytes);
        }
    }
    text.erase(0, at);
}

void decode_json(std::string_view inner, std::size_t& at, std::size_t until, Normalised& out) {
    until = std::min(until, inner.size());
    if (at == 0) out.text.reserve(inner.size());
    while (at < until) {
        if (inner[at] != '\\') {
            auto const end = std::min(inner.substr(0, until).find('\\', at), until);
            out.append_as_is(inner.substr(at, end - at), at);
            at = end;
            continue;
        }
        auto const unit = read_json_escape(inner.substr(at), true);
        auto const bytes = inner.substr(at, unit.bytes);
        std::array<char, 4> utf8{};
        if (unit.character == no_character) {
            out.append_as_is(bytes, at);
        } else {
            out.append_unit({utf8.data(), to_utf8(unit.character, utf8)}, at, unit.bytes);
        }
        at += unit.bytes;
    }
}

void normalise_quoted(std::string_view inner, std::size_t& at, std::size_t until, Normalised& out) {
    until = std::min(until, inner.size());
    OddBytes odd(inner.substr(0, until));
    while (at < until) {
        if (auto const run = odd.next(at) - at; run > 0) {
            out.append_as_is(inner.substr(at, run), at);
            at += run;
            continue;
        }
        auto const rest = inner.substr(at);
        if (auto const known = short_escape(rest.size() > 1 ? rest[1] : '\0');
            known != '\0' && rest.front() == '\\') {
            out.append_character(known, at, 2);
            at += 2;
            continue;
        }
        auto unit = rest.front() == '\\' ? read_json_escape(rest, true)
                    : is_ascii(rest.front())
                        ? Unit{static_cast<unsigned char>(rest.front()), 1, false}
                        : read_utf8(rest, true);
        if (may_be_twice_escaped(rest, unit)) {
            append_twice_escaped(inner, at, unit.character == '&', out);
            continue;
        }
        if (rest.front() == '%' || rest.front() == '&') unit = read_unit(rest, true, false);
        append(unit, rest.substr(0, unit.bytes), at, out);
        at += unit.bytes;
    }
}

bool is_normal(std::string_view source, std::size_t& at, std::size_t until,
               Syntax syntax) noexcept {
    until = std::min(until, source.size());
    OddBytes odd(source.substr(0, until));
    while (at < until) {
        at = odd.next(at);
        if (at == until) break;
        if (syntax == Syntax::quoted && is_ascii(source[at])) {
            auto const near = source.substr(at, once_escaped_bytes);
            if (near.find('\\') != near.npos) return false;
        }
        auto const unit = read_unit(source.substr(at), true, false);
        if (unit.escaped) return false;
        if (unit.character != no_character && !stands_for_itself(unit.character)) return false;
        at += unit.bytes;
    }
    return true;
}

bool normalise(std::string_view source, std::size_t& at, bool final, Syntax syntax,
               JsonState& state, Normalised& out) {
    if (syntax == Syntax::text) {
        normalise_text(source, at, final, false, out);
        return true;
    }
    using In = JsonState::In;
    state.ended = In::between;
    while (at < source.size()) {
        char const c = source[at];
        switch (state.in) {
            case In::between:
                if (c == '"') {
                    state.in = In::string;
                    ++at;
                } else if (is_structure(c) || is_space(c)) {
                    ++at;
                } else {
                    state.in = In::bare;
                }
                break;
            case In::string:
                normalise_text(source, at, final, true, out);
                if (at == source.size() || source[at] != '"') return true;
                ++at;
                state.in = In::between;
                state.ended = In::string;
                return false;
            case In::bare: {
                auto end = at;
                while (end < source.size() && !is_structure(source[end]) && source[end] != '"')
                    ++end;
                auto const run = source.substr(0, end);
                bool const ends = end < source.size();
                normalise_text(run, at, final || ends, false, out);
                if (!ends) return true;
                state.in = In::between;
                state.ended = In::bare;
                return false;
            }
        }
    }
    return true;
}

}  // namespace sluice::guard
