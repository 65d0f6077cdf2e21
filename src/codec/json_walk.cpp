// The scanner's slower parts: escapes, numbers, literals, decoding.
#include "codec/json_walk.hpp"

#include <cstring>
#include <simdjson.h>

#include "codec/json_run.hpp"

namespace sluice::codec {

namespace {

// Value of the four hex digits at `at`, or -1. Precondition: four bytes are there.
int hex4(char const* at) noexcept {
    int value = 0;
    for (int i = 0; i < 4; ++i) {
        auto const digit = json_bytes::hex_digit(at[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

constexpr bool is_high_surrogate(int unit) noexcept { return unit >= 0xd800 && unit < 0xdc00; }
constexpr bool is_low_surrogate(int unit) noexcept { return unit >= 0xdc00 && unit < 0xe000; }

// Writes one code point as UTF-8; returns the bytes written, at most 4.
std::size_t encode_utf8(std::uint32_t code, char* out) noexcept {
    auto const tail = [code](unsigned shift) {
        return static_cast<char>(0x80U | ((code >> shift) & 0x3fU));
    };
    if (code < 0x80) {
        out[0] = static_cast<char>(code);
        return 1;
    }
    if (code < 0x800) {
        out[0] = static_cast<char>(0xc0U | (code >> 6U));
        out[1] = tail(0);
        return 2;
    }
    if (code < 0x10000) {
        out[0] = static_cast<char>(0xe0U | (code >> 12U));
        out[1] = tail(6);
        out[2] = tail(0);
        return 3;
    }
    out[0] = static_cast<char>(0xf0U | (code >> 18U));
    out[1] = tail(12);
    out[2] = tail(6);
    out[3] = tail(0);
    return 4;
}

// Decodes the escape whose backslash stands at `at`; moves behind it. Precondition: validated.
std::size_t decode_escape(char const*& at, char* out) noexcept {
    char const kind = at[1];
    at += 2;
    switch (kind) {
        case 'b':
            *out = '\b';
            return 1;
        case 'f':
            *out = '\f';
            return 1;
        case 'n':
            *out = '\n';
            return 1;
        case 'r':
            *out = '\r';
            return 1;
        case 't':
            *out = '\t';
            return 1;
        case 'u': {
            auto code = static_cast<std::uint32_t>(hex4(at));
            at += 4;
            if (is_high_surrogate(static_cast<int>(code))) {
                auto const low = static_cast<std::uint32_t>(hex4(at + 2));
                code = 0x10000 + ((code - 0xd800) << 10U) + (low - 0xdc00);
                at += 6;
            }
            return encode_utf8(code, out);
        }
        default:  // quote, backslash, slash
            *out = kind;
            return 1;
    }
}

}  // namespace

bool is_valid_utf8(std::string_view text) noexcept {
    return simdjson::validate_utf8(text.data(), text.size());
}

void JsonString::decode_to(std::string& out) const {
    auto const text = inner();
    if (!has_escapes) {
        out.append(text);
        return;
    }
    auto const* at = text.data();
    auto const* const end = at + text.size();
    while (at < end) {
        auto const* const stop = json_bytes::find_special(at, end);
        out.append(at, stop);
        at = stop;
        if (at == end) break;
        std::array<char, 4> bytes{};
        out.append(bytes.data(), decode_escape(at, bytes.data()));
    }
}

std::size_t JsonString::decoded_bytes() const noexcept {
    auto const text = inner();
    if (!has_escapes) return text.size();
    auto const* at = text.data();
    auto const* const end = at + text.size();
    std::size_t bytes = 0;
    while (at < end) {
        auto const* const stop = json_bytes::find_special(at, end);
        bytes += static_cast<std::size_t>(stop - at);
        at = stop;
        std::array<char, 4> ignored;
        if (at < end) bytes += decode_escape(at, ignored.data());
    }
    return bytes;
}

void JsonKey::decode(JsonString const& text) noexcept {
    auto const inner = text.inner();
    auto const* at = inner.data();
    auto const* const end = at + inner.size();
    std::size_t size = 0;
    while (at < end) {
        if (size + 4 > max) {
            name_ = inner;
            return;
        }
        if (*at == '\\') {
            size += decode_escape(at, decoded_.data() + size);
        } else {
            decoded_[size++] = *at++;
        }
    }
    name_ = {decoded_.data(), size};
}

// Any string.
bool JsonScanner::read_long_string(JsonString& out) noexcept {
    auto const* const from = at_;
    out.has_escapes = false;
    ++at_;
    for (;;) {
        at_ = json_bytes::find_special(at_, end_);
        if (at_ == end_) return fail("a string is not closed");
        if (*at_ == '"') break;
        if (*at_ != '\\') return fail("a string holds a control character that is not escaped");
        out.has_escapes = true;
        if (!skip_escape()) return false;
        if (end_ - at_ >= json_bytes::long_text_bytes) at_ = json_bytes::skip_run(at_, end_).end;
    }
    ++at_;
    out.quoted = {from, static_cast<std::size_t>(at_ - from)};
    return true;
}

// \u, or none that there is.
bool JsonScanner::skip_long_escape() noexcept {
    if (end_ - at_ < 2) return fail("a string is not closed");
    char const kind = at_[1];
    at_ += 2;
    if (kind != 'u') return fail("a string holds an unknown escape");
    auto const unit = end_ - at_ >= 4 ? hex4(at_) : -1;
    if (unit < 0) return fail("\\u needs four hex digits");
    at_ += 4;
    if (is_low_surrogate(unit)) return fail("a string holds half of a surrogate pair");
    if (!is_high_surrogate(unit)) return true;
    if (end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u' || !is_low_surrogate(hex4(at_ + 2))) {
        return fail("a string holds half of a surrogate pair");
    }
    at_ += 6;
    return true;
}

bool JsonScanner::skip_number() noexcept {
    using json_bytes::is_digit;
    auto const digits = [this] {
        auto const* const from = at_;
        while (at_ < end_ && is_digit(*at_)) ++at_;
        return at_ != from;
    };
    if (at_ < end_ && *at_ == '-') ++at_;
    auto const* const from = at_;
    if (!digits()) return fail("a number is malformed");
    if (*from == '0' && at_ - from > 1) return fail("a number has a leading zero");
    if (at_ < end_ && *at_ == '.') {
        ++at_;
        if (!digits()) return fail("a number is malformed");
    }
    if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
        ++at_;
        if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
        if (!digits()) return fail("a number is malformed");
    }
    return true;
}

template <std::size_t size>
bool JsonScanner::skip_literal(char const (&word)[size]) noexcept {
    constexpr auto bytes = size - 1;
    if (static_cast<std::size_t>(end_ - at_) < bytes || std::memcmp(at_, word, bytes) != 0) {
        return fail("a value is malformed");
    }
    at_ += bytes;
    return true;
}

bool JsonScanner::skip_scalar() noexcept {
    switch (*at_) {
        case 't':
            return skip_literal("true");
        case 'f':
            return skip_literal("false");
        case 'n':
            return skip_literal("null");
        default:
            if (*at_ != '-' && !json_bytes::is_digit(*at_)) return fail("a value is malformed");
            return skip_number();
    }
}

bool JsonScanner::skip_known_value() noexcept {
    JsonString text;
    if (at_ < end_ && *at_ == '"') return read_string(text);
    if (at_ == end_ || (*at_ != '{' && *at_ != '[')) return skip_value(0);
    for (std::size_t open = 0; at_ < end_;) {
        switch (*at_) {
            case '"':
                if (!read_string(text)) return false;
                continue;
            case '{':
            case '[':
                ++open;
                break;
            case '}':
            case ']':
                --open;
                break;
            default:
                break;
        }
        ++at_;
        if (open == 0) return true;
    }
    return fail("the text ends inside an object or array");
}

JsonVerdict check_json(std::string_view text) noexcept {
    if (!is_valid_utf8(text)) return {false, "the text is not valid UTF-8", 0};
    JsonScanner scan(text);
    scan.skip_space();
    bool const ok = scan.skip_value(0) && scan.expect_end();
    return {ok, scan.reason(), scan.offset()};
}

}  // namespace sluice::codec
