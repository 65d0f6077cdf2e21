// A text of the neutral model. It stays as it stands in the JSON it came from: the string with its
// quotes and escapes. Every JSON dialect can take it over as it is, so nothing is decoded or
// escaped on the way; what has to be looked at is decoded then.
#pragma once

#include <string>
#include <string_view>

namespace sluice::llm {

struct Text {
    // "..." with its quotes, valid JSON; empty: absent. A view: of the body it was read from, or of
    // a Texts that outlives it.
    std::string_view json;

    [[nodiscard]] bool exists() const noexcept { return !json.empty(); }
    [[nodiscard]] bool is_empty() const noexcept { return json.size() <= 2; }  // "" or absent
    // Between the quotes, still escaped.
    [[nodiscard]] std::string_view inner() const noexcept {
        return json.size() < 2 ? std::string_view{} : json.substr(1, json.size() - 2);
    }
    // Does it stand there without escapes, and is it `plain`?
    [[nodiscard]] bool is(std::string_view plain) const noexcept { return inner() == plain; }
};

// What `text` says, decoded. Implemented in codec.
std::string decoded(Text text);

}  // namespace sluice::llm
