// Rows age: sums per day, deleted rows, deleted ledger files; no sum ever changes by it.
#include "store/projection/retention.hpp"

#include <fmt/format.h>
#include <random>

#include "unit/store/rig.hpp"

namespace sluice::store {
namespace {

class RetentionTest : public Rig {
  protected:
    void age(std::string_view now, RetentionSettings settings = {}) {
        auto projection = open();
        ASSERT_TRUE(projection->catch_up());
        for (bool more = true; more;) more = *seal_some(*projection, ms_of(now));
        for (bool more = true; more;) {
            more = *purge_some(*projection, ms_of(now), settings.rows_days);
        }
        auto const deleted = delete_ledger_files(*projection, ms_of(now), settings.ledger_days);
        ASSERT_TRUE(deleted) << deleted.error().message;
    }
    std::string everything() {
        return summary(usage({{"by", "day,team,key,user,model,provider,route,tag:env"}}));
    }
};

TEST_F(RetentionTest, SumsStayTheSameWhileRowsAreSealedPurgedAndMoreCome) {
    std::mt19937 dice{3};
    auto const some = [&](int day_first, int day_last, int count) {
        for (int i = 0; i < count; ++i) {
            auto const day =
                day_first + static_cast<int>(dice() % unsigned(day_last - day_first + 1));
            record({{.at = fmt::format("2026-10-{:02}T{:02}:{:02}:00.000Z", day, dice() % 24,
                                       dice() % 60),
                     .team = dice() % 2 ? "a" : "b",
                     .user = fmt::format("u{}", dice() % 3),
                     .tags = dice() % 2 ? R"(["env=prod","x"])" : "[]",
                     .provider = dice() % 2 ? "p" : "q",
                     .input = static_cast<std::int64_t>(dice() % 1000),
                     .cost = dice() % 5 ? std::to_string(dice()) : "null"}});
        }
    };
    some(1, 20, 400);
    project();
    auto before = everything();
    auto const total = usage().total;
    age("2026-10-21T00:00:00Z");
    EXPECT_EQ(everything(), before);
    EXPECT_GT(number("SELECT count(*) FROM day"), 20);
    EXPECT_EQ(number("SELECT count(*) FROM entry"), 400);
    age("2026-10-21T00:00:00Z", {.rows_days = 5});
    EXPECT_EQ(everything(), before);
    EXPECT_TRUE(usage().total == total);
    EXPECT_EQ(
        number("SELECT count(*) FROM entry WHERE at < " + std::to_string(ms_of("2026-10-16"))), 0);
    EXPECT_GT(number("SELECT count(*) FROM entry"), 0);

    // Records that come late count in the days that were summed up already.
    some(1, 25, 100);
    project();
    EXPECT_EQ(usage().total[Measure::requests], 500);
    auto const with_late = everything();
    age("2026-10-26T12:00:00Z", {.rows_days = 2});
    EXPECT_EQ(everything(), with_late);
    EXPECT_EQ(usage().total[Measure::requests], 500);
    // Made again from the whole ledger it says the same.
    for (auto const* end : {"", "-wal", "-shm"}) std::filesystem::remove(database_path(dir) + end);
    project();
    EXPECT_EQ(everything(), with_late);
}

TEST_F(RetentionTest, PeriodsInsideADayAreExactWhileItsRowsAreThere) {
    for (int hour = 0; hour < 24; ++hour) {
        record({{.at = fmt::format("2026-10-01T{:02}:30:00.000Z", hour), .input = hour}});
        record({{.at = fmt::format("2026-10-02T{:02}:30:00.000Z", hour), .input = 100}});
    }
    auto const check = [&] {
        auto const between = [&](char const* from, char const* to) {
            auto const report = usage({{"from", from}, {"to", to}});
            return static_cast<int>(report.total[Measure::requests]);
        };
        EXPECT_EQ(between("2026-10-01", "2026-10-01"), 24);
        EXPECT_EQ(between("2026-10-01", "2026-10-02"), 48);
        EXPECT_EQ(between("2026-10-01T06:00:00Z", "2026-10-01T12:00:00Z"), 6);
        EXPECT_EQ(between("2026-10-01T12:00:00Z", "2026-10-02T12:00:00Z"), 24);
        EXPECT_EQ(between("2026-09-30T12:00:00Z", "2026-10-03T12:00:00Z"), 48);
        EXPECT_EQ(between("2026-10-01T23:30:00Z", "2026-10-01T23:30:00.001Z"), 1);
        EXPECT_EQ(between("2026-10-01T22:00:00Z", "2026-10-01T23:30:00Z"), 1);
    };
    project();
    check();
    age("2026-10-02T06:00:00Z");  // in the middle of the second day
    check();
    age("2026-10-05T00:00:00Z");
    check();
}

TEST_F(RetentionTest, APeriodThatCutsThroughADayWithoutRowsIsRefused) {
    record({{.at = "2026-10-01T10:00:00.000Z"}, {.at = "2026-10-09T10:00:00.000Z"}});
    age("2026-10-10T00:00:00Z", {.rows_days = 3});
    auto const error = usage_error({{"from", "2026-10-01T12:00:00Z"}});
    EXPECT_EQ(error.http_status, 400);
    EXPECT_NE(error.message.find("begin and end at a day"), std::string::npos) << error.message;
    EXPECT_EQ(usage({{"from", "2026-10-01"}}).total[Measure::requests], 2);
    EXPECT_EQ(usage({{"from", "2026-10-09T09:00:00Z"}}).total[Measure::requests], 1);
}

TEST_F(RetentionTest, RowsOfTheLastMinutesAreNotSealed) {
    record({{.at = "2026-10-01T10:00:00.000Z"}, {.at = "2026-10-01T10:58:00.000Z"}});
    age("2026-10-01T11:00:00Z");
    EXPECT_EQ(number("SELECT sum(requests) FROM day"), 1);
    EXPECT_EQ(usage().total[Measure::requests], 2);
}

TEST_F(RetentionTest, MoreRowsThanASliceAreSealedInSlices) {
    std::string lines;
    for (int i = 0; i < 45'000; ++i) {
        lines += line({.at = fmt::format("2026-10-01T{:02}:00:00.{:03}Z", i / 10'000, i % 10)});
    }
    append("usage-1.jsonl", lines);
    auto projection = open();
    ASSERT_TRUE(projection->catch_up());
    int slices = 1;
    while (*seal_some(*projection, ms_of("2026-10-02"))) ++slices;
    EXPECT_GE(slices, 2);
    EXPECT_EQ(number("SELECT sum(requests) FROM day"), 45'000);
    EXPECT_EQ(usage().total[Measure::requests], 45'000);
}

TEST_F(RetentionTest, LedgerFilesGoWhenOldClosedAndTakenIn) {
    auto const file = [](int n) { return fmt::format("usage-202610{:02}T000000Z-0001.jsonl", n); };
    record({{.at = "2026-10-01T10:00:00.000Z"}}, file(1));
    record({{.at = "2026-10-02T10:00:00.000Z"}}, file(2));
    append(file(2), "{\"schema\":2,\"torn");
    record({{.at = "2026-10-09T10:00:00.000Z"}}, file(9));
    record({{.at = "2026-10-03T10:00:00.000Z"}}, file(10));  // the newest: may be written to
    project();
    auto const before = everything();
    auto projection = open();
    record({{.at = "2026-10-01T11:00:00.000Z"}}, file(1));  // not taken in yet
    EXPECT_EQ(*delete_ledger_files(*projection, ms_of("2026-10-11"), 5), 1);
    EXPECT_TRUE(std::filesystem::exists(path_of(file(1))));
    EXPECT_FALSE(std::filesystem::exists(path_of(file(2))));
    EXPECT_TRUE(std::filesystem::exists(path_of(file(9))));
    EXPECT_TRUE(std::filesystem::exists(path_of(file(10))));
    ASSERT_TRUE(projection->catch_up());
    EXPECT_EQ(*delete_ledger_files(*projection, ms_of("2026-10-11"), 5), 1);
    EXPECT_FALSE(std::filesystem::exists(path_of(file(1))));
    EXPECT_EQ(*delete_ledger_files(*projection, ms_of("2026-10-30"), 0), 0);
    EXPECT_TRUE(std::filesystem::exists(path_of(file(9))));
    EXPECT_EQ(usage().total[Measure::requests], 5);
}

}  // namespace
}  // namespace sluice::store
