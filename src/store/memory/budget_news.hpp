// What budgets tell the thread that copies them (budget_table.hpp): that one has changed, or that
// something was refused. Two loads for a request while that thread is awake, a wake-up when it
// sleeps. Told by Budget and LimitCell on workers; the table owns it.
#pragma once

#include <atomic>

#include "base/bell.hpp"

namespace sluice::store {

class BudgetNews {
  public:
    // Any thread, after a sequentially consistent change of a slot.
    void changed() noexcept { bell_.ring_sleeper(); }
    void refused() noexcept {
        if (!has_refusal_.load()) has_refusal_.store(true);
        bell_.ring_sleeper();
    }
    // The copying thread's. True: something was refused since it was asked last.
    bool take_refusal() noexcept { return has_refusal_.exchange(false); }
    [[nodiscard]] bool has_refusal() const noexcept { return has_refusal_.load(); }
    Bell& bell() noexcept { return bell_; }

  private:
    Bell bell_;
    std::atomic<bool> has_refusal_{false};
};

}  // namespace sluice::store
