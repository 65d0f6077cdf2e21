// BudgetWatch: looks at every budget, twice a second while any of them changes, and tells when one
// is half, four fifths and all spent: once each in a period, also over a restart. A thread of its
// own, so that no request pays for it; the thread that copies budgets wakes it. Owned by the
// daemon.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "stage/limiter/token_limiter.hpp"

namespace sluice::stage {

inline constexpr std::array<int, 3> warning_levels = {50, 80, 100};

class BudgetWatch {
  public:
    static constexpr milliseconds look_every{500};

    // `tell`: a JSON message for each warning; may be empty. Called on the watch's thread.
    explicit BudgetWatch(std::function<void(std::string)> tell);
    ~BudgetWatch();  // stops
    BudgetWatch(BudgetWatch const&) = delete;
    BudgetWatch& operator=(BudgetWatch const&) = delete;

    // What is looked at from now on; null: nothing. Any thread but a worker's.
    void watch(std::shared_ptr<TokenLimiter const> limiter);
    void look();  // now; any thread but a worker's
    void stop();  // idempotent
    // By level, since the start. Any thread.
    [[nodiscard]] std::array<std::uint64_t, 3> warnings() const noexcept;

  private:
    void run();
    void stir();  // there is something to look at. Any thread

    std::function<void(std::string)> const tell_;
    std::array<std::atomic<std::uint64_t>, 3> warnings_{};
    std::mutex look_mutex_;  // one look at a time
    std::mutex mutex_;       // all below
    std::condition_variable wake_;
    std::shared_ptr<TokenLimiter const> limiter_;
    bool is_stirred_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace sluice::stage
