// Calendar periods of a budget: the hour, day, week (from Monday) or month that a moment lies in,
// by the clock of a time zone. Pure; computed when a period has ended, not per request.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>

#include "base/time_zone.hpp"

namespace sluice::store {

enum class Period : std::uint8_t { hour, day, week, month, total };

struct PeriodSpan {
    static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
    std::int64_t ordinal = 0;   // grows from one period to the next
    std::int64_t ends = never;  // Unix seconds
};

// `ends` is after `unix_s`. `zone` null: UTC.
PeriodSpan period_at(Period period, TimeZone const* zone, std::int64_t unix_s) noexcept;

}  // namespace sluice::store
