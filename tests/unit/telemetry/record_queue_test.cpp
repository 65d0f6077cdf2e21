// The queue between a worker and the writer: order, bound, nothing lost between two threads.
#include "telemetry/record_queue.hpp"

#include <gtest/gtest.h>
#include <set>
#include <thread>

namespace sluice::telemetry {
namespace {

UsageRecord numbered(std::uint64_t n) {
    UsageRecord record;
    record.sequence = n;
    record.route = "a route with a name that needs the heap " + std::to_string(n);
    return record;
}

TEST(RecordQueue, RefusesWhenFullAndKeepsOrder) {
    RecordQueue queue{4};
    for (std::uint64_t n = 1; n <= 4; ++n) EXPECT_TRUE(queue.push(numbered(n)));
    auto extra = numbered(5);
    EXPECT_FALSE(queue.push(std::move(extra)));
    EXPECT_EQ(extra.sequence, 5u);  // NOLINT(bugprone-use-after-move): left as it was
    std::vector<std::uint64_t> seen;
    auto const read = [&](UsageRecord const& record) {
        seen.push_back(record.sequence);
        return true;
    };
    EXPECT_EQ(queue.drain(read), 4u);
    EXPECT_TRUE(queue.push(std::move(extra)));
    EXPECT_EQ(queue.drain(read), 1u);
    EXPECT_EQ(queue.drain(read), 0u);
    EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
}

TEST(RecordQueue, ReadsNoFurtherThanItIsTold) {
    RecordQueue queue{4};
    for (std::uint64_t n = 1; n <= 4; ++n) EXPECT_TRUE(queue.push(numbered(n)));
    EXPECT_TRUE(queue.is_nearly_full());
    std::uint64_t last = 0;
    auto const read_two = [&](UsageRecord const& record) {
        last = record.sequence;
        return last < 2;
    };
    EXPECT_EQ(queue.drain(read_two), 2u);
    EXPECT_EQ(last, 2u);
    EXPECT_EQ(queue.size(), 2u);
    EXPECT_FALSE(queue.is_nearly_full());
    EXPECT_TRUE(queue.push(numbered(5)));
    EXPECT_EQ(queue.size(), 3u);
}

TEST(RecordQueue, UsesTheRecordThatCameBackLast) {
    RecordQueue queue{8};
    std::vector<UsageRecord const*> read;
    auto const note = [&](UsageRecord const& record) {
        read.push_back(&record);
        return true;
    };
    for (std::uint64_t n = 1; n <= 4; ++n) EXPECT_TRUE(queue.push(numbered(n)));
    EXPECT_EQ(queue.drain(note), 4u);
    auto const first = read;
    read.clear();
    // One at a time after a burst of four: always the same one.
    for (std::uint64_t n = 5; n <= 8; ++n) {
        EXPECT_TRUE(queue.push(numbered(n)));
        EXPECT_EQ(queue.drain(note), 1u);
    }
    EXPECT_EQ(read, (std::vector<UsageRecord const*>(4, first.back())));
    // And a burst finds the others again.
    read.clear();
    for (std::uint64_t n = 9; n <= 12; ++n) EXPECT_TRUE(queue.push(numbered(n)));
    EXPECT_EQ(queue.drain(note), 4u);
    EXPECT_EQ(std::set<UsageRecord const*>(read.begin(), read.end()),
              std::set<UsageRecord const*>(first.begin(), first.end()));
}

TEST(RecordQueue, CarriesEveryRecordBetweenTwoThreads) {
    RecordQueue queue{64};
    constexpr std::uint64_t count = 100'000;
    std::thread producer{[&queue] {
        for (std::uint64_t n = 1; n <= count; ++n) {
            auto record = numbered(n);
            while (!queue.push(std::move(record))) std::this_thread::yield();
        }
    }};
    std::uint64_t last = 0;
    std::uint64_t wrong = 0;
    while (last < count) {
        auto const got = queue.drain([&](UsageRecord const& record) {
            if (record.sequence != last + 1 || !record.route.ends_with(std::to_string(last + 1))) {
                ++wrong;
            }
            last = record.sequence;
            return true;
        });
        if (got == 0) std::this_thread::yield();
    }
    producer.join();
    EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace sluice::telemetry
