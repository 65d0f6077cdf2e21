// Calendar periods in time zones, and budgets that outlive the process.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <set>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "store/memory/budget_table.hpp"
#include "store/memory/cell_table.hpp"
#include "store/memory/limit.hpp"

namespace sluice::store {
namespace {

namespace fs = std::filesystem;

// 2026-03-29 is the day on which clocks in Berlin go from 02:00 to 03:00; 2026-10-25 the way back.
constexpr std::int64_t utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0) {
    using namespace std::chrono;
    sys_days const date{std::chrono::year{year} / month / day};
    return date.time_since_epoch().count() * 86'400LL + hour * 3600 + minute * 60;
}

std::string big_endian(std::uint64_t value, int bytes) {
    std::string out;
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
    return out;
}

// A zone file with a rule alone, as small files have it.
std::shared_ptr<TimeZone const> zone_of(std::string const& rule, std::int64_t offset) {
    std::string file = "TZif2" + std::string(15, '\0');
    std::string const counts = big_endian(0, 4) + big_endian(0, 4) + big_endian(0, 4) +
                               big_endian(0, 4) + big_endian(1, 4) + big_endian(4, 4);
    std::string const type =
        big_endian(static_cast<std::uint64_t>(offset), 4) + std::string(2, '\0');
    file += counts + type + std::string("STD\0", 4);
    file += "TZif2" + std::string(15, '\0') + counts + type + std::string("STD\0", 4);
    file += "\n" + rule + "\n";
    return TimeZone::read("test", file);
}

TEST(Calendar, a_day_begins_at_local_midnight_and_may_have_23_or_25_hours) {
    auto const zone = zone_of("CET-1CEST,M3.5.0,M10.5.0/3", 3600);
    ASSERT_TRUE(zone);
    EXPECT_EQ(zone->offset_at(utc(2026, 1, 10)), 3600);
    EXPECT_EQ(zone->offset_at(utc(2026, 3, 29, 0, 59)), 3600);
    EXPECT_EQ(zone->offset_at(utc(2026, 3, 29, 1, 0)), 7200);
    EXPECT_EQ(zone->offset_at(utc(2026, 10, 25, 0, 59)), 7200);
    EXPECT_EQ(zone->offset_at(utc(2026, 10, 25, 1, 0)), 3600);

    auto const spring = period_at(Period::day, zone.get(), utc(2026, 3, 29, 12));
    EXPECT_EQ(spring.ends, utc(2026, 3, 29, 22));
    EXPECT_EQ(period_at(Period::day, zone.get(), spring.ends - 1).ordinal, spring.ordinal);
    EXPECT_EQ(period_at(Period::day, zone.get(), spring.ends).ordinal, spring.ordinal + 1);
    EXPECT_EQ(period_at(Period::day, zone.get(), utc(2026, 3, 28, 23)).ordinal, spring.ordinal);
    auto const autumn = period_at(Period::day, zone.get(), utc(2026, 10, 25, 12));
    EXPECT_EQ(autumn.ends, utc(2026, 10, 25, 23));
}

TEST(Calendar, months_weeks_and_hours_end_where_a_calendar_says) {
    EXPECT_EQ(period_at(Period::month, nullptr, utc(2026, 2, 28, 23, 59)).ends, utc(2026, 3, 1));
    EXPECT_EQ(period_at(Period::month, nullptr, utc(2028, 2, 28)).ends, utc(2028, 3, 1));
    EXPECT_EQ(period_at(Period::month, nullptr, utc(2026, 12, 31)).ends, utc(2027, 1, 1));
    EXPECT_EQ(period_at(Period::week, nullptr, utc(2026, 11, 22)).ends,
              utc(2026, 11, 23));  // Sunday
    EXPECT_EQ(period_at(Period::hour, nullptr, utc(2026, 5, 5, 7, 1)).ends, utc(2026, 5, 5, 8));
    auto const india = zone_of("IST-5:30", 19'800);
    EXPECT_EQ(period_at(Period::hour, india.get(), utc(2026, 5, 5, 7, 1)).ends,
              utc(2026, 5, 5, 7, 30));
    EXPECT_EQ(period_at(Period::total, nullptr, 5).ends, PeriodSpan::never);
    for (auto at = utc(2026, 1, 1); at < utc(2027, 1, 1); at += 1234) {
        for (auto const period : {Period::hour, Period::day, Period::week, Period::month}) {
            auto const span = period_at(period, nullptr, at);
            ASSERT_GT(span.ends, at);
            ASSERT_EQ(period_at(period, nullptr, span.ends - 1).ordinal, span.ordinal);
            ASSERT_EQ(period_at(period, nullptr, span.ends).ordinal, span.ordinal + 1);
        }
    }
}

TEST(Calendar, a_name_that_is_no_zone_is_refused) {
    EXPECT_FALSE(TimeZone::open("Europe/Atlantis"));
    EXPECT_FALSE(TimeZone::open("../../etc/passwd"));
    EXPECT_TRUE(TimeZone::open("UTC"));
    EXPECT_FALSE(TimeZone::read("x", "no zone file"));
}

TEST(Budget, a_new_period_begins_at_zero_and_what_is_settled_late_stays_in_the_old) {
    BudgetSlot slot;
    LimitCell cell{slot, Period::day, nullptr};
    Moment const first{1, utc(2026, 11, 22, 23, 59)}, second{60, utc(2026, 11, 23, 0, 0)};
    auto const mark = cell.take(900, 1000, first);
    ASSERT_TRUE(mark);
    EXPECT_FALSE(cell.take(101, 1000, first));
    EXPECT_TRUE(cell.take(950, 1000, second));
    cell.settle(*mark, 900, 800);
    auto const state = cell.state(second);
    EXPECT_EQ(state.held, 950);
    EXPECT_EQ(state.reserved, 950);
    EXPECT_EQ(state.reset_s, 24 * 3600);
}

TEST(Budget, a_warning_is_given_once_a_period) {
    BudgetSlot slot;
    Budget budget{slot, Period::day, nullptr};
    auto const today = utc(2026, 11, 22, 5), tomorrow = utc(2026, 11, 23, 5);
    EXPECT_TRUE(budget.raise_warning(50, today));
    EXPECT_FALSE(budget.raise_warning(50, today));
    EXPECT_TRUE(budget.raise_warning(80, today));
    EXPECT_FALSE(budget.raise_warning(50, today));
    EXPECT_TRUE(budget.raise_warning(50, tomorrow));
}

class BudgetTableTest : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/sluice-budgets-XXXXXX";
        dir_ = ::mkdtemp(name);
        fs::create_directory(dir_ + "/memory");
        fs::create_directory(dir_ + "/storage");
    }
    void TearDown() override { fs::remove_all(dir_); }
    [[nodiscard]] Result<std::shared_ptr<BudgetTable>> open() const {
        return BudgetTable::open(dir_ + "/storage", dir_ + "/memory");
    }

