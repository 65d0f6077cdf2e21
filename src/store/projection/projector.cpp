#include "store/projection/projector.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include "base/background.hpp"
#include "base/log.hpp"

namespace sluice::store {
namespace {

constexpr milliseconds retry_after_least{1'000};
constexpr auto retain_every = std::chrono::minutes{1};

// Workers come first; nothing waits for this thread.
void lower_priority() noexcept {
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 19);
    run_in_background("projector");
}

std::int64_t now_ms() {
    return std::chrono::floor<milliseconds>(Wall::now().time_since_epoch()).count();
}

}  // namespace

Projector::Projector(std::string storage_dir, RetentionSettings retention)
    : storage_dir_(std::move(storage_dir)), retention_(retention) {}

Projector::~Projector() { stop(milliseconds{0}); }

void Projector::start() {
    if (!thread_.joinable()) thread_ = std::thread{[this] { run(); }};
}

void Projector::stop(milliseconds within) {
    {
        std::lock_guard const lock{mutex_};
        if (!stopping_) stop_by_ = Deadline::in(within);
        stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void Projector::set_retention(RetentionSettings retention) {
    std::lock_guard const lock{mutex_};
    retention_ = retention;
}

bool Projector::catch_up(milliseconds within) {
    std::unique_lock lock{mutex_};
    if (stopping_ || !thread_.joinable()) return false;
    auto const wanted = passes_begun_ + 1;  // one that begins after this call
    wanted_ = true;
    wake_.notify_one();
    bool const ended =
        pass_done_.wait_for(lock, within, [&] { return passes_done_ >= wanted || stopping_; });
    return ended && last_passed_;
}

ProjectorCounters Projector::counters() const noexcept {
    ProjectorCounters sum;
    sum.records = records_.load(std::memory_order_relaxed);
    sum.duplicates = duplicates_.load(std::memory_order_relaxed);
    sum.bad_lines = bad_lines_.load(std::memory_order_relaxed);
    sum.failures = failures_.load(std::memory_order_relaxed);
    sum.files_deleted = files_deleted_.load(std::memory_order_relaxed);
    sum.pending_bytes = pending_bytes_.load(std::memory_order_relaxed);
    sum.failing = failing_.load(std::memory_order_relaxed);
    return sum;
}

void Projector::run() {
    lower_priority();
    milliseconds wait{0};
    for (bool last = false; !last;) {
        {
            std::unique_lock lock{mutex_};
            wake_.wait_for(lock, wait, [this] { return stopping_ || wanted_; });
            wanted_ = false;
            last = stopping_;
            ++passes_begun_;
        }
        bool const passed = pass();
        wait = after(passed);
        {
            std::lock_guard const lock{mutex_};
            last_passed_ = passed;
            passes_done_ = passes_begun_;
        }
        pass_done_.notify_all();
    }
    projection_.reset();
}

milliseconds Projector::after(bool passed) {
    if (passed) {
        retry_after_ = milliseconds{0};
        return pass_every;
    }
    retry_after_ = std::clamp(retry_after_ * 2, retry_after_least, retry_after_max);
    return retry_after_;
}

bool Projector::pass() {
    auto done = work();
    publish();
    if (done) {
        if (failing_.exchange(false)) log::info("the usage database is written again");
        return true;
    }
    failures_.fetch_add(1, std::memory_order_relaxed);
    if (!failing_.exchange(true)) {
        log::error(
            "{}; usage is still recorded in the ledger, and the database catches up when it can",
            done.error().message);
    }
    close();  // a connection after an error is not trusted
    return false;
}

void Projector::close() {
    if (!projection_) return;
    before_.records += projection_->counters().records;
    before_.duplicates += projection_->counters().duplicates;
    before_.bad_lines += projection_->counters().bad_lines;
    projection_.reset();
}

Result<void> Projector::work() {
    if (projection_ && !projection_->is_in_place()) {
        log::warn("{} was moved away; it is made again from the ledger",
                  database_path(storage_dir_));
        close();
    }
    if (!projection_) {
        auto opened = Projection::open(storage_dir_);
        if (!opened) return std::move(opened).error();
        projection_ = std::move(*opened);
    }
    for (;;) {
        auto more = projection_->advance();
        if (!more) return std::move(more).error();
        publish();
        if (!*more) return retain();
        if (is_out_of_time()) return {};
    }
}

Result<void> Projector::retain() {
    if (Steady::now() < retained_at_ + retain_every) return {};
    RetentionSettings settings;
    {
        std::lock_guard const lock{mutex_};
        if (stopping_) return {};
        settings = retention_;
    }
    auto const now = now_ms();
    // A slice of each at a time, so that new records do not wait long.
    auto sealing = seal_some(*projection_, now);
    if (!sealing) return std::move(sealing).error();
    auto purging = purge_some(*projection_, now, settings.rows_days);
    if (!purging) return std::move(purging).error();
    if (*sealing || *purging) return {};
    auto deleted = delete_ledger_files(*projection_, now, settings.ledger_days);
    if (!deleted) return std::move(deleted).error();
    files_deleted_.fetch_add(static_cast<std::uint64_t>(*deleted), std::memory_order_relaxed);
    retained_at_ = Steady::now();
    return {};
}

bool Projector::is_out_of_time() {
    std::lock_guard const lock{mutex_};
    return stopping_ && stop_by_.is_past();
}

void Projector::publish() {
    if (!projection_) return;
    auto const& now = projection_->counters();
    auto const put = [](std::atomic<std::uint64_t>& into, std::int64_t value) {
        into.store(static_cast<std::uint64_t>(value), std::memory_order_relaxed);
    };
    put(records_, before_.records + now.records);
    put(duplicates_, before_.duplicates + now.duplicates);
    put(bad_lines_, before_.bad_lines + now.bad_lines);
    put(pending_bytes_, projection_->pending_bytes());
}

}  // namespace sluice::store
