// Wall time as text, UTC.
#pragma once

#include <string>

#include "sluice/time.hpp"

namespace sluice {

void append_timestamp(std::string& out, Wall::time_point at);  // 2026-11-22T12:33:04.123Z
std::string to_date(Wall::time_point at);                      // 2026-11-22

}  // namespace sluice
