#include "stage/auth/auth_throttle.hpp"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace sluice::stage {
namespace {

IpAddress ip(std::string const& text) { return IpAddress::parse(text).value_or(IpAddress{}); }

class Throttle : public testing::Test {
  protected:
    // `n` failures; true when one of them blocked.
    bool fail(std::string const& address, int n = 1) {
        bool blocked = false;
        for (int i = 0; i < n; ++i) blocked |= throttle.note_failure(ip(address), settings, now);
        return blocked;
    }
    std::uint32_t left(std::string const& address) { return throttle.blocked_s(ip(address), now); }

    AuthThrottle::Settings settings{3, 60, 30};
    AuthThrottle throttle;
    Steady::time_point now = Steady::now();
};

TEST_F(Throttle, BlocksAfterSoManyFailuresAndForSoLong) {
    EXPECT_FALSE(fail("192.0.2.1", 2));
    EXPECT_EQ(left("192.0.2.1"), 0u);
    EXPECT_TRUE(fail("192.0.2.1"));
    EXPECT_EQ(left("192.0.2.1"), 30u);
    EXPECT_EQ(left("192.0.2.2"), 0u) << "a neighbour is another caller";
    now += seconds{29};
    EXPECT_EQ(left("192.0.2.1"), 1u);
    now += seconds{1};
    EXPECT_EQ(left("192.0.2.1"), 0u);
    EXPECT_FALSE(fail("192.0.2.1", 2)) << "it begins anew";
    EXPECT_TRUE(fail("192.0.2.1"));
}

TEST_F(Throttle, ForgetsFailuresOutsideTheWindow) {
    EXPECT_FALSE(fail("192.0.2.1", 2));
    now += seconds{60};
    EXPECT_FALSE(fail("192.0.2.1", 2));
    EXPECT_TRUE(fail("192.0.2.1"));
}

TEST_F(Throttle, CountsAnIpv6NetworkAsOne) {
    EXPECT_FALSE(fail("2001:db8:0:1::1"));
    EXPECT_FALSE(fail("2001:db8:0:1:ffff::2"));
    EXPECT_TRUE(fail("2001:db8:0:1::3"));
    EXPECT_EQ(left("2001:db8:0:1:abcd::"), 30u);
    EXPECT_EQ(left("2001:db8:0:2::1"), 0u);
}

TEST_F(Throttle, ZeroFailuresTurnItOff) {
    settings.failures = 0;
    EXPECT_FALSE(fail("192.0.2.1", 1000));
    EXPECT_EQ(left("192.0.2.1"), 0u);
}

TEST_F(Throttle, KeepsThoseBlockedWhenManyOthersFail) {
    std::vector<std::string> blocked;
    for (int i = 0; i < 50; ++i) blocked.push_back("192.0.2." + std::to_string(i));
    for (auto const& address : blocked) EXPECT_TRUE(fail(address, 3));
    for (int i = 0; i < 20'000; ++i) {
        fail("10.1." + std::to_string(i / 256) + "." + std::to_string(i % 256));
    }
    std::size_t still = 0;
    for (auto const& address : blocked) still += left(address) > 0 ? 1 : 0;
    EXPECT_EQ(still, blocked.size());
}

TEST_F(Throttle, WorkersCountTogether) {
    settings.failures = 1000;
    std::atomic<int> blocks{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 250; ++i) {
                if (throttle.note_failure(ip("192.0.2.1"), settings, now)) ++blocks;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(blocks, 1) << "no failure was lost, and one of them blocked";
    EXPECT_GT(left("192.0.2.1"), 0u);
}

}  // namespace
}  // namespace sluice::stage
