#include "net/offload.hpp"

#include <pthread.h>

#include "base/log.hpp"
#include "net/cancelled.hpp"
#include "net/wait.hpp"
#include "net/worker.hpp"

namespace sluice::net {
namespace {

Error shutting_down() {
    auto error =
        gateway_error(ErrorCode::draining, 503, "The gateway is shutting down. Try again.");
    error.retry_after_ms = 1000;
    return error;
}

}  // namespace

// Shared by the coroutine, the queue and the message that carries the news back: whichever is
// dropped first (a cancelled wait, a worker that stopped before its last messages ran), the others
// stay whole.
struct Offload::Job {
    enum class End : std::uint8_t { none, done, threw, dropped };

    std::function<void()> fn;
    Worker* worker = nullptr;  // outlives the Offload's threads
    Event finished;            // the worker's thread
    End end = End::none;       // written before the message is posted, read after it ran
};

namespace {

template <class Job>
void tell(std::shared_ptr<Job> job, typename Job::End end) {
    job->fn = nullptr;
    job->end = end;
    auto& worker = *job->worker;
    worker.post([job = std::move(job)] { job->finished.notify(); });
}

}  // namespace

Offload::Offload(unsigned threads) {
    for (unsigned i = 0; i < threads; ++i) {
        threads_.emplace_back([this] { work(); });
        ::pthread_setname_np(threads_.back().native_handle(), "offload");
    }
}

Offload::~Offload() { stop(); }

void Offload::stop() {
    std::deque<std::shared_ptr<Job>> dropped;
    {
        std::lock_guard const lock(mutex_);
        stopping_ = true;
        dropped.swap(waiting_);
    }
    changed_.notify_all();
    for (auto& job : dropped) tell(std::move(job), Job::End::dropped);
    for (auto& thread : threads_) thread.join();
    threads_.clear();
}

bool Offload::enqueue(std::shared_ptr<Job> job, bool& is_stopped) {
    {
        std::lock_guard const lock(mutex_);
        is_stopped = stopping_;
        if (stopping_ || waiting_.size() >= waiting_max) return false;
        waiting_.push_back(std::move(job));
    }
    changed_.notify_one();
    return true;
}

Async<> Offload::run_job(std::function<void()> fn, Cancel& cancel, Deadline deadline) {
    if (cancel.cancelled()) co_return cancelled_error(cancel);
    auto const job = std::make_shared<Job>();
    job->fn = std::move(fn);
    job->worker = &Worker::current();
    bool is_stopped = false;
    if (!enqueue(job, is_stopped)) {
        if (is_stopped) co_return shutting_down();
        auto busy = gateway_error(ErrorCode::overloaded, 503,
                                  "Too many such requests are being worked on; try again later.");
        busy.retry_after_ms = 1000;
        co_return std::move(busy);
    }
    auto const wake = co_await job->finished.wait(cancel, deadline);
    if (wake == Wake::cancelled) co_return cancelled_error(cancel);
    if (wake == Wake::timeout) {
        co_return gateway_error(ErrorCode::upstream_timeout, 504,
                                "The request took longer than its time limit. Try again.");
    }
    if (job->end == Job::End::dropped) co_return shutting_down();
    if (job->end == Job::End::threw) {
        co_return gateway_error(ErrorCode::internal, 500, "internal error");
    }
    co_return Result<void>{};
}

void Offload::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        if (stopping_) return;
        auto job = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        auto end = Job::End::done;
        try {
            job->fn();
        } catch (std::exception const& e) {
            log::error("work off the workers failed by an exception: {}", e.what());
            end = Job::End::threw;
        } catch (...) {
            log::error("work off the workers failed by an unknown exception");
            end = Job::End::threw;
        }
        tell(std::move(job), end);
        lock.lock();
    }
}

}  // namespace sluice::net
