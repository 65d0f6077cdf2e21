#include "telemetry/trace/exporter.hpp"

#include <algorithm>

#include "base/background.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "telemetry/trace/otlp_json.hpp"

namespace sluice::telemetry {
namespace {

constexpr std::uint64_t wake_every = 128;  // records of one worker

std::size_t spans_of(UsageRecord const& record) { return 1 + record.attempts.size(); }

void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace

TraceExporter::TraceExporter(std::unique_ptr<Collector> collector, unsigned workers,
                             ExporterOptions options)
    : collector_(std::move(collector)), options_(std::move(options)) {
    for (unsigned i = 0; i < workers; ++i) feeds_.push_back(std::make_unique<Feed>());
    thread_ = std::thread{[this] { run(); }};
}

TraceExporter::~TraceExporter() { stop(); }

void TraceExporter::offer(unsigned worker, UsageRecord const& record) noexcept {
    auto& feed = *feeds_[worker];
    try {
        UsageRecord copy = record;
        if (!feed.queue.push(std::move(copy))) return add(feed.dropped, spans_of(record));
    } catch (...) {
        return add(feed.dropped, spans_of(record));
    }
    // Not under the mutex: a wake that is lost costs at most the interval.
    if (++feed.offered % wake_every == 0) {
        wanted_.store(true, std::memory_order_release);
        wake_.notify_one();
    }
}

void TraceExporter::stop() noexcept {
    {
        std::lock_guard const lock{mutex_};
        if (stopping_) return;
        stopping_ = true;
        stop_at_ = Steady::now() + stop_time;
        collector_->hurry(stop_at_);
    }
    wake_.notify_one();
    thread_.join();
}

TraceCounters TraceExporter::counters() const noexcept {
    TraceCounters sum;
    sum.exported = exported_.load(std::memory_order_relaxed);
    sum.dropped = dropped_.load(std::memory_order_relaxed);
    sum.failures = failures_.load(std::memory_order_relaxed);
    for (auto const& feed : feeds_) sum.dropped += feed->dropped.load(std::memory_order_relaxed);
    return sum;
}

void TraceExporter::run() {
    run_in_background("traces");
    while (wait_for_work()) export_queued();
    export_queued();
}

bool TraceExporter::wait_for_work() {
    std::unique_lock lock{mutex_};
    wake_.wait_for(lock, options_.interval,
                   [this] { return stopping_ || wanted_.load(std::memory_order_acquire); });
    wanted_.store(false, std::memory_order_relaxed);
    return !stopping_;
}

// A record is turned into text at once, so that its slot in the queue is free again.
void TraceExporter::export_queued() {
    std::string spans;
    std::size_t count = 0;
    for (auto const& feed : feeds_) {
        feed->queue.drain([&](UsageRecord const& record) {
            if (count > 0) spans += ',';
            count += append_spans(spans, record);
            if (count >= batch_spans || spans.size() >= batch_bytes_max) {
                send(spans, std::exchange(count, 0));
                spans.clear();
            }
            return true;
        });
    }
    if (count > 0) send(spans, count);
}

void TraceExporter::send(std::string const& spans, std::size_t count) {
    auto const body =
        to_export_request(options_.service_name, options_.resource, options_.version, spans);
    auto const answer = post_patiently(body);
    if (!answer.is_taken()) return add(dropped_, count);
    auto const rejected = std::min<std::uint64_t>(answer.rejected, count);
    add(dropped_, rejected);
    add(exported_, count - rejected);
}

CollectorAnswer TraceExporter::post_patiently(std::string_view body) {
    auto const until = Deadline::in(options_.patience);
    auto backoff = options_.backoff;
    for (;;) {
        auto answer = collector_->post(body, until);
        if (answer.is_taken()) {
            note(answer, true);
            return answer;
        }
        add(failures_, 1);
        auto const half = static_cast<std::uint64_t>(backoff.count()) / 2;
        auto const jitter = Random::of_this_thread().next() % (half + 1);
        auto const wait = std::max(milliseconds{half + jitter}, answer.retry_after);
        bool const may_go_on = answer.may_be_retried() && Steady::now() + wait < until.at();
        note(answer, !may_go_on);
        if (!may_go_on || !pause(wait)) return answer;
        backoff = std::min(backoff * 2, options_.backoff_max);
    }
}

bool TraceExporter::pause(milliseconds wait) {
    std::unique_lock lock{mutex_};
    bool const was_stopping = stopping_;
    wake_.wait_for(lock, wait, [&] { return stopping_ && !was_stopping; });
    return Steady::now() < stop_at_;
}

void TraceExporter::note(CollectorAnswer const& answer, bool is_final) {
    if (answer.is_taken()) {
        if (answer.rejected > 0) {
            log::warn("the trace collector rejected {} spans of a batch", answer.rejected);
        }
        if (std::exchange(is_failing_, false)) log::info("the trace collector takes spans again");
        return;
    }
    if (!is_final || std::exchange(is_failing_, true)) return;
    if (answer.status != 0) {
        log::warn("traces are being dropped: the collector answered {}", answer.status);
    } else {
        log::warn("traces are being dropped: {}", answer.why);
    }
}

}  // namespace sluice::telemetry
