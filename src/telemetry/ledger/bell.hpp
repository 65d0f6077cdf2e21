// Wakes the one thread that sleeps at it. Rung before it sleeps, it does not sleep. Called by
// ledger/threads.cpp and, through it, by workers: ring() takes no lock.
#pragma once

#include <atomic>
#include <cerrno>
#include <ctime>
#include <semaphore.h>

#include "sluice/time.hpp"

namespace sluice::telemetry {

class Bell {
  public:
    Bell() noexcept { ::sem_init(&posted_, 0, 0); }
    Bell(Bell const&) = delete;
    Bell& operator=(Bell const&) = delete;
    ~Bell() { ::sem_destroy(&posted_); }

    // Any thread. What was written before is seen by the one that wakes.
    void ring() noexcept {
        if (!is_rung_.exchange(true, std::memory_order_acq_rel)) ::sem_post(&posted_);
    }

    // True: rung since the last wait ended; false: not within that time.
    bool wait_for(milliseconds within) noexcept {
        constexpr long second_ns = 1'000'000'000;
        timespec until{};
        ::clock_gettime(CLOCK_MONOTONIC, &until);
        auto const ns = until.tv_nsec + static_cast<long>(within.count() % 1000) * 1'000'000;
        until.tv_sec += static_cast<time_t>(within.count() / 1000) + ns / second_ns;
        until.tv_nsec = ns % second_ns;
        while (::sem_clockwait(&posted_, CLOCK_MONOTONIC, &until) != 0) {
            if (errno != EINTR) return false;
        }
        is_rung_.exchange(false, std::memory_order_acq_rel);
        return true;
    }

  private:
    sem_t posted_;
    std::atomic<bool> is_rung_{false};  // at most one post at a time
};

}  // namespace sluice::telemetry
