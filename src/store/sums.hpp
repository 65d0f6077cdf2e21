// What is counted and by what it can be grouped: the columns that rows, sums per day and answers
// have in common. Pure values.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "store/sqlite/database.hpp"

namespace sluice::store {

enum class Measure : std::uint8_t {
    requests,
    errors,       // of requests: ended in an error
    client_gone,  // of requests: the caller left before the end
    attempts,
    input,  // tokens; input and output include their parts
    cache_read,
    cache_write,
    audio_input,
    output,
    reasoning,
    audio_output,
    cost,              // pico-USD of what has a price
    cost_unknown,      // requests with tokens whose price is unknown
    estimated,         // requests with tokens that no provider reported
    estimated_tokens,  // of input and output
};
inline constexpr std::size_t measure_count = 15;
inline constexpr std::array<std::string_view, measure_count> measure_columns = {
    "requests",     "errors",      "client_gone",  "attempts",  "input",
    "cache_read",   "cache_write", "audio_input",  "output",    "reasoning",
    "audio_output", "cost",        "cost_unknown", "estimated", "estimated_tokens"};

class Sums {
  public:
    Wide& operator[](Measure measure) noexcept { return of_[static_cast<std::size_t>(measure)]; }
    Wide operator[](Measure measure) const noexcept {
        return of_[static_cast<std::size_t>(measure)];
    }
    Sums& operator+=(Sums const& other) noexcept {
        for (std::size_t i = 0; i < measure_count; ++i) of_[i] += other.of_[i];
        return *this;
    }
    friend bool operator==(Sums const&, Sums const&) = default;

    // The measures stand in `measure_columns` order from `column` on.
    void read(Statement const& row, int column) noexcept {
        for (std::size_t i = 0; i < measure_count; ++i) {
            of_[i] += row.wide(column + static_cast<int>(i));
        }
    }
    void bind(Statement& statement, int at) const noexcept {
        for (std::size_t i = 0; i < measure_count; ++i) {
            statement.bind_wide(at + static_cast<int>(i), of_[i]);
        }
    }

  private:
    std::array<Wide, measure_count> of_{};
};

// Texts stand in rows as numbers of the table `word`; tags as one text, a JSON array.
enum class Dimension : std::uint8_t { org, team, key, user, route, tags, provider, model };
inline constexpr std::size_t dimension_count = 8;
inline constexpr std::array<std::string_view, dimension_count> dimension_columns = {
    "org", "team", "api_key", "end_user", "route", "tags", "provider", "model"};

using WordIds = std::array<std::int64_t, dimension_count>;

// A day's sums are kept by these.
struct DayKey {
    std::int64_t day = 0;  // since 1970, UTC
    WordIds words{};
    friend bool operator==(DayKey const&, DayKey const&) = default;
};

struct DayKeyHash {
    std::size_t operator()(DayKey const& key) const noexcept {
        auto hash = static_cast<std::uint64_t>(key.day);
        for (auto const word : key.words) {
            hash = (hash ^ static_cast<std::uint64_t>(word)) * 0x9E3779B97F4A7C15ULL;
            hash ^= hash >> 29;
        }
        return hash;
    }
};

using DaySums = std::unordered_map<DayKey, Sums, DayKeyHash>;

inline constexpr std::int64_t day_ms = 24LL * 3600 * 1000;

// Of a time before 1970 too.
constexpr std::int64_t day_of(std::int64_t at_ms) noexcept {
    return (at_ms >= 0 ? at_ms : at_ms - day_ms + 1) / day_ms;
}

// "a, b, c"
template <std::size_t size>
std::string list_of(std::array<std::string_view, size> const& columns) {
    std::string text;
    for (auto const column : columns) {
        if (!text.empty()) text += ", ";
        text += column;
    }
    return text;
}
// "?, ?, ?"
std::string placeholders(std::size_t count);

}  // namespace sluice::store
