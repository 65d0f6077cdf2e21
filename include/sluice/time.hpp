// Time as sluice uses it: a steady clock for deadlines, a wall clock for records.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

using Steady = std::chrono::steady_clock;
using Wall = std::chrono::system_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// A point after which a wait ends with a timeout. `never()` does not end.
class Deadline {
  public:
    constexpr Deadline() = default;
    constexpr explicit Deadline(Steady::time_point at) : at_(at) {}
    static constexpr Deadline never() { return Deadline{}; }
    static Deadline in(Steady::duration d) { return Deadline{Steady::now() + d}; }

    [[nodiscard]] constexpr bool is_never() const { return at_ == Steady::time_point::max(); }
    [[nodiscard]] constexpr Steady::time_point at() const { return at_; }
    [[nodiscard]] bool is_past() const { return !is_never() && Steady::now() >= at_; }
    friend constexpr Deadline earlier(Deadline a, Deadline b) { return a.at_ < b.at_ ? a : b; }

  private:
    Steady::time_point at_ = Steady::time_point::max();
};

}  // namespace sluice
