// The time of the turn stands still while it lasts, and is the clock where no loop runs.
#include "base/turn_time.hpp"

#include <chrono>
#include <gtest/gtest.h>
#include <thread>

#include "net/worker_impl.hpp"

namespace sluice::net {
namespace {

TEST(TurnTime, IsTheClockWithoutALoop) {
    auto const before = Steady::now();
    auto const told = turn_time();
    EXPECT_LE(before, told);
    EXPECT_LE(told, Steady::now());
}

TEST(TurnTime, StandsStillDuringATurnAndGoesOnWithTheNext) {
    WorkerImpl worker(0);
    Steady::time_point first, late, next, clock;
    worker.post([&] {
        first = turn_time();
        std::this_thread::sleep_for(milliseconds{5});
        late = turn_time();
        clock = Steady::now();
        worker.post([&] {
            next = turn_time();
            worker.stop(Steady::duration::zero());
        });
    });
    worker.run();
    EXPECT_EQ(first, late);
    EXPECT_GE(next, clock);
    EXPECT_GE(in_turn(seconds{1}).at(), Steady::now() + milliseconds{900});  // the loop has ended
}

}  // namespace
}  // namespace sluice::net
