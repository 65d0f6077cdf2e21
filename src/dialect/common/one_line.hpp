// A JSON value as it may stand in an event: line breaks between its tokens would end the event's
// line.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace sluice::dialect {

// A line break inside a JSON string is escaped, so what stands here is white space.
inline void append_one_line(std::string& out, std::string_view json) {
    auto const from = out.size();
    out += json;
    std::replace_if(
        out.begin() + static_cast<std::ptrdiff_t>(from), out.end(),
        [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

}  // namespace sluice::dialect
