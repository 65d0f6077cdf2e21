// What the ledger is told at start, and what it tells about itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "sluice/time.hpp"

#include "telemetry/ledger/disk.hpp"

namespace sluice::telemetry {

struct LedgerOptions {
    std::string dir;        // the storage's; files stand in <dir>/ledger
    std::string spill_dir;  // "": a private directory below the system's temporary one
    std::uint64_t rotate_bytes_max = 256ULL * 1024 * 1024;
    std::chrono::hours rotate_age{24};
    milliseconds sync_every{0};     // 0: never
    bool must_keep = false;         // refuse requests while records cannot be kept
    milliseconds stuck_after{500};  // a disk that takes longer over one write is gone around
    milliseconds stop_within{5'000};
    // Null: the real one.
    std::shared_ptr<Disk> disk;
    std::shared_ptr<Disk> spill_disk;
};

struct LedgerCounters {
    std::uint64_t written = 0;        // records in the ledger's files: handed to the kernel
    std::uint64_t spilled = 0;        // records in emergency files
    std::uint64_t dropped = 0;        // records lost: both ways were shut and the queue was full
    std::uint64_t queued = 0;         // records that are in no file yet
    std::uint64_t bytes = 0;          // of `written`
    std::uint64_t rotations = 0;      // files begun in place of another
    std::uint64_t adopted = 0;        // emergency files moved to the ledger's directory
    std::uint64_t failed = 0;         // writes to the ledger that failed; no loss by themselves
    std::uint64_t spill_failed = 0;   // writes to emergency files that failed
    bool failing = false;             // the ledger's last write failed, or one does not come back
    bool keeping = true;              // a record that comes now can be kept
    std::uint64_t access_failed = 0;  // batches of access lines that could not be written
};

}  // namespace sluice::telemetry
