// All that a guard set finds in one whole text, as spans of the text as it stands. Called by the
// request walk and the answer guard for what is there at once; the filter does the same for
// streams.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "guard/guard_run.hpp"
#include "guard/normalise.hpp"

namespace sluice::guard {

// Before merging, offsets are of the normalised text; afterwards none overlap.
struct Hit {
    std::size_t from = 0;
    std::size_t to = 0;
    unsigned rule = 0;
};

// Sorts; overlapping hits become one of the strictest rule among them.
void merge(Rules const& rules, std::vector<Hit>& hits);

// What stands in the place of a span of the source.
struct Replacement {
    std::size_t from = 0;
    std::size_t to = 0;
    std::string text;
};

enum class Outcome : std::uint8_t { pass, blocked };

// Counts what is found; `out`: what is redacted, in order, in offsets of `source`. Blocked: the run
// says by whom. Where matching gave up, on_unscannable decides.
Outcome find(GuardRun& run, Way way, std::string_view place, std::string_view source, Syntax syntax,
             std::vector<Replacement>& out);

// A hit in a bare run of JSON takes the whole number, and what stands for it needs quotes.
void widen_to_token(std::string_view text, Hit& hit) noexcept;

}  // namespace sluice::guard
