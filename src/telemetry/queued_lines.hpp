// Lines to an outlet that may be slow or stuck (a pipe nobody reads, a full disk), by a thread of
// its own: whoever hands lines over never waits. Bounded; what does not fit is refused. Used for
// the access log, which the ledger's threads feed; calls base/line_log.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "sluice/time.hpp"

#include "base/line_log.hpp"

namespace sluice::telemetry {

class QueuedLines final : public log::LineLog {
  public:
    static constexpr std::size_t bytes_max = 4 * 1024 * 1024;
    static constexpr milliseconds end_within{1'000};

    explicit QueuedLines(std::unique_ptr<log::LineLog> out);
    // Writes what is queued, but waits no longer than end_within for it.
    ~QueuedLines() override;

    // Any thread. False: refused (the queue is full), or earlier lines could not be written.
    bool write(std::string_view lines) noexcept override;

  private:
    struct Queue {  // held by the thread too: it may be stuck when everybody else is gone
        std::unique_ptr<log::LineLog> out;
        std::mutex mutex;
        std::condition_variable changed;
        std::string lines;
        bool must_end = false;
        bool has_ended = false;
        bool has_failed = false;
    };
    static void write_on(Queue& queue);

    std::shared_ptr<Queue> queue_;
};

}  // namespace sluice::telemetry
