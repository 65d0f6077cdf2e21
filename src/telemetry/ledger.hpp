// The usage ledger: each request's UsageRecord as a line of <dir>/ledger/usage-<date of
// start>.jsonl, and of the access log. Workers append to bounded queues of their own; one thread
// writes. Called by RecordSink on workers, by the daemon for open, stop and counters.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sluice/result.hpp"
#include "sluice/usage_record.hpp"

#include "telemetry/access_log.hpp"
#include "telemetry/record_queue.hpp"

namespace sluice::telemetry {

struct LedgerCounters {
    std::uint64_t written = 0;        // handed to the kernel
    std::uint64_t dropped = 0;        // a worker's queue was full, or the ledger had stopped
    std::uint64_t failed = 0;         // the file could not be written: lost
    bool failing = false;             // the last write failed
    std::uint64_t access_failed = 0;  // batches of access lines that could not be written
};

class Ledger {
  public:
    static constexpr std::size_t queue_records = 4096;  // per worker
    static constexpr std::size_t batch_records = 256;   // wakes the writer
    static constexpr milliseconds flush_interval{100};

    // Makes <dir>/ledger when missing. `access_log` may be null: off.
    static Result<std::unique_ptr<Ledger>> open(std::string const& dir, unsigned workers,
                                                std::unique_ptr<AccessLog> access_log = nullptr);
    ~Ledger();

    // That worker's thread only. Numbers the record; never blocks. False: dropped and counted, and
    // the number is used up, so that a gap in the file tells of the loss.
    bool append(unsigned worker, UsageRecord&& record) noexcept;
    // Any thread but a worker's: returns when all that was appended before is written.
    void flush();
    // Writes what is queued and ends the thread. Call when the workers have ended. Idempotent.
    void stop();

    [[nodiscard]] LedgerCounters counters() const noexcept;
    [[nodiscard]] std::string const& path() const noexcept { return path_; }

  private:
    struct Feed {  // one per worker
        RecordQueue queue{queue_records};
        std::uint64_t sequence = 0;             // worker's thread
        std::atomic<std::uint64_t> dropped{0};  // worker's thread writes
    };

    Ledger(int fd, std::string path, unsigned workers, std::unique_ptr<AccessLog> access_log);
    void run();
    void write_queued();
    void write_batch(std::size_t records);
    bool write_all(std::string_view bytes) noexcept;

    int const fd_;
    std::string const path_;
    std::unique_ptr<AccessLog> access_log_;
    std::vector<std::unique_ptr<Feed>> feeds_;

    std::atomic<bool> wanted_{false};   // a batch is full
    std::atomic<bool> stopped_{false};  // append refuses
    std::atomic<std::uint64_t> written_{0};
    std::atomic<std::uint64_t> failed_{0};
    std::atomic<std::uint64_t> access_failed_{0};
    std::atomic<bool> last_write_failed_{false};  // writer's thread writes

    std::mutex mutex_;  // the three below; a worker never takes it
    std::condition_variable wake_;
    bool stopping_ = false;
    std::uint64_t passes_begun_ = 0;
    std::uint64_t passes_done_ = 0;
    std::condition_variable pass_done_;

    // Writer's thread only.
    std::string batch_;
    bool line_is_torn_ = false;  // the last write ended inside a line
    std::thread thread_;         // last: everything else is ready when it starts
};

}  // namespace sluice::telemetry
