// The chunked decoder's grammar, byte by byte except inside payload.
#include "codec/chunked.hpp"

#include <algorithm>

namespace sluice::codec {

namespace {

// tchar of RFC 9110 section 5.6.2.
constexpr bool is_token_char(unsigned char c) noexcept {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
    return std::string_view{"!#$%&'*+-.^_`|~"}.find(static_cast<char>(c)) != std::string_view::npos;
}

// What a field value or a quoted string may hold: no control bytes but the tab.
constexpr bool is_text(unsigned char c) noexcept { return c == '\t' || (c >= 0x20 && c != 0x7f); }

constexpr int hex_digit(unsigned char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

ChunkedDecoder::Step ChunkedDecoder::step(std::string_view input) noexcept {
    std::size_t at = 0;
    while (at < input.size()) {
        if (where_ == Where::payload) {
            auto const take = std::min<std::uint64_t>(remaining_, input.size() - at);
            remaining_ -= take;
            if (remaining_ == 0) where_ = Where::payload_cr;
            auto const piece = input.substr(at, static_cast<std::size_t>(take));
            return {State::more, at + piece.size(), piece};
        }
        if (where_ == Where::done || where_ == Where::failed) break;
        eat(static_cast<unsigned char>(input[at]));
        if (where_ == Where::failed) break;
        ++at;
    }
    if (where_ == Where::done) return {State::done, at, {}};
    if (where_ == Where::failed) return {State::failed, at, {}};
    return {State::more, at, {}};
}

void ChunkedDecoder::eat(unsigned char c) noexcept {
    switch (where_) {
        case Where::size_first:
        case Where::size:
            return eat_size(c);
        case Where::extension:
        case Where::extension_name:
        case Where::extension_value:
        case Where::extension_token:
        case Where::extension_quoted:
        case Where::extension_escape:
        case Where::extension_end:
            return eat_extension(c);
        case Where::size_lf:
            if (c != '\n') return fail("chunk size line does not end in CR LF");
            where_ = remaining_ == 0 ? Where::trailer_first : Where::payload;
            return;
        case Where::payload_cr:
            if (c != '\r') return fail("chunk is longer than its size says");
            where_ = Where::payload_lf;
            return;
        case Where::payload_lf:
            if (c != '\n') return fail("chunk does not end in CR LF");
            where_ = Where::size_first;
            size_digits_ = 0;
            extension_bytes_ = 0;
            return;
        case Where::trailer_first:
        case Where::trailer_name:
        case Where::trailer_value:
        case Where::trailer_lf:
        case Where::end_lf:
            return eat_trailer(c);
        case Where::payload:
        case Where::done:
        case Where::failed:
            return;  // step() does not come here
    }
}

void ChunkedDecoder::eat_size(unsigned char c) noexcept {
    if (auto const digit = hex_digit(c); digit >= 0) {
        if (++size_digits_ > size_digits_max) return fail("chunk size has too many digits");
        remaining_ = (remaining_ << 4U) | static_cast<std::uint64_t>(digit);
        if (remaining_ > chunk_bytes_max) return fail("chunk size is too large");
        where_ = Where::size;
        return;
    }
    if (where_ == Where::size_first) return fail("chunk size has no digits");
    if (c == '\r') {
        where_ = Where::size_lf;
    } else if (c == ';') {
        where_ = Where::extension;
        if (++extensions_bytes_ > extensions_bytes_max) fail("chunk extensions are too long");
    } else {
        fail("chunk size has a byte that is no hex digit");
    }
}

// chunk-ext = *( ";" token [ "=" ( token / quoted-string ) ] ), without the white space that
// RFC 9112 lets a recipient tolerate: implementations disagree on it.
void ChunkedDecoder::eat_extension(unsigned char c) noexcept {
    bool const ends = c == '\r' || c == ';';
    switch (where_) {
        case Where::extension:
        case Where::extension_value:
            if (is_token_char(c)) {
                where_ =
                    where_ == Where::extension ? Where::extension_name : Where::extension_token;
            } else if (c == '"' && where_ == Where::extension_value) {
                where_ = Where::extension_quoted;
            } else {
                return fail("chunk extension is malformed");
            }
            break;
        case Where::extension_quoted:
            if (!is_text(c)) return fail("chunk extension has a control byte");
            if (c == '"') where_ = Where::extension_end;
            if (c == '\\') where_ = Where::extension_escape;
            break;
        case Where::extension_escape:
            if (!is_text(c)) return fail("chunk extension has a control byte");
            where_ = Where::extension_quoted;
            break;
        default:  // in or behind a name or value
            if (ends) {
                where_ = c == '\r' ? Where::size_lf : Where::extension;
            } else if (c == '=' && where_ == Where::extension_name) {
                where_ = Where::extension_value;
            } else if (where_ == Where::extension_end || !is_token_char(c)) {
                return fail("chunk extension is malformed");
            }
    }
    if (++extension_bytes_ > extension_bytes_max || ++extensions_bytes_ > extensions_bytes_max) {
        fail("chunk extensions are too long");
    }
}

// Trailer fields are checked and dropped; nothing downstream sees them.
void ChunkedDecoder::eat_trailer(unsigned char c) noexcept {
    if (where_ == Where::trailer_first && c == '\r') {
        where_ = Where::end_lf;
        return;
    }
    if (where_ == Where::end_lf) {
        if (c != '\n') return fail("body does not end in CR LF");
        where_ = Where::done;
        return;
    }
    if (++trailer_bytes_ > trailer_bytes_max) return fail("trailers are too long");
    switch (where_) {
        case Where::trailer_first:
        case Where::trailer_name:
            if (c == ':' && where_ == Where::trailer_name) {
                where_ = Where::trailer_value;
            } else if (is_token_char(c)) {
                where_ = Where::trailer_name;
            } else {
                fail("trailer field name is malformed");
            }
            return;
        case Where::trailer_value:
            if (c == '\r') {
                where_ = Where::trailer_lf;
            } else if (!is_text(c)) {
                fail("trailer field value has a control byte");
            }
            return;
        default:
            if (c != '\n') return fail("trailer line does not end in CR LF");
            where_ = Where::trailer_first;
    }
}

void ChunkedDecoder::fail(std::string_view reason) noexcept {
    where_ = Where::failed;
    reason_ = reason;
    remaining_ = 0;
}

ChunkHead::ChunkHead(std::uint64_t bytes) noexcept : text_{}, from_(16) {
    text_[16] = '\r';
    text_[17] = '\n';
    do {
        text_[--from_] = "0123456789abcdef"[bytes & 15U];
        bytes >>= 4U;
    } while (bytes != 0);
}

}  // namespace sluice::codec
