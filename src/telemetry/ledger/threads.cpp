#include "telemetry/ledger/threads.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

#include "base/background.hpp"
#include "base/log.hpp"
#include "base/sha256.hpp"
#include "telemetry/ledger/adoption.hpp"
#include "telemetry/record_json.hpp"

namespace sluice::telemetry {
namespace {

constexpr milliseconds flush_interval{100};
constexpr milliseconds asleep_most{60'000};  // when nothing was appended for an interval
constexpr milliseconds step{10};             // between two looks while stopping
constexpr milliseconds spill_idle{2'000};    // then the emergency file is ended
constexpr milliseconds adopt_again{10'000};
constexpr milliseconds adopt_within{2'000};  // at the end
constexpr milliseconds end_within{500};
constexpr std::size_t batch_bytes_max = 256 * 1024;
constexpr std::size_t waiting_bytes_max = 1024 * 1024;

std::string temporary_base() {
    std::error_code failed;
    auto const dir = std::filesystem::temp_directory_path(failed);
    return fmt::format("{}/sluice-{}", failed ? "/tmp" : dir.string(), ::geteuid());
}

// One for each ledger, so that several may share a place.
std::string spill_dir_of(std::string const& base, std::string const& ledger_dir) {
    return fmt::format("{}/ledger-{}", base.empty() ? temporary_base() : base,
                       sha256_hex(ledger_dir).substr(0, 16));
}

std::string absolute(std::string const& dir) {
    std::error_code failed;
    auto const path = std::filesystem::absolute(dir, failed);
    return (failed ? std::filesystem::path{dir} : path.lexically_normal()).string();
}

// Time may mend these; the others are a mistake in the configuration.
bool is_passing(int error) noexcept {
    return error == ENOSPC || error == EDQUOT || error == EIO || error == EMFILE ||
           error == ENFILE || error == EFBIG;
}

Error cannot_write(std::string const& what, int error) {
    return gateway_error(ErrorCode::internal, 500,
                         fmt::format("cannot make {}: {}; set storage.dir to a directory that can "
                                     "be written",
                                     what, std::strerror(error)));
}

void cut_torn_lines(std::string const& dir) {
    for (auto const* stem : {"usage", "spill"}) {
        for (auto const& name : ledger_file_names(dir, stem)) {
            auto const cut = cut_torn_line(dir + "/" + name);
            if (!cut) log::warn("{}/{} cannot be looked through for a torn line", dir, name);
            if (cut.value_or(0) > 0) {
                log::info("{} had a last line that was not whole: {} bytes cut", name, *cut);
            }
        }
    }
}

}  // namespace

LedgerThreads::LedgerThreads(LedgerOptions options, unsigned workers,
                             std::unique_ptr<AccessLog> access_log)
    : options_(std::move(options)),
      dir_(absolute(options_.dir + "/ledger")),
      spill_dir_(spill_dir_of(options_.spill_dir, dir_)),
      run_(Ulid::next(Wall::now())),
      disk_(options_.disk ? options_.disk : std::make_shared<Disk>()),
      spill_disk_(options_.spill_disk ? options_.spill_disk : std::make_shared<Disk>()),
      access_log_(std::move(access_log)),
      file_(*disk_, file_settings()),
      spill_file_(*spill_disk_, spill_settings()) {
    for (unsigned i = 0; i < workers; ++i) feeds_.push_back(std::make_unique<RecordFeed>());
}

LineFile::Settings LedgerThreads::file_settings() {
    LineFile::Settings settings;
    settings.dir = dir_;
    settings.stem = "usage";
    settings.bytes_max = options_.rotate_bytes_max;
    settings.age_max = options_.rotate_age;
    settings.sync_every = options_.sync_every;
    settings.make_dir = [this] { return disk_->make_directories(dir_); };
    settings.on_use = [this](std::string const& current, std::string const& next) {
        std::lock_guard const lock{use_mutex_};
        file_in_use_ = {current, next};
    };
    return settings;
}

LineFile::Settings LedgerThreads::spill_settings() {
    LineFile::Settings settings;
    settings.dir = spill_dir_;
    settings.stem = "spill";
    settings.bytes_max = options_.rotate_bytes_max;
    settings.make_dir = [this] { return make_spill_dir(); };
    settings.on_use = [this](std::string const& current, std::string const& next) {
        std::lock_guard const lock{use_mutex_};
        spill_in_use_ = {current, next};
    };
    return settings;
}

int LedgerThreads::make_spill_dir() {
    // Below a directory that everybody may write to nothing is taken on trust.
    int const made = options_.spill_dir.empty() ? make_private_directory(temporary_base())
                                                : spill_disk_->make_directories(options_.spill_dir);
    return made != 0 ? made : make_private_directory(spill_dir_);
}

Result<void> LedgerThreads::open() {
    int const made = disk_->make_directories(dir_);
    if (made != 0) return cannot_write(dir_, -made);
    auto lock = DirectoryLock::take(dir_);
    if (!lock) return std::move(lock).error();
    lock_ = std::move(*lock);
    cut_torn_lines(dir_);
    return open_file();
}

Result<void> LedgerThreads::open_file() {
    int const failed = file_.open(Wall::now());
    if (failed != 0 && !is_passing(failed)) return cannot_write("a file in " + dir_, failed);
    report(ledger_, failed, dir_);
    begun_before_ = file_.begun();
    return {};
}

void LedgerThreads::start() {
    auto const self = shared_from_this();
    writer_.thread = std::thread{[self] { self->write_on(); }};
    spiller_.thread = std::thread{[self] { self->spill_on(); }};
    adopter_.thread = std::thread{[self] { self->adopt_on(); }};
}

void LedgerThreads::wake(RecordFeed const& feed) noexcept {
    writer_bell_.ring();
    if (feed.queue.is_nearly_full()) spiller_bell_.ring();
}

// --- the writer ---

void LedgerThreads::write_on() {
    run_in_background("ledger");
    while (wait_for_records()) {
        write_queued();
        look_after_file();
        progress_.notify_all();
    }
    file_.close();
    has_ended(writer_);
}

// After an interval without a record it sleeps until there is one.
bool LedgerThreads::wait_for_records() {
    if (!writer_bell_.wait_for(flush_interval) && queued() == 0 && !file_.is_sync_wanted()) {
        auto const most = std::min(asleep_most, file_.is_old_in(Wall::now()));
        writer_bell_.sleep(most, [this] { return queued() > 0; });
        spiller_bell_.ring();  // looks after the writer again
    }
    std::lock_guard const lock{mutex_};
    return !must_end_ && !is_writer_abandoned_;
}

// What is queued now; what comes meanwhile is for the next pass.
void LedgerThreads::write_queued() {
    auto left = queued();
    do {
        if (batch_.empty()) left -= std::min(left, fill(batch_));
        if (batch_.empty()) reclaim();
        if (batch_.empty()) return;
    } while (write_batch() && left > 0);
}

// False: the batch is still here, for the next pass.
bool LedgerThreads::write_batch() {
    LineFile::Wrote wrote;
    {
        Outlet::Busy const busy{ledger_};
        wrote = file_.append(batch_.text, Wall::now());
    }
    std::lock_guard const lock{mutex_};
    if (is_writer_abandoned_) return false;
    auto const records = batch_.take_off(wrote.bytes);
    written_.fetch_add(records, std::memory_order_relaxed);
    bytes_.fetch_add(wrote.bytes, std::memory_order_relaxed);
    kept(records);
    report(ledger_, wrote.error, dir_);
    return wrote.error == 0 || hand_over();
}

// Under mutex_. To the spiller, also when its last write failed: with reclaim() each of the two
// tries again and again, and what is held goes where there is room first. False: enough for now.
bool LedgerThreads::hand_over() {
    if (spill_.is_stuck(Steady::now(), options_.stuck_after) || is_spiller_abandoned_) return false;
    auto const bytes = waiting_.text.size() + batch_.text.size();
    if (!waiting_.empty() && bytes > waiting_bytes_max) return false;
    waiting_.append(batch_);
    batch_.clear();
    spiller_bell_.ring();
    return !spill_.is_failing();
}

// What the spiller cannot write is tried here again.
void LedgerThreads::reclaim() {
    std::lock_guard const lock{mutex_};
    if (spill_.is_failing() || is_spiller_abandoned_) std::swap(batch_, waiting_);
}

void LedgerThreads::look_after_file() {
    auto const begun = file_.begun();
    rotations_.store(begun - begun_before_, std::memory_order_relaxed);
    Outlet::Busy const busy{ledger_};
    int const failed = file_.sync_if_due(Steady::now());
    if (failed != 0) {
        // The kernel forgets such an error: the file is ended, so that it is not relied upon.
        report(ledger_, failed, dir_);
        file_.close();
    }
    file_.close_if_old(Wall::now());
}

// --- the spiller ---

void LedgerThreads::spill_on() {
    run_in_background("ledger-spill");
    while (wait_for_spill()) {
        do {
            if (must_take_over()) take_over();
        } while (spill_waiting());
        end_spill_file();
        progress_.notify_all();
    }
    spill_file_.close();
    has_ended(spiller_);
}

bool LedgerThreads::wait_for_spill() {
    // A writer that wakes rings.
    bool const is_quiet = is_asleep() && queued() == 0 && !spill_file_.is_open();
    spiller_bell_.wait_for(is_quiet ? asleep_most : flush_interval);
    std::lock_guard const lock{mutex_};
    return !must_end_ && !is_spiller_abandoned_;
}

bool LedgerThreads::must_take_over() {
    {
        std::lock_guard const lock{mutex_};
        if (waiting_.text.size() >= batch_bytes_max) return false;
        if (is_writer_abandoned_) return true;
    }
    if (ledger_.is_stuck(Steady::now(), options_.stuck_after)) return true;
    if (!ledger_.is_busy()) return false;
    return std::any_of(feeds_.begin(), feeds_.end(),
                       [](auto const& feed) { return feed->queue.is_nearly_full(); });
}

void LedgerThreads::take_over() {
    Lines taken;
    fill(taken);
    std::lock_guard const lock{mutex_};
    waiting_.append(taken);
}

// True: written, and there may be more.
bool LedgerThreads::spill_waiting() {
    {
        std::lock_guard const lock{mutex_};
        if (waiting_.empty()) return false;
        std::swap(spilling_, waiting_);
    }
    LineFile::Wrote wrote;
    {
        Outlet::Busy const busy{spill_};
        wrote = spill_file_.append(spilling_.text, Wall::now());
    }
    std::lock_guard const lock{mutex_};
    if (is_spiller_abandoned_) return false;
    auto const records = spilling_.take_off(wrote.bytes);
    spilled_.fetch_add(records, std::memory_order_relaxed);
    kept(records);
    spilled_at_ = Steady::now();
    spilling_.append(waiting_);
    std::swap(spilling_, waiting_);
    spilling_.clear();
    report(spill_, wrote.error, spill_dir_);
    return wrote.error == 0;
}

// When nothing has been spilled for a while: the file is brought home.
void LedgerThreads::end_spill_file() {
    auto const now = Steady::now();
    if (!spill_file_.is_open() || now - spilled_at_ < spill_idle) return;
    if (ledger_.is_stuck(now, options_.stuck_after)) return;
    {
        Outlet::Busy const busy{spill_};
        spill_file_.close();
    }
    std::lock_guard const lock{mutex_};
    is_adopting_wanted_ = true;
    adopt_wake_.notify_one();
}

// --- the adopter ---

void LedgerThreads::adopt_on() {
    run_in_background("ledger-adopt");
    remove_unfinished(dir_);
    for (bool is_last = false; !is_last;) {
        bool is_wanted = false;
        {
            std::unique_lock lock{mutex_};
            auto const most = are_files_left_ ? adopt_again : asleep_most;
            adopt_wake_.wait_for(lock, most,
                                 [this] { return must_end_adopting_ || is_adopting_wanted_; });
            is_last = must_end_adopting_;
            is_wanted = std::exchange(is_adopting_wanted_, false) || is_last;
        }
        if (is_wanted || are_files_left_) adopt();
    }
    has_ended(adopter_);
}

void LedgerThreads::adopt() {
    are_files_left_ = true;
    // A ledger that failed may have room again without having been asked since: the move will tell.
    if (ledger_.is_stuck(Steady::now(), options_.stuck_after)) return;
    auto const done = adopt_spilled(spill_dir_, dir_, [this](std::string const& path) {
        std::lock_guard const lock{use_mutex_};
        return path == spill_in_use_.current || path == spill_in_use_.next;
    });
    adopted_.fetch_add(done.moved, std::memory_order_relaxed);
    are_files_left_ = done.left > 0;
}

// --- both ---

// Queued records as lines, up to a batch; how many.
std::uint64_t LedgerThreads::fill(Lines& lines) {
    std::lock_guard const lock{drain_mutex_};
    auto const before = lines.records;
    for (std::size_t i = 0; i < feeds_.size() && lines.text.size() < batch_bytes_max; ++i) {
        feeds_[next_feed_]->queue.drain([&](UsageRecord const& record) {
            held_.fetch_add(1, std::memory_order_relaxed);
            append_record_line(lines.text, record, run_);
            if (access_log_) access_log_->append(record);
            ++lines.records;
            return lines.text.size() < batch_bytes_max;
        });
        next_feed_ = (next_feed_ + 1) % feeds_.size();
    }
    if (access_log_ && lines.records > before && !access_log_->flush()) {
        access_failed_.fetch_add(1, std::memory_order_relaxed);
    }
    return lines.records - before;
}

void LedgerThreads::kept(std::uint64_t records) noexcept {
    if (records == 0) return;
    held_.fetch_sub(records, std::memory_order_relaxed);
    is_dropping_.store(false, std::memory_order_relaxed);
}

// The queues first: a record is counted as held before it leaves its queue.
std::uint64_t LedgerThreads::queued() const noexcept {
    std::uint64_t sum = 0;
    for (auto const& feed : feeds_) sum += feed->queue.size();
    return sum + held_.load(std::memory_order_acquire);
}

void LedgerThreads::report(Outlet& outlet, int error, std::string const& what) const {
    if (!outlet.note(error)) return;
    auto const* const name = &outlet == &ledger_ ? "the usage ledger" : "the emergency file";
    if (error == 0) {
        log::warn("{} in {} can be written again", name, what);
    } else {
        log::error("{} in {} cannot be written: {}; usage records are kept {}", name, what,
                   std::strerror(error),
                   keeps_records() ? "in the other of the two" : "in memory, while that lasts");
    }
}

bool LedgerThreads::keeps_records() const noexcept {
    if (is_dropping_.load(std::memory_order_relaxed)) return false;
    auto const now = Steady::now();
    return ledger_.works(now, options_.stuck_after) || spill_.works(now, options_.stuck_after);
}

std::string LedgerThreads::trouble() const {
    if (keeps_records()) return "";
    auto const now = Steady::now();
    return fmt::format("usage records cannot be kept (ledger: {}; emergency file: {}{})",
                       ledger_.state(now, options_.stuck_after),
                       spill_.state(now, options_.stuck_after),
                       is_dropping_.load(std::memory_order_relaxed) ? "; records were lost" : "");
}

LedgerCounters LedgerThreads::counters() const noexcept {
    LedgerCounters sum;
    sum.written = written_.load(std::memory_order_relaxed);
    sum.spilled = spilled_.load(std::memory_order_relaxed);
    sum.dropped = lost_.load(std::memory_order_relaxed);
    for (auto const& feed : feeds_) sum.dropped += feed->dropped.load(std::memory_order_relaxed);
    sum.queued = queued();
    sum.bytes = bytes_.load(std::memory_order_relaxed);
    sum.rotations = rotations_.load(std::memory_order_relaxed);
    sum.adopted = adopted_.load(std::memory_order_relaxed);
    sum.failed = ledger_.failures();
    sum.spill_failed = spill_.failures();
    sum.failing = !ledger_.works(Steady::now(), options_.stuck_after);
    sum.keeping = keeps_records();
    sum.access_failed = access_failed_.load(std::memory_order_relaxed);
    return sum;
}

std::string LedgerThreads::active_path() const {
    std::lock_guard const lock{use_mutex_};
    return file_in_use_.current;
}

// --- the end ---

bool LedgerThreads::flush(milliseconds within) { return settle(Steady::now() + within, false); }

bool LedgerThreads::settle(Steady::time_point until, bool may_abandon) {
    std::unique_lock lock{mutex_};
    while (queued() > 0) {
        if (Steady::now() >= until) return false;
        if (may_abandon) rescue();
        writer_bell_.ring();
        spiller_bell_.ring();
        progress_.wait_for(lock, step);
    }
    return true;
}

// Under mutex_. What a stuck thread holds is written by the other. When the stuck write succeeds
// after all a line stands twice; readers tell by the id.
void LedgerThreads::rescue() {
    auto const now = Steady::now();
    if (!is_writer_abandoned_ && ledger_.is_stuck(now, options_.stuck_after)) {
        is_writer_abandoned_ = true;
        waiting_.append(batch_);
    } else if (!is_spiller_abandoned_ && !is_writer_abandoned_ &&
               spill_.is_stuck(now, options_.stuck_after)) {
        is_spiller_abandoned_ = true;
        waiting_.append(spilling_);
    }
}

void LedgerThreads::stop() {
    {
        std::lock_guard const lock{mutex_};
        if (std::exchange(is_stopping_, true)) return;
    }
    if (!settle(Steady::now() + options_.stop_within, true)) {
        lost_.store(queued(), std::memory_order_relaxed);
        log::error("{} usage records are lost: {}", queued(), trouble());
    }
    {
        std::lock_guard const lock{mutex_};
        must_end_ = true;
    }
    writer_bell_.ring();
    spiller_bell_.ring();
    auto const until = Steady::now() + end_within;
    end(writer_, until);
    end(spiller_, until);
    {
        std::lock_guard const lock{mutex_};
        must_end_adopting_ = true;
    }
    adopt_wake_.notify_one();
    end(adopter_, Steady::now() + adopt_within);
    // A stuck writer may yet write: then the directory stays locked until the process ends.
    std::lock_guard const lock{mutex_};
    if (writer_.has_ended && adopter_.has_ended) lock_.reset();
}

// Its last act but to return.
void LedgerThreads::has_ended(Running& running) {
    {
        std::lock_guard const lock{mutex_};
        running.has_ended = true;
    }
    progress_.notify_all();
}

void LedgerThreads::end(Running& running, Steady::time_point until) {
    if (!running.thread.joinable()) return;
    std::unique_lock lock{mutex_};
    if (progress_.wait_until(lock, until, [&] { return running.has_ended; })) {
        lock.unlock();
        running.thread.join();
    } else {
        running.thread.detach();  // it holds on to this object
    }
}

}  // namespace sluice::telemetry