    std::string dir_;
    Moment const now_{1,
                      std::chrono::duration_cast<seconds>(Wall::now().time_since_epoch()).count()};
};

TEST_F(BudgetTableTest, a_killed_process_loses_nothing) {
    for (int round = 0; round < 5; ++round) {
        auto const child = ::fork();
        if (child == 0) {
            auto table = open();
            if (!table) ::_exit(3);
            LimitCell cell{*(*table)->find(7), Period::total, nullptr};
            auto const mark = cell.take(100, 1'000'000, now_);
            if (!mark) ::_exit(4);
            cell.settle(*mark, 100, 60);
            if (!cell.take(11, 1'000'000, now_)) ::_exit(5);  // under way when it is killed
            ::kill(::getpid(), SIGKILL);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status));
    }
    auto table = open();
    ASSERT_TRUE(table);
    LimitCell cell{*(*table)->find(7), Period::total, nullptr};
    auto const state = cell.state(now_);
    EXPECT_EQ(state.held, 5 * (60 + 11));
    EXPECT_EQ(state.reserved, 0);
}

TEST_F(BudgetTableTest, a_stopped_process_leaves_its_copy_on_disk_alone) {
    {
        auto table = open();
        ASSERT_TRUE(table);
        LimitCell cell{*(*table)->find(9), Period::total, nullptr};
        auto const mark = cell.take(100, 1000, now_);
        cell.settle(*mark, 100, 42);
    }
    EXPECT_TRUE(fs::is_empty(dir_ + "/memory"));
    auto table = open();
    ASSERT_TRUE(table);
    EXPECT_EQ((LimitCell{*(*table)->find(9), Period::total, nullptr}.state(now_).held), 42);
}

TEST_F(BudgetTableTest, without_the_memory_the_last_copy_counts) {
    auto table = open();
    ASSERT_TRUE(table);
    LimitCell cell{*(*table)->find(9), Period::total, nullptr};
    ASSERT_TRUE(cell.take(77, 1000, now_));
    ASSERT_TRUE((*table)->copy());
    fs::copy(dir_ + "/storage", dir_ + "/other",
             fs::copy_options::recursive);  // the machine was lost
    auto again = BudgetTable::open(dir_ + "/other", dir_ + "/memory");
    ASSERT_TRUE(again);
    EXPECT_EQ((LimitCell{*(*again)->find(9), Period::total, nullptr}.state(now_).held), 77);
}

