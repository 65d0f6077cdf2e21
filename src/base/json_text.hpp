// JSON written by appending to a string, without a tree: for log lines, ledger records, streams.
// Output is always valid UTF-8: bytes that are not become U+FFFD.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace sluice {

// `text` escaped, without quotes around it.
void append_json_escaped(std::string& out, std::string_view text);
// Copies `text`, which needs no escaping then, to `to`, where there is room for it. False: it does,
// and what stands at `to` is nothing.
bool copy_if_plain(char* to, std::string_view text) noexcept;
// `text` as a JSON string, quotes included.
void append_json_string(std::string& out, std::string_view text);

template <std::integral T>
void append_number(std::string& out, T value) {
    char digits[24];
    auto const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    out.append(digits, end);
}

}  // namespace sluice
