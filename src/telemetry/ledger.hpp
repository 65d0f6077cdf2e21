// The usage ledger: each request's UsageRecord as a line of <dir>/ledger/usage-*.jsonl, and of the
// access log. Workers append to bounded queues of their own; threads of its own write
// (ledger/threads.hpp). Called by RecordSink on workers, by the daemon for open, stop and state.
// docs/reference/ledger.md says what is promised.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "sluice/result.hpp"
#include "sluice/usage_record.hpp"

#include "telemetry/access_log.hpp"
#include "telemetry/ledger/options.hpp"

namespace sluice::telemetry {

class LedgerThreads;
struct RecordFeed;

class Ledger {
  public:
    static constexpr std::size_t batch_records = 256;  // wakes the writer

    // Makes <dir>/ledger when missing. `access_log` may be null: off.
    static Result<std::unique_ptr<Ledger>> open(LedgerOptions options, unsigned workers,
                                                std::unique_ptr<AccessLog> access_log = nullptr);
    ~Ledger();

    // That worker's thread only. Numbers the record; never blocks. False: dropped and counted, and
    // the number is used up, so that a gap in the files tells of the loss.
    bool append(unsigned worker, UsageRecord&& record) noexcept;
    // Any thread but a worker's: returns when nothing is queued any more; false: not in that time.
    bool flush(milliseconds within = milliseconds{10'000});
    // Writes what is queued where it can and ends the threads, in bounded time. Call when the
    // workers have ended. Idempotent.
    void stop();

    // Any thread; takes no lock. False: neither the ledger nor the emergency file can be written
    // now, or a record was dropped and none was written since.
    [[nodiscard]] bool keeps_records() const noexcept;
    // Any thread: the operator wants no request whose record may be lost, and one may be now.
    [[nodiscard]] bool refuses_new() const noexcept {
        return must_keep_.load(std::memory_order_relaxed) && !keeps_records();
    }
    void set_must_keep(bool must_keep) noexcept { must_keep_ = must_keep; }
    // Why not, for the operator; "" when it does.
    [[nodiscard]] std::string trouble() const;
    [[nodiscard]] LedgerCounters counters() const noexcept;
    [[nodiscard]] std::string dir() const;  // of the files
    [[nodiscard]] std::string spill_dir() const;
    [[nodiscard]] std::string active_path() const;  // "" between two files
    [[nodiscard]] std::string run() const;          // ULID of this start; in each line

  private:
    Ledger(std::shared_ptr<LedgerThreads> threads, bool must_keep);

    std::shared_ptr<LedgerThreads> const threads_;
    std::unique_ptr<RecordFeed> const* const feeds_;  // one per worker, of threads_
    std::atomic<bool> is_stopped_{false};             // append refuses
    std::atomic<bool> must_keep_;
};

}  // namespace sluice::telemetry
