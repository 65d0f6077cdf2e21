// How many tokens a text is, without a vocabulary: bounds that hold for every byte-level one, and a
// guess from the scripts it is written in. Exact counting has its place behind the same answer.
// Pure; called by the limiter on the worker, for each request that a token or USD limit concerns.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::tokens {

struct Count {
    std::int64_t lower = 0;     // never more than there are
    std::int64_t estimate = 0;  // likely; between the two
    std::int64_t upper = 0;     // never fewer than there are
    bool exact = false;         // lower == estimate == upper
};

// Of a text, or of a JSON body: its escapes and its structure only make the bytes more, so the
// bound holds for what is inside too. `lower` is of the text as it stands.
Count count(std::string_view text) noexcept;

}  // namespace sluice::tokens
