#include "base/trace_context.hpp"

#include <cstring>

#include "base/random.hpp"

namespace sluice {
namespace {

constexpr char digits[] = "0123456789abcdef";
constexpr std::size_t version_00_size = 55;
constexpr int members_max = 32;

template <class Id>
Id new_id() {
    Id id{};
    auto& random = Random::of_this_thread();
    do {
        for (std::size_t at = 0; at < id.size(); at += sizeof(std::uint64_t)) {
            auto const bits = random.next();
            std::memcpy(id.data() + at, &bits, sizeof bits);
        }
    } while (!is_set(id));
    return id;
}

template <class Id>
void append_id(std::string& out, Id const& id) {
    for (auto const byte : id) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
}

// Upper-case digits are no valid traceparent.
int digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

template <class Id>
bool read_id(std::string_view text, Id& id) noexcept {
    for (std::size_t i = 0; i < id.size(); ++i) {
        int const high = digit(text[2 * i]);
        int const low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        id[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return true;
}

bool is_key_byte(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' ||
           c == '/' || c == '@';
}

bool is_member(std::string_view text) noexcept {
    auto const equals = text.find('=');
    if (equals == text.npos || equals == 0 || equals > 256) return false;
    if (equals + 1 == text.size() || text.size() - equals - 1 > 256) return false;
    for (char const c : text.substr(0, equals)) {
        if (!is_key_byte(c)) return false;
    }
    for (char const c : text.substr(equals + 1)) {
        if (c < ' ' || c > '~' || c == '=') return false;
    }
    return true;
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

TraceId new_trace_id() { return new_id<TraceId>(); }
SpanId new_span_id() { return new_id<SpanId>(); }

void append_hex(std::string& out, TraceId const& id) { append_id(out, id); }
void append_hex(std::string& out, SpanId const& id) { append_id(out, id); }

std::optional<TraceContext> read_traceparent(std::string_view text) noexcept {
    if (text.size() < version_00_size) return std::nullopt;
    std::array<std::uint8_t, 1> version{};
    std::array<std::uint8_t, 1> flags{};
    TraceContext context;
    bool const has_dashes = text[2] == '-' && text[35] == '-' && text[52] == '-';
    if (!has_dashes || !read_id(text.substr(0, 2), version) || version[0] == 0xff ||
        !read_id(text.substr(3, 32), context.trace) ||
        !read_id(text.substr(36, 16), context.parent) || !read_id(text.substr(53, 2), flags)) {
        return std::nullopt;
    }
    // Later versions may go on behind a dash.
    bool const ends_well =
        text.size() == version_00_size || (version[0] > 0 && text[version_00_size] == '-');
    if (!ends_well || !is_set(context.trace) || !is_set(context.parent)) return std::nullopt;
    context.sampled = (flags[0] & 1) != 0;
    return context;
}

std::string to_traceparent(TraceId const& trace, SpanId const& span, bool sampled) {
    std::string text;
    text.reserve(version_00_size);
    text += "00-";
    append_hex(text, trace);
    text += '-';
    append_hex(text, span);
    text += sampled ? "-01" : "-00";
    return text;
}

bool is_tracestate(std::string_view text) noexcept {
    if (text.empty() || text.size() > tracestate_bytes_max) return false;
    int members = 0;
    while (!text.empty()) {
        auto const comma = text.find(',');
        auto const member = trimmed(text.substr(0, comma));
        text = comma == text.npos ? std::string_view{} : text.substr(comma + 1);
        if (member.empty()) continue;  // allowed, and counts for nothing
        if (!is_member(member) || ++members > members_max) return false;
    }
    return members > 0;
}

}  // namespace sluice
