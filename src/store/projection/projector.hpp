// The thread that keeps the database behind the ledger: a pass every half second, retention when
// it has caught up. Low priority, and no worker ever waits for it. When SQLite fails it says so,
// counts, waits longer and tries again; the ledger goes on without it. The daemon owns it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "sluice/time.hpp"

#include "store/projection/retention.hpp"

namespace sluice::store {

struct ProjectorCounters {
    std::uint64_t records = 0;     // made rows since the start
    std::uint64_t duplicates = 0;  // lines whose id was there already
    std::uint64_t bad_lines = 0;   // lines that are no record
    std::uint64_t failures = 0;    // passes that ended in an error
    std::uint64_t files_deleted = 0;
    std::uint64_t pending_bytes = 0;  // of the ledger, not rows yet
    bool failing = false;             // the last pass ended in an error
};

class Projector {
  public:
    static constexpr milliseconds pass_every{500};
    static constexpr milliseconds retry_after_max{60'000};

    Projector(std::string storage_dir, RetentionSettings retention);
    ~Projector();  // stops

    void start();
    // Takes in what is there, for at most `within`, and ends the thread. Call when the ledger has
    // been closed. Idempotent.
    void stop(milliseconds within = milliseconds{5'000});
    // Any thread but a worker's. Takes effect with the next pass.
    void set_retention(RetentionSettings retention);
    // Any thread but a worker's: returns when a pass that began after this call has ended, or when
    // `within` is over. True: everything that was in the ledger's files is in the database.
    bool catch_up(milliseconds within);

    // Any thread.
    [[nodiscard]] ProjectorCounters counters() const noexcept;

  private:
    void run();
    bool pass();  // false: failed
    Result<void> work();
    void close();
    Result<void> retain();
    [[nodiscard]] bool is_out_of_time();
    void publish();
    milliseconds after(bool passed);

    std::string const storage_dir_;
    std::unique_ptr<Projection> projection_;  // the thread's own
    ProjectionCounters before_;               // of projections that were closed; the thread's own
    milliseconds retry_after_{0};             // the thread's own
    Steady::time_point retained_at_{};        // the thread's own

    std::atomic<std::uint64_t> records_{0}, duplicates_{0}, bad_lines_{0}, failures_{0};
    std::atomic<std::uint64_t> files_deleted_{0}, pending_bytes_{0};
    std::atomic<bool> failing_{false};

    std::mutex mutex_;  // all below
    std::condition_variable wake_;
    std::condition_variable pass_done_;
    RetentionSettings retention_;
    bool wanted_ = false;
    bool stopping_ = false;
    Deadline stop_by_;
    std::uint64_t passes_begun_ = 0;
    std::uint64_t passes_done_ = 0;
    bool last_passed_ = false;
    std::thread thread_;
};

}  // namespace sluice::store
