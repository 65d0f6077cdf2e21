// ULIDs: form, time prefix, order within a thread, no collisions between threads.
#include "sluice/ids.hpp"

#include <gtest/gtest.h>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace sluice {
namespace {

Wall::time_point at_ms(std::int64_t ms) { return Wall::time_point{milliseconds{ms}}; }

TEST(Ulid, TimePrefixIsTheSpecsExample) {
    // As on the spec page: 1469918176385 ms begins with 01ARYZ6S41.
    std::string text;
    std::thread{[&] { text = std::string{Ulid::next(at_ms(1469918176385)).view()}; }}.join();
    EXPECT_EQ(text.substr(0, 10), "01ARYZ6S41");
    EXPECT_EQ(text.size(), 26u);
    EXPECT_EQ(text.find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ"), std::string::npos);
}

TEST(Ulid, StrictlyIncreasesEvenWhenTheClockStepsBack) {
    std::thread{[] {
        Ulid last = Ulid::next(at_ms(1'000'000));
        for (std::int64_t const ms : {1'000'000, 1'000'000, 999'000, 1'000'001, 5, 1'000'002}) {
            for (int i = 0; i < 100; ++i) {
                Ulid const next = Ulid::next(at_ms(ms));
                ASSERT_LT(last, next);
                last = next;
            }
        }
    }}.join();
}

TEST(Ulid, ThreadsDoNotCollide) {
    std::vector<std::vector<std::string>> made(4);
    std::vector<std::thread> threads;
    for (auto& list : made) {
        threads.emplace_back([&list] {
            for (int i = 0; i < 2000; ++i) list.emplace_back(Ulid::next(at_ms(42)).view());
        });
    }
    for (auto& thread : threads) thread.join();
    std::set<std::string> all;
    for (auto const& list : made) all.insert(list.begin(), list.end());
    EXPECT_EQ(all.size(), 8000u);
}

}  // namespace
}  // namespace sluice
