// The thread: takes in what comes, survives a database that fails, catches up when it is back.
#include "store/projection/projector.hpp"

#include "unit/store/rig.hpp"

namespace sluice::store {
namespace {

class ProjectorTest : public Rig {};

constexpr milliseconds long_enough{20'000};

TEST_F(ProjectorTest, TakesInWhatIsWrittenAndWhatIsLeftAtTheEnd) {
    Projector projector{dir, {}};
    projector.start();
    record({{}, {}});
    EXPECT_TRUE(projector.catch_up(long_enough));
    EXPECT_EQ(projector.counters().records, 2u);
    EXPECT_EQ(projector.counters().pending_bytes, 0u);
    record({{}});
    projector.stop();
    EXPECT_EQ(projector.counters().records, 3u);
    EXPECT_EQ(usage().total[Measure::requests], 3);
    EXPECT_FALSE(projector.catch_up(long_enough));
}

TEST_F(ProjectorTest, ADatabaseThatFailsIsCountedAndCaughtUpWithLater) {
    std::ofstream{database_path(dir)} << std::string(8192, 'x');
    Projector projector{dir, {}};
    projector.start();
    record({{}, {}});
    EXPECT_FALSE(projector.catch_up(long_enough));
    EXPECT_TRUE(projector.counters().failing);
    EXPECT_GE(projector.counters().failures, 1u);
    std::filesystem::remove(database_path(dir));
    EXPECT_TRUE(projector.catch_up(long_enough));
    EXPECT_FALSE(projector.counters().failing);
    EXPECT_EQ(usage().total[Measure::requests], 2);
}

TEST_F(ProjectorTest, ADatabaseThatIsDeletedWhileItRunsIsMadeAgain) {
    Projector projector{dir, {}};
    projector.start();
    record({{}, {}});
    ASSERT_TRUE(projector.catch_up(long_enough));
    for (auto const* end : {"", "-wal", "-shm"}) std::filesystem::remove(database_path(dir) + end);
    record({{}});
    EXPECT_TRUE(projector.catch_up(long_enough));
    EXPECT_EQ(projector.counters().failures, 0u);
    EXPECT_EQ(usage().total[Measure::requests], 3);
    EXPECT_FALSE(projector.counters().failing);
}

TEST_F(ProjectorTest, RetentionFollowsTheSettings) {
    record({{.at = "2020-01-01T10:00:00.000Z"}}, "usage-20200101T000000Z-0001.jsonl");
    record({{}}, "usage-20261120T000000Z-0001.jsonl");
    Projector projector{dir, {.rows_days = 30, .ledger_days = 30}};
    projector.start();
    auto const until = Steady::now() + long_enough;
    while (projector.counters().files_deleted == 0 && Steady::now() < until) {
        EXPECT_TRUE(projector.catch_up(long_enough));
    }
    EXPECT_FALSE(std::filesystem::exists(path_of("usage-20200101T000000Z-0001.jsonl")));
    EXPECT_TRUE(std::filesystem::exists(path_of("usage-20261120T000000Z-0001.jsonl")));
    EXPECT_EQ(usage().total[Measure::requests], 2);
    EXPECT_EQ(number("SELECT count(*) FROM entry WHERE at < 1600000000000"), 0);
}

}  // namespace
}  // namespace sluice::store
