// What happens to rows as they age: sums per day are made of them soon, the rows themselves and the
// ledger's files go after the days the configuration says. Small transactions; called by the
// Projector when it has caught up. `now` is UTC milliseconds.
#pragma once

#include "store/projection/projection.hpp"

namespace sluice::store {

struct RetentionSettings {  // 0 = for ever
    int rows_days = 0;
    int ledger_days = 0;
};

// Adds some rows to their days' sums and moves the mark sealed_to behind them. Rows of the last
// minutes stay out, as more may come. False: none are left.
Result<bool> seal_some(Projection& projection, std::int64_t now);

// Deletes some rows of days that ended rows_days ago, sealed ones only. False: none are left.
Result<bool> purge_some(Projection& projection, std::int64_t now, int rows_days);

// Deletes ledger files whose last record is more than ledger_days old: closed ones, of which every
// whole line is in the database. Returns how many.
Result<int> delete_ledger_files(Projection& projection, std::int64_t now, int ledger_days);

}  // namespace sluice::store
