// An operator's pattern: PCRE2, compiled once, matched with JIT and limits. Built at load;
// immutable and shared afterwards; the scratch is the thread's. Bytes that are no UTF-8 match
// nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "sluice/result.hpp"

#include "guard/matcher.hpp"

namespace sluice::guard {

struct PatternFacts {
    std::size_t width_min = 0;             // bytes
    std::optional<std::size_t> width_max;  // bytes; nullopt: not bounded
};

// Errors (invalid_request): with what is wrong and where, for the operator. What cannot be scanned
// for in a stream (an empty match, a look-behind over 32 characters, \K) is refused too.
Result<std::unique_ptr<Matcher>> make_pattern(std::string const& pattern);
// How wide a match can be, by Vectorscan: never narrower than the pattern.
Result<PatternFacts> measure_pattern(std::string const& pattern);

}  // namespace sluice::guard