// The copying thread sleeps while nothing changes: the first change, by whom it may be, has it
// copy.
TEST_F(BudgetTableTest, a_change_after_a_pause_is_copied_and_told_as_is_a_refusal) {
    auto table = open();
    ASSERT_TRUE(table);
    auto& budgets = **table;
    std::atomic<int> told{0};
    budgets.listen([&] { ++told; });
    auto const is_within = [](auto&& is_so) {
        auto const until = Steady::now() + seconds{20};
        while (!is_so() && Steady::now() < until) std::this_thread::sleep_for(milliseconds{2});
        return is_so();
    };
    auto const sleeps = [&] {
        return is_within([&] { return budgets.news().bell().is_asleep(); });
    };
    LimitCell cell{*budgets.find(9), Period::total, nullptr, &budgets.news()};
    std::optional<std::int64_t> mark;
    std::vector<std::function<void()>> const changes{
        [&] { mark = cell.take(77, 1000, now_); }, [&] { cell.settle(*mark, 77, 70); },
        [&] { cell.budget()->raise_warning(50, now_.unix_s); }};
    for (auto const& change : changes) {
        ASSERT_TRUE(sleeps());
        auto const copies = budgets.copies();
        auto const before = told.load();
        change();
        EXPECT_TRUE(is_within([&] { return budgets.copies() > copies && told > before; }));
    }
    ASSERT_TRUE(sleeps());
    auto const before = told.load();
    cell.note_refusal();
    EXPECT_TRUE(is_within([&] { return told > before; }));
    budgets.listen({});
}

TEST_F(BudgetTableTest, a_period_that_is_over_is_not_carried_over) {
    {
        auto table = open();
        LimitCell old{*(*table)->find(1), Period::hour, nullptr};
        ASSERT_TRUE(old.take(5, 10, {1, now_.unix_s - 2 * 3600}));
        LimitCell current{*(*table)->find(2), Period::total, nullptr};
        ASSERT_TRUE(current.take(5, 10, now_));
    }
    auto table = open();
    EXPECT_EQ((*table)->slots_used(), 1U);
}

TEST_F(BudgetTableTest, two_processes_cannot_have_it) {
    auto table = open();
    ASSERT_TRUE(table);
    EXPECT_FALSE(open());
}

TEST_F(BudgetTableTest, a_damaged_copy_is_told_and_not_begun_at_zero) {
    {
        auto table = open();
        ASSERT_TRUE((*table)->find(3));
    }
    std::ofstream(dir_ + "/storage/budgets.bin", std::ios::app) << "x";
    auto table = open();
    ASSERT_FALSE(table);
    EXPECT_NE(table.error().message.find("damaged"), std::string::npos);
}

TEST_F(BudgetTableTest, a_disk_that_fails_is_told_and_stops_nobody) {
    auto table = open();
    ASSERT_TRUE(table);
    fs::create_directory(dir_ + "/storage/budgets.bin.new");  // in the way of the next copy
    LimitCell cell{*(*table)->find(9), Period::total, nullptr};
    ASSERT_TRUE(cell.take(77, 1000, now_));
    EXPECT_FALSE((*table)->copy());
    EXPECT_TRUE((*table)->is_failing());
    EXPECT_TRUE(cell.take(5, 1000, now_));
    fs::remove(dir_ + "/storage/budgets.bin.new");
    EXPECT_TRUE((*table)->copy());
    EXPECT_FALSE((*table)->is_failing());
}

TEST_F(BudgetTableTest, without_shared_memory_it_works_on_and_says_so) {
    auto table = BudgetTable::open(dir_ + "/storage", dir_ + "/nowhere");
    ASSERT_TRUE(table);
    EXPECT_FALSE((*table)->is_shared());
    EXPECT_TRUE((*table)->find(5));
}

