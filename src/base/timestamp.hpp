// Wall time as text, UTC.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/time.hpp"

namespace sluice {

void append_timestamp(std::string& out, Wall::time_point at);  // 2026-11-22T12:33:04.123Z
// The same, in the timestamp_bytes at `to`. Returns behind them.
inline constexpr std::size_t timestamp_bytes = sizeof "YYYY-MM-DDThh:mm:ss.mmmZ" - 1;
char* write_timestamp(char* to, Wall::time_point at);
std::string to_date(Wall::time_point at);  // 2026-11-22
// Reads 2026-11-22, 2026-11-22T12:33:04Z or with up to nine decimals (kept to the millisecond).
std::optional<Wall::time_point> read_timestamp(std::string_view text);

}  // namespace sluice
