// Sends the spans of sampled requests to a collector: a bounded queue for each worker, one thread
// that makes and posts batches. A collector that is slow or away costs spans, which are counted,
// and nothing else. Called by RecordSink on workers, by the daemon for open, stop and counters.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sluice/usage_record.hpp"

#include "telemetry/metrics.hpp"
#include "telemetry/record_queue.hpp"
#include "telemetry/trace/collector.hpp"

namespace sluice::telemetry {

struct ExporterOptions {
    std::string service_name;
    std::map<std::string, std::string> resource;
    std::string version;
    milliseconds interval{1000};  // a batch waits no longer to be full
    milliseconds backoff{500};    // of the first retry; doubles, with jitter
    milliseconds backoff_max{8'000};
    milliseconds patience{30'000};  // a batch is given up after so long
};

class TraceExporter {
  public:
    static constexpr std::size_t queue_records = 2048;  // per worker
    static constexpr std::size_t batch_spans = 512;
    static constexpr std::size_t batch_bytes_max = 4 << 20;
    static constexpr milliseconds stop_time{2000};

    TraceExporter(std::unique_ptr<Collector> collector, unsigned workers, ExporterOptions options);
    ~TraceExporter();  // stops

    // That worker's thread only; copies the record. Full, or out of memory: dropped and counted.
    void offer(unsigned worker, UsageRecord const& record) noexcept;
    // Sends what is queued for stop_time at most, then ends the thread. When the workers have
    // ended. Idempotent.
    void stop() noexcept;

    [[nodiscard]] TraceCounters counters() const noexcept;

  private:
    struct Feed {
        RecordQueue queue{queue_records};
        std::uint64_t offered = 0;              // worker's thread
        std::atomic<std::uint64_t> dropped{0};  // spans; worker's thread writes
    };

    void run();
    bool wait_for_work();  // false: stop was called
    void export_queued();
    void send(std::string const& spans, std::size_t count);
    CollectorAnswer post_patiently(std::string_view body);
    bool pause(milliseconds wait);  // false: no time is left
    void note(CollectorAnswer const& answer, bool is_final);

    std::unique_ptr<Collector> const collector_;
    ExporterOptions const options_;
    std::vector<std::unique_ptr<Feed>> feeds_;

    std::atomic<bool> wanted_{false};
    std::atomic<std::uint64_t> exported_{0};
    std::atomic<std::uint64_t> dropped_{0};
    std::atomic<std::uint64_t> failures_{0};

    std::mutex mutex_;  // the two below; a worker never takes it
    std::condition_variable wake_;
    bool stopping_ = false;
    Steady::time_point stop_at_ = Steady::time_point::max();

    bool is_failing_ = false;  // the thread's own: told once, not with each batch
    std::thread thread_;       // last: everything else is ready when it starts
};

}  // namespace sluice::telemetry
