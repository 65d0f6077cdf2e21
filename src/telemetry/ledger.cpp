#include "telemetry/ledger.hpp"

#include "telemetry/ledger/threads.hpp"

namespace sluice::telemetry {

Result<std::unique_ptr<Ledger>> Ledger::open(LedgerOptions options, unsigned workers,
                                             std::unique_ptr<AccessLog> access_log) {
    bool const must_keep = options.must_keep;
    auto threads =
        std::make_shared<LedgerThreads>(std::move(options), workers, std::move(access_log));
    auto opened = threads->open();
    if (!opened) return std::move(opened).error();
    threads->start();
    return std::unique_ptr<Ledger>{new Ledger{std::move(threads), must_keep}};
}

Ledger::Ledger(std::shared_ptr<LedgerThreads> threads, bool must_keep)
    : threads_(std::move(threads)), feeds_(threads_->feeds().data()), must_keep_(must_keep) {}

Ledger::~Ledger() { stop(); }

bool Ledger::append(unsigned worker, UsageRecord&& record) noexcept {
    auto& feed = *feeds_[worker];
    record.worker = worker;
    record.sequence = ++feed.sequence;
    if (is_stopped_.load(std::memory_order_acquire) || !feed.queue.push(std::move(record))) {
        feed.dropped.store(feed.dropped.load(std::memory_order_relaxed) + 1,
                           std::memory_order_relaxed);
        threads_->note_drop();
        return false;
    }
    if (feed.sequence % batch_records == 0 || threads_->is_asleep()) threads_->wake(feed);
    return true;
}

bool Ledger::flush(milliseconds within) { return threads_->flush(within); }

void Ledger::stop() {
    is_stopped_.store(true, std::memory_order_release);
    threads_->stop();
}

bool Ledger::keeps_records() const noexcept { return threads_->keeps_records(); }
std::string Ledger::trouble() const { return threads_->trouble(); }
LedgerCounters Ledger::counters() const noexcept { return threads_->counters(); }
std::string Ledger::dir() const { return threads_->dir(); }
std::string Ledger::spill_dir() const { return threads_->spill_dir(); }
std::string Ledger::active_path() const { return threads_->active_path(); }
std::string Ledger::run() const { return std::string{threads_->run().view()}; }

}  // namespace sluice::telemetry
