// HTTP values: names, case-insensitive comparison, header lists and blocks, owned bodies.
// Called by everything that reads or writes a head; calls nothing.
#include "sluice/http.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice::http {
namespace {

constexpr bool is_token_byte(unsigned char c) {
    if (c >= '0' && c <= '9') return true;
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') return true;
    return c != 0 &&
           std::string_view{"!#$%&'*+-.^_`|~"}.find(static_cast<char>(c)) != std::string_view::npos;
}

// What may stand in a field name (RFC 9110 section 5.6.2) and in a field value (section 5.5: no
// control byte but the tab; bytes from 0x80 on pass).
enum : std::uint8_t { in_name = 1, in_value = 2 };
constexpr auto byte_class = [] {
    std::array<std::uint8_t, 256> table{};
    for (unsigned c = 0; c < 256; ++c) {
        if (is_token_byte(static_cast<unsigned char>(c))) table[c] |= in_name;
        if (c == '\t' || (c >= 0x20 && c != 0x7f)) table[c] |= in_value;
    }
    return table;
}();

bool all_of_class(std::string_view text, std::uint8_t wanted) {
    std::uint8_t all = wanted;
    for (char c : text) all &= byte_class[static_cast<unsigned char>(c)];
    return all == wanted;
}

std::uint64_t load8(char const* at) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

bool all_in_value(std::string_view text) {
    constexpr std::uint64_t ones = 0x0101010101010101u;
    constexpr std::uint64_t tops = 0x80 * ones;
    while (text.size() >= 8) {
        auto const word = load8(text.data());
        auto const controls = (word - 0x20 * ones) & ~word & tops;
        auto const del = word ^ (0x7f * ones);
        // A tab is a control byte too: such a value is looked at byte by byte.
        if ((controls | ((del - ones) & ~del & tops)) != 0) break;
        text.remove_prefix(8);
    }
    return all_of_class(text, in_value);
}

std::uint64_t load4(char const* at) {
    std::uint32_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

// Most that are compared differ in more than the bit that tells lower case from upper.
[[gnu::always_inline]] inline bool equal_but_for_case(std::uint64_t a, std::uint64_t b) {
    constexpr std::uint64_t ones = 0x0101010101010101u;
    auto const differ = a ^ b;
    if ((differ & ~(0x20 * ones)) != 0) return false;
    if (differ == 0) return true;
    // Those that differ are equal where they are letters: where the high bit tells that they are.
    std::uint64_t const low7 = (a | 0x20 * ones) & (0x7f * ones);
    std::uint64_t const letters =
        ((low7 + (0x80 - 'a') * ones) ^ (low7 + (0x7f - 'z') * ones)) & ~a & (0x80 * ones);
    return (differ & ~(letters >> 2)) == 0;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

std::string_view to_string(Method method) noexcept {
    switch (method) {
        case Method::get:
            return "GET";
        case Method::head:
            return "HEAD";
        case Method::post:
            return "POST";
        case Method::put:
            return "PUT";
        case Method::patch:
            return "PATCH";
        case Method::del:
            return "DELETE";
        case Method::options:
            return "OPTIONS";
        case Method::other:
            return "OTHER";
    }
    return "OTHER";
}

std::string_view reason_phrase(std::uint16_t status) noexcept {
    switch (status) {
        case 100:
            return "Continue";
        case 101:
            return "Switching Protocols";
        case 103:
            return "Early Hints";
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 203:
            return "Non-Authoritative Information";
        case 204:
            return "No Content";
        case 205:
            return "Reset Content";
        case 206:
            return "Partial Content";
        case 300:
            return "Multiple Choices";
        case 301:
            return "Moved Permanently";
        case 302:
            return "Found";
        case 303:
            return "See Other";
        case 304:
            return "Not Modified";
        case 307:
            return "Temporary Redirect";
        case 308:
            return "Permanent Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 402:
            return "Payment Required";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 406:
            return "Not Acceptable";
        case 407:
            return "Proxy Authentication Required";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 411:
            return "Length Required";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 416:
            return "Range Not Satisfiable";
        case 417:
            return "Expectation Failed";
        case 421:
            return "Misdirected Request";
        case 422:
            return "Unprocessable Content";
        case 424:
            return "Failed Dependency";
        case 425:
            return "Too Early";
        case 426:
            return "Upgrade Required";
        case 428:
            return "Precondition Required";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 451:
            return "Unavailable For Legal Reasons";
        case 499:
            return "Client Closed Request";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        case 507:
            return "Insufficient Storage";
        case 511:
            return "Network Authentication Required";
        case 529:
            return "Overloaded";
        default:
            return "";
    }
}

bool iequals(std::string_view a, std::string_view b) noexcept {
    std::size_t const size = a.size();
    if (size != b.size()) return false;
    if (size < 4) {
        for (std::size_t i = 0; i < size; ++i) {
            if (lower(a[i]) != lower(b[i])) return false;
        }
        return true;
    }
    // The last bytes overlap what was compared already.
    if (size < 8) {
        return equal_but_for_case(load4(a.data()) | load4(a.data() + size - 4) << 32,
                                  load4(b.data()) | load4(b.data() + size - 4) << 32);
    }
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
        if (!equal_but_for_case(load8(a.data() + i), load8(b.data() + i))) return false;
    }
    return equal_but_for_case(load8(a.data() + size - 8), load8(b.data() + size - 8));
}

bool has_token(std::string_view list, std::string_view token) noexcept {
    while (true) {
        auto const comma = list.find(',');
        if (iequals(trim(list.substr(0, comma)), token)) return true;
        if (comma == std::string_view::npos) return false;
        list.remove_prefix(comma + 1);
    }
}

std::string_view HeaderView::get(std::string_view name) const noexcept {
    for (auto const& field : fields_) {
        if (field.name.size() == name.size() && iequals(field.name, name)) return field.value;
    }
    return {};
}

bool HeaderView::has(std::string_view name) const noexcept {
    return std::any_of(fields_.begin(), fields_.end(), [name](Field const& field) {
        return field.name.size() == name.size() && iequals(field.name, name);
    });
}

bool HeaderBlock::add(std::string_view name, std::string_view value) {
    if (name.empty() || !all_of_class(name, in_name) || !all_in_value(value)) {
        return false;
    }
    add_trusted(name, value);
    return true;
}

void HeaderBlock::add_trusted(std::string_view name, std::string_view value) {
    auto* at = std::copy(name.begin(), name.end(), extend(name.size() + value.size() + 4));
    *at++ = ':';
    *at++ = ' ';
    at = std::copy(value.begin(), value.end(), at);
    *at++ = '\r';
    *at = '\n';
}

void HeaderBlock::append(HeaderBlock const& other) {
    auto const from = other.wire();
    std::copy(from.begin(), from.end(), extend(from.size()));
}

char* HeaderBlock::extend(std::size_t bytes) {
    auto const from = wire_.size();
    auto const needed = from + bytes;
    if (needed > wire_.capacity()) {
        BlockVector<char> grown;
        grown.reserve(std::max(needed, wire_.capacity() * 2 + 512));
        grown.resize(from);
        std::copy(wire_.begin(), wire_.end(), grown.begin());
        wire_ = std::move(grown);
    }
    wire_.resize(needed);
    return wire_.data() + from;
}

std::string_view HeaderBlock::get(std::string_view name) const noexcept {
    std::string_view rest = wire();
    while (!rest.empty()) {
        auto const end = rest.find("\r\n");
        auto const line = rest.substr(0, end);
        auto const colon = line.find(':');
        if (iequals(line.substr(0, colon), name)) return trim(line.substr(colon + 1));
        rest.remove_prefix(end + 2);
    }
    return {};
}

Body Body::copy_of(std::string_view text) {
    Body body{text.size()};
    body.append(text);
    return body;
}

void Body::reserve(std::size_t capacity) {
    if (data_ && capacity <= capacity_) return;
    auto* const grown = static_cast<char*>(allocate_block(capacity + padding));
    if (size_ > 0) std::memcpy(grown, data_, size_);
    if (data_) free_block(data_, capacity_ + padding);
    data_ = grown;
    capacity_ = capacity;
}

void Body::append(std::string_view bytes) {
    if (bytes.empty()) return;
    if (bytes.size() > room()) reserve(std::max(size_ + bytes.size(), capacity_ * 2));
    std::memcpy(tail(), bytes.data(), bytes.size());
    commit(bytes.size());
}

}  // namespace sluice::http
