// Wakes the one thread that sleeps at it. Rung before it sleeps, it does not sleep. Called by
// threads that write what others change (ledger, budgets) and, through them, by workers: takes no
// lock.
#pragma once

#include <atomic>
#include <cerrno>
#include <ctime>
#include <semaphore.h>

#include "sluice/time.hpp"

namespace sluice {

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

    // For changes that come far more often than the thread sleeps. Any thread, when it has changed
    // something by a sequentially consistent store or exchange: one load while the thread is awake.
    void ring_sleeper() noexcept {
        if (is_asleep_.load()) ring();
    }
    // The thread: sleeps until rung or `most` is over, unless `is_changed()` finds, by sequentially
    // consistent loads, what was changed before those that change it saw it sleep. True: changed.
    template <class IsChanged>
    bool sleep(milliseconds most, IsChanged&& is_changed) noexcept {
        is_asleep_.store(true);
        bool const woke = is_changed() || wait_for(most);
        is_asleep_.store(false);
        return woke;
    }
    // Any thread: it is in sleep().
    [[nodiscard]] bool is_asleep() const noexcept { return is_asleep_.load(); }

  private:
    sem_t posted_;
    std::atomic<bool> is_rung_{false};  // at most one post at a time
    std::atomic<bool> is_asleep_{false};
};

}  // namespace sluice
