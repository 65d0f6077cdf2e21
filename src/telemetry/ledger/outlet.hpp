// What others may know of a thread that writes to a disk: whether its last write failed, and
// whether it is stuck in one. Written by that thread, read by all.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>

#include "sluice/time.hpp"

namespace sluice::telemetry {

class Outlet {
  public:
    // Around each call that the disk may take long over. The writing thread.
    class Busy {
      public:
        explicit Busy(Outlet& outlet) noexcept : outlet_(outlet) {
            outlet_.busy_since_.store(Steady::now().time_since_epoch().count(),
                                      std::memory_order_release);
        }
        Busy(Busy const&) = delete;
        Busy& operator=(Busy const&) = delete;
        ~Busy() { outlet_.busy_since_.store(0, std::memory_order_release); }

      private:
        Outlet& outlet_;
    };

    // 0: the last write went well, else its errno. True when that is a change between the two.
    bool note(int error) noexcept {
        if (error != 0) failures_.fetch_add(1, std::memory_order_relaxed);
        bool const was_failing = error_.exchange(error, std::memory_order_acq_rel) != 0;
        return was_failing != (error != 0);
    }

    // Any thread.
    [[nodiscard]] bool is_failing() const noexcept {
        return error_.load(std::memory_order_acquire) != 0;
    }
    [[nodiscard]] bool is_busy() const noexcept {
        return busy_since_.load(std::memory_order_acquire) != 0;
    }
    [[nodiscard]] bool is_stuck(Steady::time_point now, Steady::duration after) const noexcept {
        auto const since = busy_since_.load(std::memory_order_acquire);
        return since != 0 && now.time_since_epoch().count() - since > after.count();
    }
    [[nodiscard]] bool works(Steady::time_point now, Steady::duration stuck_after) const noexcept {
        return !is_failing() && !is_stuck(now, stuck_after);
    }
    [[nodiscard]] std::uint64_t failures() const noexcept {
        return failures_.load(std::memory_order_relaxed);
    }
    // "No space left on device", "does not answer", "works".
    [[nodiscard]] std::string state(Steady::time_point now, Steady::duration stuck_after) const {
        if (is_stuck(now, stuck_after)) return "does not answer";
        auto const error = error_.load(std::memory_order_acquire);
        return error == 0 ? "works" : std::strerror(error);
    }

  private:
    std::atomic<Steady::rep> busy_since_{0};  // of Steady's clock; 0 = in no call
    std::atomic<int> error_{0};
    std::atomic<std::uint64_t> failures_{0};
};

}  // namespace sluice::telemetry
