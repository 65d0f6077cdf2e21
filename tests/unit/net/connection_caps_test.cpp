#include "net/connection_caps.hpp"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace sluice::net {
namespace {

IpAddress ip(std::string const& text) { return IpAddress::parse(text).value_or(IpAddress{}); }

TEST(ConnectionCaps, CountsOverAllWorkers) {
    ConnectionCaps caps(2);
    EXPECT_TRUE(caps.open(0, 2));
    EXPECT_TRUE(caps.open(1, 2));
    EXPECT_FALSE(caps.open(0, 2));
    EXPECT_EQ(caps.count(), 2u);
    caps.close(1);
    EXPECT_TRUE(caps.open(0, 2));
}

TEST(ConnectionCaps, CountsPerAddress) {
    ConnectionCaps caps(1);
    EXPECT_TRUE(caps.take(ip("192.0.2.1"), 2));
    EXPECT_TRUE(caps.take(ip("192.0.2.1"), 2));
    EXPECT_FALSE(caps.take(ip("192.0.2.1"), 2));
    EXPECT_TRUE(caps.take(ip("192.0.2.2"), 2));
    EXPECT_TRUE(caps.take(ip("2001:db8::1"), 1));
    EXPECT_FALSE(caps.take(ip("2001:db8::2"), 1)) << "one /64";
    caps.give_back(ip("192.0.2.1"));
    EXPECT_TRUE(caps.take(ip("192.0.2.1"), 2)) << "a refused one must not count";
}

TEST(ConnectionCaps, ManyAddressesDoNotStandInEachOthersWay) {
    ConnectionCaps caps(1);
    int refused = 0;
    for (int i = 0; i < 10'000; ++i) {
        auto const address = "10.2." + std::to_string(i / 256) + "." + std::to_string(i % 256);
        refused += caps.take(ip(address), 20) ? 0 : 1;
    }
    EXPECT_EQ(refused, 0);
}

TEST(ConnectionCaps, FarAboveTheMeanIsNeverEverybody) {
    ConnectionCaps caps(4);
    for (int i = 0; i < 15; ++i) caps.open(0, 1000);
    EXPECT_FALSE(caps.is_far_above_mean(0)) << "few connections say nothing";
    for (int i = 0; i < 100; ++i) caps.open(0, 1000);
    EXPECT_TRUE(caps.is_far_above_mean(0));
    for (unsigned w = 1; w < 4; ++w) EXPECT_FALSE(caps.is_far_above_mean(w));
    for (unsigned w = 1; w < 4; ++w) {
        for (int i = 0; i < 115; ++i) caps.open(w, 1000);
    }
    for (unsigned w = 0; w < 4; ++w) EXPECT_FALSE(caps.is_far_above_mean(w));
    ConnectionCaps alone(1);
    for (int i = 0; i < 500; ++i) alone.open(0, 1000);
    EXPECT_FALSE(alone.is_far_above_mean(0));
}

TEST(ConnectionCaps, ThreadsLeaveNothingBehind) {
    ConnectionCaps caps(4);
    std::vector<std::thread> threads;
    for (unsigned w = 0; w < 4; ++w) {
        threads.emplace_back([&caps, w] {
            for (int i = 0; i < 2000; ++i) {
                if (!caps.open(w, 3)) continue;
                bool const taken = caps.take(ip("192.0.2.1"), 2);
                if (taken) caps.give_back(ip("192.0.2.1"));
                caps.close(w);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(caps.count(), 0u);
    EXPECT_TRUE(caps.take(ip("192.0.2.1"), 1));
}

}  // namespace
}  // namespace sluice::net
