// The sums per day: adds to them, inside a transaction of the caller's. Called by the projection
// for records that come after their day's sums were made, and by retention, which makes them.
#pragma once

#include "store/sums.hpp"

namespace sluice::store {

class DayTable {
  public:
    static Result<DayTable> open(Database& database);
    Result<void> add(DaySums const& sums);

  private:
    DayTable() = default;
    Result<void> add(DayKey const& key, Sums sums);

    Statement find_;
    Statement put_;
};

}  // namespace sluice::store
