// What the event writers append to a stream: JSON as it stands, texts of the provider's or our own.
#pragma once

#include <string>
#include <string_view>

#include "sluice/llm/text.hpp"

#include "base/json_text.hpp"

namespace sluice::dialect {

// JSON for a line of an event stream: line ends between its values become spaces.
inline void append_one_line(std::string& out, std::string_view json) {
    auto const from = out.size();
    out += json;
    // Inside a string they are escaped: what stands here is white space.
    for (auto at = from; (at = out.find_first_of("\r\n", at)) != out.npos;) out[at] = ' ';
}

// A text of the provider's, else our own of two parts.
inline void append_or(std::string& out, llm::Text text, std::string_view prefix,
                      std::string_view own) {
    if (text.exists()) {
        out += text.json;
    } else {
        append_json_string(out, std::string{prefix}.append(own));
    }
}

}  // namespace sluice::dialect
