// How the request and answer readers walk a JSON text: members and elements with a function each,
// values taken as they stand. The text is one value that a reader has checked before, or that is
// checked on the way; false anywhere means that it is broken or that the function refused it.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sluice/llm/text.hpp"

#include "codec/json_walk.hpp"

namespace sluice::dialect {

using codec::JsonKey;
using codec::JsonKind;
using codec::JsonScanner;
using codec::JsonString;

// f(name, quoted) takes the member's value from the scanner; `quoted` is the name as it stands.
// Names longer than 64 bytes never match.
template <class F>
bool each_named(JsonScanner& scan, F&& f) {
    if (!scan.enter('{')) return false;
    JsonString raw;
    JsonKey key;
    for (bool first = true; scan.next_key(raw, first);) {
        key.set(raw);
        if (!f(key.name(), raw.quoted)) return false;
    }
    return !scan.failed();
}

// f(name) takes the member's value from the scanner.
template <class F>
bool each_member(JsonScanner& scan, F&& f) {
    return each_named(scan, [&f](std::string_view name, std::string_view) { return f(name); });
}

// f() takes the element from the scanner.
template <class F>
bool each_element(JsonScanner& scan, F&& f) {
    if (!scan.enter('[')) return false;
    for (bool first = true; scan.next_element(first);) {
        if (!f()) return false;
    }
    return !scan.failed();
}

// The value as it stands.
inline bool take_json(JsonScanner& scan, std::string_view& out) {
    auto const from = scan.offset();
    if (!scan.skip_value(0)) return false;
    out = scan.since(from);
    return true;
}

// null reads as absent.
inline bool take_json_or_null(JsonScanner& scan, std::string_view& out) {
    bool const is_null = scan.peek() == JsonKind::null;
    std::string_view json;
    if (!take_json(scan, json)) return false;
    if (!is_null) out = json;
    return true;
}

// A string; anything else reads as absent.
inline bool take_text(JsonScanner& scan, llm::Text& out) {
    if (scan.peek() != JsonKind::string) return scan.skip_value(0);
    JsonString text;
    if (!scan.read_string(text)) return false;
    out.json = text.quoted;
    return true;
}

inline bool take_integer(JsonScanner& scan, std::optional<std::int64_t>& out) {
    std::string_view json;
    bool const is_number = scan.peek() == JsonKind::number;
    if (!take_json(scan, json)) return false;
    std::int64_t value = 0;
    auto const [end, error] = std::from_chars(json.data(), json.data() + json.size(), value);
    if (is_number && error == std::errc{} && end == json.data() + json.size()) out = value;
    return true;
}

inline bool take_bool(JsonScanner& scan, std::optional<bool>& out) {
    auto const kind = scan.peek();
    if (kind == JsonKind::true_) out = true;
    if (kind == JsonKind::false_) out = false;
    return scan.skip_value(0);
}

// true, false or "".
inline bool take_flag(JsonScanner& scan, std::string_view& out) {
    auto const kind = scan.peek();
    std::string_view json;
    if (!take_json(scan, json)) return false;
    if (kind == JsonKind::true_ || kind == JsonKind::false_) out = json;
    return true;
}

}  // namespace sluice::dialect
