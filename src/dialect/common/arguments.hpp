// What a model wrote as a tool's arguments, as the JSON object they should be: "" is an empty one;
// what is no object (cut by the answer's length, say) is kept as the one text in an object.
#pragma once

#include <string>
#include <utility>

#include "base/json_text.hpp"
#include "codec/json_walk.hpp"

namespace sluice::dialect {

inline std::string arguments_object(std::string text) {
    auto const first = text.find_first_not_of(" \t\r\n");
    if (first == std::string::npos) return "{}";
    if (text[first] == '{' && codec::is_json(text)) return text;
    std::string kept = "{\"arguments\":";
    append_json_string(kept, text);
    return kept + "}";
}

}  // namespace sluice::dialect
