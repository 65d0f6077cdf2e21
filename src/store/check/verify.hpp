// Is the database sound, and does it hold the ledger? Reads every line of every ledger file beside
// its rows. Called by `sluice storage verify`. Blocking, and long for a large ledger.
#pragma once

#include <string>
#include <vector>

#include "sluice/result.hpp"

namespace sluice::store {

struct VerifyReport {
    std::int64_t files = 0;
    std::int64_t records = 0;         // different ones, in the files
    std::int64_t rolled_up = 0;       // of those: their rows are gone, their sums are kept
    std::int64_t duplicates = 0;      // lines whose id came before; counted once
    std::int64_t pending_bytes = 0;   // not taken in yet
    std::int64_t lost = 0;            // numbers without a record, over all runs and workers
    std::vector<std::string> damage;  // each a sentence
    std::vector<std::string> notes;   // what is odd but harmless

    [[nodiscard]] bool is_sound() const noexcept { return damage.empty() && lost == 0; }
};

// Error: it could not be looked at.
Result<VerifyReport> verify(std::string const& storage_dir);

}  // namespace sluice::store
