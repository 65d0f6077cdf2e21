#include "store/memory/calendar.hpp"

#include <chrono>

namespace sluice::store {
namespace {

constexpr std::int64_t hour_s = 3600;
constexpr std::int64_t day_s = 24 * hour_s;

constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) noexcept {
    return a >= 0 ? a / b : (a - b + 1) / b;
}

std::int64_t offset_at(TimeZone const* zone, std::int64_t unix_s) noexcept {
    return zone ? zone->offset_at(unix_s) : 0;
}

// The moment at which local clocks show `local`; where they skip it, a moment close by.
std::int64_t to_unix(TimeZone const* zone, std::int64_t local) noexcept {
    auto const guess = local - offset_at(zone, local);
    return local - offset_at(zone, guess);
}

}  // namespace

PeriodSpan period_at(Period period, TimeZone const* zone, std::int64_t unix_s) noexcept {
    using namespace std::chrono;
    if (period == Period::total) return {1, PeriodSpan::never};
    auto const offset = offset_at(zone, unix_s);
    if (period == Period::hour) {
        // By real hours, so that none is long or counted twice when clocks change.
        auto const shift = ((offset % hour_s) + hour_s) % hour_s;
        auto const ordinal = floor_div(unix_s + shift, hour_s);
        return {ordinal, (ordinal + 1) * hour_s - shift};
    }
    auto const day = floor_div(unix_s + offset, day_s);
    PeriodSpan span;
    std::int64_t next_day = day + 1;
    if (period == Period::day) {
        span.ordinal = day;
    } else if (period == Period::week) {
        span.ordinal = floor_div(day + 3, 7);  // 1970 began on a Thursday
        next_day = (span.ordinal + 1) * 7 - 3;
    } else {
        year_month_day const date{sys_days{days{day}}};
        span.ordinal = int{date.year()} * 12LL + static_cast<unsigned>(date.month()) - 1;
        auto const next = date.year() / date.month() / 1 + months{1};
        next_day = sys_days{next}.time_since_epoch().count();
    }
    span.ends = to_unix(zone, next_day * day_s);
    if (span.ends <= unix_s) span.ends = unix_s + hour_s;  // a night in which clocks changed
    return span;
}

}  // namespace sluice::store
