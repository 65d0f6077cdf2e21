// The ledger's threads. The writer drains the workers' queues into the ledger's file. The spiller
// writes to the emergency file what the writer could not, and drains the queues itself while the
// writer is stuck in a write. The adopter brings emergency files home. Owned by Ledger and by the
// threads: one that never comes back from the disk keeps what it uses.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sluice/ids.hpp"
#include "sluice/result.hpp"

#include "base/bell.hpp"
#include "telemetry/access_log.hpp"
#include "telemetry/ledger/file_names.hpp"
#include "telemetry/ledger/line_file.hpp"
#include "telemetry/ledger/lines.hpp"
#include "telemetry/ledger/options.hpp"
#include "telemetry/ledger/outlet.hpp"
#include "telemetry/record_queue.hpp"

namespace sluice::telemetry {

// What one worker appends to.
struct RecordFeed {
    static constexpr std::size_t queue_records = 4096;

    RecordQueue queue{queue_records};
    std::uint64_t sequence = 0;             // worker's thread
    std::atomic<std::uint64_t> dropped{0};  // worker's thread writes
};

class LedgerThreads : public std::enable_shared_from_this<LedgerThreads> {
  public:
    LedgerThreads(LedgerOptions options, unsigned workers, std::unique_ptr<AccessLog> access_log);

    // Before start(): makes and locks the directory, cuts torn lines, opens the file. Error
    // message: for the operator. A disk that is full is none: records go to the emergency file.
    Result<void> open();
    void start();

    [[nodiscard]] std::vector<std::unique_ptr<RecordFeed>> const& feeds() const { return feeds_; }
    // A worker's thread, after an append: the writer sleeps until it is woken. Else it looks again
    // within an interval.
    [[nodiscard]] bool is_asleep() const noexcept { return writer_bell_.is_asleep(); }
    // A worker's thread: a batch is there, or the writer sleeps. Takes no lock.
    void wake(RecordFeed const& feed) noexcept;
    // A worker's thread: a record was dropped.
    void note_drop() noexcept { is_dropping_.store(true, std::memory_order_relaxed); }

    // Any thread but a worker's. Waits until nothing is queued; false: not within that time.
    bool flush(milliseconds within);
    // Writes what is queued where it can and ends the threads; one that is stuck is left behind.
    void stop();

    // Any thread.
    [[nodiscard]] bool keeps_records() const noexcept;
    [[nodiscard]] std::string trouble() const;
    [[nodiscard]] LedgerCounters counters() const noexcept;
    [[nodiscard]] std::string active_path() const;
    [[nodiscard]] std::string const& dir() const noexcept { return dir_; }
    [[nodiscard]] std::string const& spill_dir() const noexcept { return spill_dir_; }
    [[nodiscard]] Ulid const& run() const noexcept { return run_; }

  private:
    struct InUse {  // files that are written, or may be at once
        std::string current;
        std::string next;
    };
    // One of the threads, as stop() sees it.
    struct Running {
        std::thread thread;
        bool has_ended = false;  // mutex_
    };

    LineFile::Settings file_settings();
    LineFile::Settings spill_settings();
    Result<void> open_file();
    int make_spill_dir();

    // The writer's thread.
    void write_on();
    bool wait_for_records();
    void write_queued();
    bool write_batch();
    bool hand_over();
    void reclaim();
    void look_after_file();

    // The spiller's thread.
    void spill_on();
    bool wait_for_spill();
    [[nodiscard]] bool must_take_over();
    void take_over();
    bool spill_waiting();
    void end_spill_file();

    void adopt_on();
    void adopt();

    std::uint64_t fill(Lines& lines);
    void kept(std::uint64_t records) noexcept;
    [[nodiscard]] std::uint64_t queued() const noexcept;
    void rescue();
    bool settle(Steady::time_point until, bool may_abandon);
    void end(Running& running, Steady::time_point until);
    void has_ended(Running& running);
    void report(Outlet& outlet, int error, std::string const& what) const;

    LedgerOptions const options_;
    std::string const dir_;
    std::string const spill_dir_;
    Ulid const run_;
    std::shared_ptr<Disk> const disk_;
    std::shared_ptr<Disk> const spill_disk_;
    std::vector<std::unique_ptr<RecordFeed>> feeds_;
    std::unique_ptr<DirectoryLock> lock_;

    Outlet ledger_;  // written by the writer
    Outlet spill_;   // written by the spiller
    Bell writer_bell_;
    Bell spiller_bell_;
    std::atomic<bool> is_dropping_{false};  // and nothing was written since
    std::atomic<std::uint64_t> held_{0};    // records out of the queues and in no file yet
    std::atomic<std::uint64_t> written_{0};
    std::atomic<std::uint64_t> spilled_{0};
    std::atomic<std::uint64_t> lost_{0};  // at the end
    std::atomic<std::uint64_t> bytes_{0};
    std::atomic<std::uint64_t> rotations_{0};
    std::atomic<std::uint64_t> adopted_{0};
    std::atomic<std::uint64_t> access_failed_{0};

    std::mutex drain_mutex_;  // who drains the queues: never held while a disk is waited for
    std::unique_ptr<AccessLog> access_log_;
    std::size_t next_feed_ = 0;

    std::mutex mutable use_mutex_;
    InUse file_in_use_;
    InUse spill_in_use_;

    std::mutex mutable mutex_;  // what follows; a worker never takes it
    std::condition_variable adopt_wake_;
    std::condition_variable progress_;
    Lines waiting_;  // for the emergency file
    bool is_stopping_ = false;
    bool must_end_ = false;
    bool must_end_adopting_ = false;
    bool is_adopting_wanted_ = true;
    // stop() has taken what the stuck thread holds: when it comes back it touches nothing.
    bool is_writer_abandoned_ = false;
    bool is_spiller_abandoned_ = false;
    Running writer_;
    Running spiller_;
    Running adopter_;

    // The writer's. stop() reads the batch while the writer is stuck, which does not change it.
    LineFile file_;
    Lines batch_;
    std::uint64_t begun_before_ = 0;

    // The spiller's; the same for the lines.
    LineFile spill_file_;
    Lines spilling_;
    Steady::time_point spilled_at_{};

    bool are_files_left_ = false;  // the adopter's
};

}  // namespace sluice::telemetry
