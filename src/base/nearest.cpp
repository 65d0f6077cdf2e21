// Nearest names by edit distance (optimal string alignment). Called by config and by endpoints that
// answer 404; calls nothing.
#include "base/nearest.hpp"

#include <algorithm>
#include <array>

namespace sluice {
namespace {

constexpr std::size_t looked_at = 64;

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool begins_with(std::string_view text, std::string_view prefix) {
    return prefix.size() >= 3 && text.size() >= prefix.size() &&
           std::equal(prefix.begin(), prefix.end(), text.begin(),
                      [](char a, char b) { return lower(a) == lower(b); });
}

struct Candidate {
    std::size_t distance;
    std::string_view name;
};

// Near enough to be worth telling?
bool is_near(std::string_view name, Candidate const& candidate) {
    auto const longest = std::max(name.size(), candidate.name.size());
    if (candidate.distance <= std::max<std::size_t>(1, longest / 3)) return true;
    return begins_with(candidate.name, name) || begins_with(name, candidate.name);
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) noexcept {
    a = a.substr(0, looked_at);
    b = b.substr(0, looked_at);
    // Three rows of the usual table: two above for the swap of neighbours.
    std::array<std::array<std::size_t, looked_at + 1>, 3> rows{};
    for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        auto& row = rows[i % 3];
        auto const& above = rows[(i + 2) % 3];
        auto const& above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            bool const same = lower(a[i - 1]) == lower(b[j - 1]);
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1])) {
                row[j] = std::min(row[j], above2[j - 2] + 1);
            }
        }
    }
    return rows[a.size() % 3][b.size()];
}

std::vector<std::string_view> nearest_names(std::string_view name,
                                            std::span<std::string_view const> candidates,
                                            std::size_t count_max) {
    std::vector<Candidate> near;
    for (auto const candidate : candidates) {
        Candidate const scored{edit_distance(name, candidate), candidate};
        if (is_near(name, scored)) near.push_back(scored);
    }
    std::stable_sort(near.begin(), near.end(),
                     [](auto const& a, auto const& b) { return a.distance < b.distance; });
    std::vector<std::string_view> names;
    for (auto const& candidate : near) {
        if (names.size() == count_max) break;
        names.push_back(candidate.name);
    }
    return names;
}

std::string_view nearest(std::string_view name, std::span<std::string_view const> candidates) {
    auto const names = nearest_names(name, candidates, 1);
    return names.empty() ? std::string_view{} : names.front();
}

std::string_view nearest(std::string_view name, std::span<std::string const> candidates) {
    std::vector<std::string_view> const views(candidates.begin(), candidates.end());
    return nearest(name, std::span<std::string_view const>{views});
}

}  // namespace sluice
