// "Did you mean ...?": the known names nearest to one that is not known. Cold path: config errors
// and 404 answers.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// Insertions, deletions, replacements and swaps of neighbours that lead from `a` to `b`, ASCII case
// ignored. Looks at the first 64 bytes of each.
std::size_t edit_distance(std::string_view a, std::string_view b) noexcept;

// The candidate most like `name`; "" when none is near: at most a third of its letters differ, or
// one begins with the other. A view into `candidates`.
std::string_view nearest(std::string_view name, std::span<std::string_view const> candidates);
std::string_view nearest(std::string_view name, std::span<std::string const> candidates);

// Up to `count_max` near candidates, the nearest first, ties in the order given.
std::vector<std::string_view> nearest_names(std::string_view name,
                                            std::span<std::string_view const> candidates,
                                            std::size_t count_max);

}  // namespace sluice
