// Offload: a few threads for work that may block (files, SQLite, loading a configuration), so that
// no worker ever waits for it. A coroutine hands over a function and is resumed on its own worker
// with the result.
//
// Called by: admin endpoints, through daemon. Calls: Worker::post. One for the process, made by the
// daemon and passed to who needs it. Thread: run() on a worker, stop() on any other thread.
//
// Ends: a coroutine that waits is woken by the result, by its Cancel, by its deadline, or by
// stop(). What it handed over may still be running then: the function must own what it touches,
// or touch only what outlives the Offload. Outlived by the workers: stop() (or the destructor)
// comes before they are destroyed.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "sluice/async.hpp"
#include "sluice/time.hpp"

namespace sluice::net {

class Offload {
  public:
    static constexpr std::size_t waiting_max = 64;

    explicit Offload(unsigned threads = 2);
    Offload(Offload const&) = delete;
    Offload& operator=(Offload const&) = delete;
    ~Offload();

    // Runs `fn` on one of the threads. Errors: those of fn; overloaded (503) when waiting_max
    // functions wait already; draining (503) after stop(); internal when fn throws;
    // cancelled_error() and upstream_timeout as for any wait.
    template <class T>
    Async<T> run(std::function<Result<T>()> fn, Cancel& cancel,
                 Deadline deadline = Deadline::never()) {
        // Shared with the job: it may outlast this frame.
        auto const result = std::make_shared<std::optional<Result<T>>>();
        std::function<void()> job = [result, work = std::move(fn)] { result->emplace(work()); };
        auto done = co_await run_job(std::move(job), cancel, deadline);
        if (!done.ok()) co_return std::move(done).error();
        co_return std::move(**result);
    }

    // Ends what is running, drops what waits, joins. Who waited gets `draining`. Idempotent.
    void stop();

  private:
    struct Job;

    Async<> run_job(std::function<void()> fn, Cancel& cancel, Deadline deadline);
    [[nodiscard]] bool enqueue(std::shared_ptr<Job> job, bool& is_stopped);
    void work();

    std::mutex mutex_;  // of the three below; never held while a job runs
    std::condition_variable changed_;
    std::deque<std::shared_ptr<Job>> waiting_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace sluice::net
