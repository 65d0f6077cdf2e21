// Gauge: how many are under way. Lock-free. Called by limit.cpp.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::store {

class Gauge {
  public:
    bool take(std::int64_t amount, std::int64_t cap) noexcept {
        auto count = count_.load(std::memory_order_acquire);
        do {
            if (count > cap - amount) return false;
        } while (!count_.compare_exchange_weak(count, count + amount, std::memory_order_acq_rel));
        return true;
    }
    void give(std::int64_t amount) noexcept { count_.fetch_sub(amount, std::memory_order_acq_rel); }
    [[nodiscard]] std::int64_t held() const noexcept {
        return count_.load(std::memory_order_acquire);
    }

  private:
    alignas(64) std::atomic<std::int64_t> count_{0};
};

}  // namespace sluice::store
