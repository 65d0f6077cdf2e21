// The time at which the event loop of this thread last woke: good enough for deadlines and for what
// holds for a second, and read without asking a clock, which a request would do some twenty times.
// Behind the clock by what the turn has taken so far, less than a millisecond as a rule; never used
// for what is measured. Set by net/reactor; on threads without a loop it is the clock.
#pragma once

#include "sluice/time.hpp"

namespace sluice {

namespace turn_detail {
inline constinit thread_local Steady::rep began = 0;  // 0: no loop runs
}

inline Steady::time_point turn_time() noexcept {
    auto const began = turn_detail::began;
    return began == 0 ? Steady::now() : Steady::time_point{Steady::duration{began}};
}
inline Deadline in_turn(Steady::duration d) noexcept { return Deadline{turn_time() + d}; }

// By the loop: a turn begins, and the last one has ended.
inline void begin_turn() noexcept { turn_detail::began = Steady::now().time_since_epoch().count(); }
inline void end_turns() noexcept { turn_detail::began = 0; }

}  // namespace sluice
