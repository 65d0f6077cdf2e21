// Ledger's writer thread and its file. Calls record_json, access_log, the process log.
#include "telemetry/ledger.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

#include "base/log.hpp"
#include "base/timestamp.hpp"
#include "telemetry/record_json.hpp"

namespace sluice::telemetry {
namespace {

constexpr std::size_t batch_bytes_max = 256 * 1024;

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::open(std::string const& dir, unsigned workers,
                                             std::unique_ptr<AccessLog> access_log) {
    auto const folder = std::filesystem::path{dir} / "ledger";
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) {
        return gateway_error(ErrorCode::internal, 500,
                             "cannot make " + folder.string() + ": " + failed.message() +
                                 "; set storage.dir to a directory that can be written");
    }
    auto path = (folder / ("usage-" + to_date(Wall::now()) + ".jsonl")).string();
    int const fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        return gateway_error(ErrorCode::internal, 500,
                             "cannot open " + path + ": " + std::strerror(errno) +
                                 "; set storage.dir to a directory that can be written");
    }
    std::unique_ptr<Ledger> ledger{new Ledger{fd, std::move(path), workers, std::move(access_log)}};
    return ledger;
}

Ledger::Ledger(int fd, std::string path, unsigned workers, std::unique_ptr<AccessLog> access_log)
    : fd_(fd), path_(std::move(path)), access_log_(std::move(access_log)) {
    for (unsigned i = 0; i < workers; ++i) feeds_.push_back(std::make_unique<Feed>());
    thread_ = std::thread{[this] { run(); }};
}

Ledger::~Ledger() {
    stop();
    ::close(fd_);
}

bool Ledger::append(unsigned worker, UsageRecord&& record) noexcept {
    auto& feed = *feeds_[worker];
    record.worker = worker;
    record.sequence = ++feed.sequence;
    if (stopped_.load(std::memory_order_acquire) || !feed.queue.push(std::move(record))) {
        feed.dropped.store(feed.dropped.load(std::memory_order_relaxed) + 1,
                           std::memory_order_relaxed);
        return false;
    }
    // Not under the mutex: a wake that is lost costs at most flush_interval.
    if (feed.sequence % batch_records == 0) {
        wanted_.store(true, std::memory_order_release);
        wake_.notify_one();
    }
    return true;
}

void Ledger::flush() {
    std::unique_lock lock{mutex_};
    auto const pass = passes_begun_ + 1;  // one that begins after this call
    wanted_.store(true, std::memory_order_release);
    wake_.notify_one();
    pass_done_.wait(lock, [&] { return passes_done_ >= pass || stopping_; });
}

void Ledger::stop() {
    {
        std::lock_guard const lock{mutex_};
        if (stopping_) return;
        stopping_ = true;
    }
    stopped_.store(true, std::memory_order_release);
    wake_.notify_one();
    thread_.join();
}

LedgerCounters Ledger::counters() const noexcept {
    LedgerCounters sum;
    sum.written = written_.load(std::memory_order_relaxed);
    sum.failed = failed_.load(std::memory_order_relaxed);
    sum.failing = last_write_failed_.load(std::memory_order_relaxed);
    sum.access_failed = access_failed_.load(std::memory_order_relaxed);
    for (auto const& feed : feeds_) sum.dropped += feed->dropped.load(std::memory_order_relaxed);
    return sum;
}

void Ledger::run() {
    bool last = false;
    while (!last) {
        {
            std::unique_lock lock{mutex_};
            wake_.wait_for(lock, flush_interval,
                           [this] { return stopping_ || wanted_.load(std::memory_order_acquire); });
            wanted_.store(false, std::memory_order_relaxed);
            last = stopping_;
            ++passes_begun_;
        }
        write_queued();
        {
            std::lock_guard const lock{mutex_};
            passes_done_ = passes_begun_;
        }
        pass_done_.notify_all();
    }
}

void Ledger::write_queued() {
    std::size_t records = 0;
    for (auto const& feed : feeds_) {
        feed->queue.drain([&](UsageRecord const& record) {
            append_record_line(batch_, record);
            if (access_log_) access_log_->append(record);
            ++records;
            if (batch_.size() >= batch_bytes_max) write_batch(std::exchange(records, 0));
        });
    }
    if (records > 0) write_batch(records);
}

void Ledger::write_batch(std::size_t records) {
    if (write_all(batch_)) {
        written_.fetch_add(records, std::memory_order_relaxed);
        last_write_failed_ = false;
    } else {
        failed_.fetch_add(records, std::memory_order_relaxed);
        if (!last_write_failed_.exchange(true)) {
            log::error("usage records are being lost: cannot write {}: {}", path_,
                       std::strerror(errno));
        }
    }
    batch_.clear();
    if (access_log_ && !access_log_->flush()) {
        access_failed_.fetch_add(1, std::memory_order_relaxed);
    }
}

bool Ledger::write_all(std::string_view bytes) noexcept {
    if (line_is_torn_) {
        if (::write(fd_, "\n", 1) != 1) return false;
        line_is_torn_ = false;
    }
    while (!bytes.empty()) {
        auto const wrote = ::write(fd_, bytes.data(), bytes.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(wrote));
        line_is_torn_ = !bytes.empty() && bytes.data()[-1] != '\n';
    }
    return true;
}

}  // namespace sluice::telemetry
