// A consistent copy of the database, while the daemon goes on writing. Called by `sluice storage
// backup`. Blocking.
#pragma once

#include <string>

#include "sluice/result.hpp"

namespace sluice::store {

struct BackupFigures {
    std::int64_t bytes = 0;
    std::int64_t requests = 0;  // rows and sums of days together
};

// Writes <target>.part, checks it (integrity, schema, as many records as the original had) and
// renames it. Error: the target exists, cannot be written, or the copy is not right; no <target>
// is left then.
Result<BackupFigures> back_up(std::string const& storage_dir, std::string const& target);

}  // namespace sluice::store
