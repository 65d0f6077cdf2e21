// A thread that sleeps while nothing changes misses no change, whoever makes it and when.
#include "base/bell.hpp"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace sluice {
namespace {

constexpr milliseconds long_enough{20'000};

TEST(Bell, RungBeforeItSleepsItDoesNotSleep) {
    Bell bell;
    bell.ring();
    bell.ring();
    EXPECT_TRUE(bell.wait_for(long_enough));
    EXPECT_FALSE(bell.wait_for(milliseconds{1}));
}

TEST(Bell, NobodyRingsForAThreadThatIsAwake) {
    Bell bell;
    bell.ring_sleeper();
    EXPECT_FALSE(bell.wait_for(milliseconds{1}));
    EXPECT_TRUE(bell.sleep(long_enough, [&] {
        bell.ring_sleeper();  // it sleeps as soon as it asks
        return false;
    }));
    EXPECT_FALSE(bell.is_asleep());
}

// Each thread waits for its change to be seen before it makes the next, so that the sleeper goes to
// sleep again and again while others change: a change that is missed leaves all of them waiting.
TEST(Bell, AChangeOfManyThreadsIsNeverMissed) {
    constexpr int threads = 4;
    constexpr std::uint64_t each = 5'000;
    Bell bell;
    std::atomic<std::uint64_t> changes{0}, seen{0};
    std::atomic<bool> missed{false};
    std::vector<std::thread> changing;
    for (int i = 0; i < threads; ++i) {
        changing.emplace_back([&] {
            for (std::uint64_t n = 0; n < each && !missed; ++n) {
                auto const mine = changes.fetch_add(1) + 1;
                bell.ring_sleeper();
                while (seen.load() < mine && !missed) std::this_thread::yield();
            }
        });
    }
    while (seen.load() < threads * each && !missed) {
        if (!bell.sleep(long_enough, [&] { return changes.load() != seen.load(); })) missed = true;
        seen = changes.load();
    }
    for (auto& thread : changing) thread.join();
    EXPECT_FALSE(missed);
    EXPECT_EQ(seen.load(), threads * each);
}

}  // namespace
}  // namespace sluice