TEST_F(BudgetTableTest, it_grows_with_its_budgets_and_finds_each_again) {
    {
        auto table = open();
        ASSERT_TRUE(table);
        struct stat status {};
        std::string const memory = fs::directory_iterator(dir_ + "/memory")->path();
        ASSERT_EQ(::stat(memory.c_str(), &status), 0);
        auto const pages_at_first = status.st_blocks;
        constexpr std::uint64_t keys = BudgetTable::chunk * 3;
        for (std::uint64_t key = 1; key <= keys; ++key) {
            // Many of them begin at one place of the index.
            auto* slot = (*table)->find(key << 20);
            ASSERT_TRUE(slot);
            LimitCell cell{*slot, Period::total, nullptr};
            auto const amount = static_cast<std::int64_t>(key);
            ASSERT_TRUE(cell.take(amount, amount, now_)) << "a slot of another key";
        }
        ASSERT_EQ((*table)->slots_used(), keys);
        ASSERT_EQ(::stat(memory.c_str(), &status), 0);
        EXPECT_GT(status.st_blocks, pages_at_first);
        EXPECT_LE(pages_at_first * 512, 64 * 1024) << "an empty table has no pages";
        for (std::uint64_t key = 1; key <= keys; ++key) {
            LimitCell cell{*(*table)->find(key << 20), Period::total, nullptr};
            ASSERT_EQ(cell.state(now_).held, static_cast<std::int64_t>(key));
        }
    }
    auto table = open();
    LimitCell cell{*(*table)->find(std::uint64_t{777} << 20), Period::total, nullptr};
    EXPECT_EQ(cell.state(now_).held, 777);
}

TEST_F(BudgetTableTest, threads_that_name_the_same_keys_get_the_same_slots) {
    auto table = open();
    ASSERT_TRUE(table);
    constexpr std::uint64_t keys = 4000;
    constexpr int threads = 4;
    std::vector<std::vector<BudgetSlot*>> found(threads);
    std::vector<std::thread> all;
    for (auto& mine : found) {
        all.emplace_back([&table, &mine] {
            for (std::uint64_t key = 1; key <= keys; ++key) mine.push_back((*table)->find(key));
        });
    }
    for (auto& thread : all) thread.join();
    for (auto const& mine : found) ASSERT_EQ(mine, found.front());
    std::set<BudgetSlot*> const distinct(found.front().begin(), found.front().end());
    EXPECT_EQ(distinct.size(), keys);
    EXPECT_EQ(distinct.count(nullptr), 0U);
    // A slot allotted in vain is the next key's, so hardly any is lost.
    EXPECT_LE((*table)->slots_used(), keys + keys / 10);
}

TEST_F(BudgetTableTest, it_is_full_at_its_bound_and_says_so) {
    auto table = open();
    ASSERT_TRUE(table);
    for (std::uint64_t key = 1; key <= BudgetTable::slots_max; ++key) {
        ASSERT_TRUE((*table)->find(key));
    }
    EXPECT_FALSE((*table)->find(BudgetTable::slots_max + 1));
    EXPECT_TRUE((*table)->find(1));
}

// The moment in which the memory has been wiped and not filled again: the copy has it all.
TEST_F(BudgetTableTest, a_kill_while_it_starts_loses_nothing) {
    auto const child = ::fork();
    if (child == 0) {
        auto table = open();
        if (!table) ::_exit(3);
        LimitCell cell{*(*table)->find(7), Period::total, nullptr};
        if (!cell.take(100, 1000, now_)) ::_exit(4);
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    auto const second = ::fork();
    if (second == 0) {
        auto table = open();
        ::kill(::getpid(), SIGKILL);  // before the copying thread's first round
    }
    ::waitpid(second, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    for (auto const& each : fs::directory_iterator(dir_ + "/memory")) {
        fs::resize_file(each.path(), 0);
    }
    auto table = open();
    EXPECT_EQ((LimitCell{*(*table)->find(7), Period::total, nullptr}.state(now_).held), 100);
}

TEST(CellTable, the_same_owner_finds_the_same_cell_and_newcomers_beyond_the_bound_share) {
    CellTable table;
    auto const find = [&table](std::uint64_t owner) {
        return table.find(owner, 1, "", LimitKind::concurrency, Period::total, nullptr, nullptr);
    };
    auto* const first = find(identity_hash("ann"));
    EXPECT_EQ(find(identity_hash("ann")), first);
    EXPECT_NE(find(identity_hash("bob")), first);
    for (std::uint64_t i = 0; table.size() < CellTable::cells_max; ++i) {
        ASSERT_TRUE(find(identity_hash("user " + std::to_string(i))));
    }
    std::set<LimitCell*> shared;
    for (int i = 0; i < 5000; ++i) shared.insert(find(identity_hash("late " + std::to_string(i))));
    EXPECT_LE(shared.size(), CellTable::groups);
    EXPECT_GT(shared.size(), 1U);
    EXPECT_EQ(shared.count(nullptr), 0U);
    EXPECT_EQ(find(identity_hash("ann")), first);
}

}  // namespace
}  // namespace sluice::store
