// The ledger: what is appended is in a file, once, whatever the disk does; what cannot be kept is
// counted, told, and seen as a gap.
#include "telemetry/ledger.hpp"

#include <csignal>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sys/resource.h>

#include "a_record.hpp"
#include "ledger_files.hpp"
#include "support/faulty_disk.hpp"
#include "telemetry/ledger/file_names.hpp"
#include "telemetry/queued_lines.hpp"

namespace sluice::telemetry {
namespace {

using test::FaultyDisk;

constexpr std::size_t queue_records = 4096;

UsageRecord numbered() {
    auto record = a_record();
    record.id = Ulid::next(Wall::now());
    return record;
}

class LedgerTest : public testing::Test {
  protected:
    LedgerTest() {
        options.dir = (dir_ / "data").string();
        options.spill_dir = (dir_ / "spill").string();
        options.stuck_after = milliseconds{50};
        options.disk = disk;
        options.spill_disk = spill_disk;
    }
    ~LedgerTest() override {
        disk->is_stuck = false;
        spill_disk->is_stuck = false;
    }

    std::unique_ptr<Ledger> open(unsigned workers = 1,
                                 std::unique_ptr<AccessLog> access = nullptr) {
        auto opened = Ledger::open(options, workers, std::move(access));
        EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
        return std::move(*opened);
    }
    void append(Ledger& ledger, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) EXPECT_TRUE(ledger.append(0, numbered()));
    }
    [[nodiscard]] std::filesystem::path ledger_dir() const { return dir_ / "data/ledger"; }
    [[nodiscard]] std::vector<nlohmann::json> in_ledger(std::string const& stem = "") const {
        return lines_in(ledger_dir(), stem);
    }
    [[nodiscard]] std::vector<nlohmann::json> spilled() const { return lines_in(dir_ / "spill"); }
    // The sequence numbers of one worker: each once.
    static std::set<std::uint64_t> sequences(std::vector<nlohmann::json> const& lines) {
        std::set<std::uint64_t> seen;
        for (auto const& line : lines) {
            EXPECT_TRUE(seen.insert(line.at("sequence").get<std::uint64_t>()).second)
                << "twice: " << line.at("sequence");
        }
        return seen;
    }
    static std::set<std::uint64_t> up_to(std::uint64_t last) {
        std::set<std::uint64_t> all;
        for (std::uint64_t n = 1; n <= last; ++n) all.insert(n);
        return all;
    }

    TempDir dir_;
    std::shared_ptr<FaultyDisk> disk = std::make_shared<FaultyDisk>();
    std::shared_ptr<FaultyDisk> spill_disk = std::make_shared<FaultyDisk>();
    LedgerOptions options;
};

TEST_F(LedgerTest, EveryRecordOfEveryWorkerIsWrittenInOrderWithoutGaps) {
    auto ledger = open(3);
    std::vector<std::thread> workers;
    for (unsigned worker = 0; worker < 3; ++worker) {
        workers.emplace_back([&ledger, worker] {
            for (int i = 0; i < 2'000; ++i) ASSERT_TRUE(ledger->append(worker, numbered()));
        });
    }
    for (auto& worker : workers) worker.join();
    ledger->stop();
    EXPECT_EQ(ledger->counters().written, 6'000u);
    EXPECT_EQ(ledger->counters().dropped, 0u);
    EXPECT_EQ(ledger->counters().spilled, 0u);
    EXPECT_EQ(ledger->counters().queued, 0u);
    std::map<int, std::uint64_t> last;
    for (auto const& line : in_ledger()) {
        EXPECT_EQ(line["run"], ledger->run());
        auto const worker = line["worker"].get<int>();
        EXPECT_EQ(line["sequence"].get<std::uint64_t>(), ++last[worker]);
    }
    EXPECT_EQ(last, (std::map<int, std::uint64_t>{{0, 2'000}, {1, 2'000}, {2, 2'000}}));
}

TEST_F(LedgerTest, FlushReturnsWhenWhatWasAppendedIsInTheFile) {
    auto ledger = open();
    for (std::size_t n = 1; n <= 3; ++n) {
        append(*ledger, 1);
        EXPECT_TRUE(ledger->flush());
        EXPECT_EQ(in_ledger().size(), n);
        EXPECT_EQ(ledger->counters().bytes, std::filesystem::file_size(ledger->active_path()));
    }
}

TEST_F(LedgerTest, ARecordIsInTheFileSoonWithoutBeingAsked) {
    auto ledger = open();
    append(*ledger, 1);
    EXPECT_TRUE(wait_until([&] { return in_ledger().size() == 1; }, seconds{5}));
}

TEST_F(LedgerTest, GoesOnWithAYoungFileButAsAnotherRun) {
    std::string path;
    for (int run = 0; run < 2; ++run) {
        auto ledger = open();
        path = ledger->active_path();
        append(*ledger, 1);
    }
    auto const lines = in_ledger();
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_NE(lines[0]["run"], lines[1]["run"]);
    EXPECT_EQ(lines[1]["sequence"], 1);
    EXPECT_EQ(ledger_file_names(ledger_dir().string(), "usage").size(), 1u);
}

TEST_F(LedgerTest, ATornLineIsCutAtStart) {
    std::string path;
    {
        auto ledger = open();
        path = ledger->active_path();
        append(*ledger, 2);
    }
    auto const whole = text_of(path);
    write_text(path, whole + whole.substr(0, 300));  // a kill in the middle of a write
    write_text(ledger_dir() / "spill-20200101T000000Z-0001.jsonl", whole.substr(0, 10));
    auto ledger = open();
    append(*ledger, 1);
    ledger->stop();
    EXPECT_EQ(in_ledger("usage").size(), 3u);
    EXPECT_EQ(in_ledger("spill").size(), 0u);
    EXPECT_TRUE(text_of(path).starts_with(whole));
}

TEST_F(LedgerTest, RotatesBySizeAndClosedFilesStayAsTheyAre) {
    options.rotate_bytes_max = 20'000;
    auto ledger = open();
    std::map<std::string, std::string> seen;
    for (int i = 0; i < 10; ++i) {
        append(*ledger, 10);
        ASSERT_TRUE(ledger->flush());
        auto const names = ledger_file_names(ledger_dir().string(), "usage");
        EXPECT_EQ(ledger->active_path(), ledger_dir() / names.back()) << "the newest is active";
        for (std::size_t n = 0; n + 1 < names.size(); ++n) {
            auto const text = text_of(ledger_dir() / names[n]);
            EXPECT_EQ(seen.try_emplace(names[n], text).first->second, text) << names[n];
            EXPECT_LE(text.size(), options.rotate_bytes_max);
        }
    }
    EXPECT_GT(seen.size(), 2u);
    EXPECT_EQ(ledger->counters().rotations, seen.size());
    EXPECT_EQ(sequences(in_ledger()), up_to(100));
}

TEST_F(LedgerTest, AnOldFileIsNotGoneOnWith) {
    std::filesystem::create_directories(ledger_dir());
    auto const old = ledger_dir() / "usage-20200101T000000Z-0001.jsonl";
    write_text(old, "{}\n");
    auto ledger = open();
    append(*ledger, 1);
    ledger->stop();
    EXPECT_EQ(text_of(old), "{}\n");
    EXPECT_EQ(in_ledger().size(), 2u);
}

TEST_F(LedgerTest, AFileOfTheFutureIsLeftAloneAndNamesGoOnSorting) {
    std::filesystem::create_directories(ledger_dir());
    write_text(ledger_dir() / "usage-20990101T000000Z-0007.jsonl", "{}\n");
    auto ledger = open();
    EXPECT_EQ(ledger->active_path(), ledger_dir() / "usage-20990101T000000Z-0008.jsonl");
}

TEST_F(LedgerTest, AFileThatSomebodyDeletedIsReplaced) {
    auto ledger = open();
    append(*ledger, 1);
    ASSERT_TRUE(ledger->flush());
    std::filesystem::remove_all(ledger_dir());
    append(*ledger, 1);
    ASSERT_TRUE(ledger->flush());
    EXPECT_EQ(sequences(in_ledger()), (std::set<std::uint64_t>{2}));
}

TEST_F(LedgerTest, AfterStopRecordsAreDroppedAndCounted) {
    auto ledger = open();
    ledger->stop();
    ledger->stop();
    EXPECT_FALSE(ledger->append(0, numbered()));
    EXPECT_EQ(ledger->counters().dropped, 1u);
    EXPECT_TRUE(in_ledger().empty());
}

TEST_F(LedgerTest, ASecondLedgerOnTheSameDirectoryIsRefusedUntilTheFirstHasStopped) {
    auto ledger = open();
    auto const second = Ledger::open(options, 1);
    ASSERT_FALSE(second.ok());
    EXPECT_NE(second.error().message.find("another sluice"), std::string::npos);
    EXPECT_NE(second.error().message.find(std::to_string(::getpid())), std::string::npos);
    EXPECT_NE(second.error().message.find("storage.dir"), std::string::npos);
    ledger->stop();
    EXPECT_TRUE(Ledger::open(options, 1).ok());
}

TEST_F(LedgerTest, ADirectoryThatCannotBeMadeIsAnErrorThatSaysWhatToSet) {
    options.dir = "/proc/no";
    auto const opened = Ledger::open(options, 1);
    ASSERT_FALSE(opened.ok());
    EXPECT_NE(opened.error().message.find("storage.dir"), std::string::npos);
}

// --- a disk that fails ---

TEST_F(LedgerTest, AFullDiskSpillsAndWhatWasSpilledComesHome) {
    auto ledger = open();
    append(*ledger, 3);
    ASSERT_TRUE(ledger->flush());
    disk->error = ENOSPC;
    append(*ledger, 10);
    ASSERT_TRUE(ledger->flush());
    EXPECT_EQ(ledger->counters().spilled, 10u);
    EXPECT_TRUE(ledger->counters().failing);
    EXPECT_TRUE(ledger->keeps_records()) << "the emergency file works";
    EXPECT_EQ(ledger->trouble(), "");
    EXPECT_EQ(spilled().size(), 10u);
    disk->error = 0;
    append(*ledger, 1);
    ASSERT_TRUE(ledger->flush());
    EXPECT_FALSE(ledger->counters().failing);
    EXPECT_TRUE(wait_until([&] { return ledger->counters().adopted == 1; }))
        << "while it runs, not only at the next start";
    ledger->stop();
    EXPECT_EQ(sequences(in_ledger()), up_to(14));
    EXPECT_EQ(in_ledger("spill").size(), 10u);
    EXPECT_TRUE(spilled().empty());
    EXPECT_EQ(ledger->counters().dropped, 0u);
}

TEST_F(LedgerTest, ADiskThatFillsUpInsideALineKeepsWholeLinesOnly) {
    auto ledger = open();
    append(*ledger, 1);
    ASSERT_TRUE(ledger->flush());
    auto const line = static_cast<long>(std::filesystem::file_size(ledger->active_path()));
    disk->room_bytes = line * 5 / 2;
    append(*ledger, 6);
    ASSERT_TRUE(ledger->flush());
    EXPECT_LE(in_ledger("usage").size(), 3u);
    auto all = in_ledger();
    for (auto const& one : spilled()) all.push_back(one);
    EXPECT_EQ(sequences(all), up_to(7));
    EXPECT_EQ(ledger->counters().written + ledger->counters().spilled, 7u);
}

TEST_F(LedgerTest, WhereHalfALineCannotBeTakenBackTheFileIsEnded) {
    auto ledger = open();
    disk->room_bytes = 100;
    disk->truncate_error = EIO;
    append(*ledger, 1);
    ASSERT_TRUE(ledger->flush());
    disk->room_bytes = -1;
    disk->truncate_error = 0;
    append(*ledger, 1);
    ledger->stop();
    auto const names = ledger_file_names(ledger_dir().string(), "usage");
    ASSERT_EQ(names.size(), 2u);
    EXPECT_EQ(text_of(ledger_dir() / names[0]).size(), 100u);
    ledger.reset();
    open();  // cuts it
    EXPECT_EQ(sequences(in_ledger()), up_to(2));
}

// The real thing: the kernel's own refusal in the middle of a write.
TEST_F(LedgerTest, AFileSizeLimitSpills) {
    auto ledger = open();
    append(*ledger, 5);
    ASSERT_TRUE(ledger->flush());
    auto const whole = std::filesystem::file_size(ledger->active_path());
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit saved{};
    ::getrlimit(RLIMIT_FSIZE, &saved);
    rlimit const tight{whole + 100, saved.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &tight);
    append(*ledger, 1);
    bool const is_flushed = ledger->flush();
    ::setrlimit(RLIMIT_FSIZE, &saved);
    ASSERT_TRUE(is_flushed);
    EXPECT_EQ(in_ledger("usage").size(), 5u);
    EXPECT_EQ(ledger->counters().spilled, 1u);
    EXPECT_GE(ledger->counters().failed, 1u);
}

TEST_F(LedgerTest, BothFullKeepsWhatTheQueueHoldsThenDropsCountsAndTells) {
    auto ledger = open();
    disk->error = ENOSPC;
    spill_disk->error = EROFS;
    append(*ledger, 100);
    ASSERT_TRUE(wait_until([&] { return !ledger->keeps_records(); }));
    EXPECT_EQ(ledger->counters().dropped, 0u) << "told before anything is lost";
    EXPECT_NE(ledger->trouble().find("No space left"), std::string::npos) << ledger->trouble();
    EXPECT_NE(ledger->trouble().find("Read-only"), std::string::npos) << ledger->trouble();
    std::uint64_t taken = 100;
    std::uint64_t refused = 0;
    while (refused < 10) ++(ledger->append(0, numbered()) ? taken : refused);
    EXPECT_GE(taken, queue_records);
    EXPECT_EQ(ledger->counters().dropped, refused);
    EXPECT_NE(ledger->trouble().find("lost"), std::string::npos);

    disk->error = 0;
    ASSERT_TRUE(ledger->flush());
    EXPECT_TRUE(ledger->keeps_records());
    EXPECT_EQ(ledger->trouble(), "");
    append(*ledger, 1);
    ledger->stop();
    auto const seen = sequences(in_ledger());
    EXPECT_EQ(seen.size(), taken + 1);
    EXPECT_EQ(*seen.rbegin(), taken + 1 + refused) << "the gap tells of the loss";
}

TEST_F(LedgerTest, AfterBothFailedEitherOneIsEnough) {
    for (auto* const mended : {disk.get(), spill_disk.get()}) {
        auto ledger = open();
        disk->error = EIO;
        spill_disk->error = EIO;
        append(*ledger, 50);
        ASSERT_TRUE(wait_until([&] { return !ledger->keeps_records(); }));
        auto const before = ledger->counters();
        ASSERT_TRUE(wait_until([&] {
            auto const now = ledger->counters();
            return now.failed > before.failed + 3 && now.spill_failed > before.spill_failed + 3;
        })) << "both are tried again";
        mended->error = 0;
        EXPECT_TRUE(ledger->flush());
        EXPECT_TRUE(ledger->keeps_records());
        EXPECT_EQ(mended == disk.get() ? ledger->counters().written : ledger->counters().spilled,
                  50u);
        disk->error = 0;
        spill_disk->error = 0;
    }
}

TEST_F(LedgerTest, RefusesNewRequestsOnlyWhenAskedToAndOnlyMeanwhile) {
    for (bool const must_keep : {false, true}) {
        options.must_keep = must_keep;
        auto ledger = open();
        EXPECT_FALSE(ledger->refuses_new());
        disk->error = ENOSPC;
        spill_disk->error = ENOSPC;
        append(*ledger, 1);
        ASSERT_TRUE(wait_until([&] { return !ledger->keeps_records(); }));
        EXPECT_EQ(ledger->refuses_new(), must_keep);
        disk->error = 0;
        ASSERT_TRUE(wait_until([&] { return ledger->keeps_records(); })) << "without a new record";
        EXPECT_FALSE(ledger->refuses_new());
        spill_disk->error = 0;
    }
}

TEST_F(LedgerTest, WhatCannotBeWrittenAtTheEndIsCountedInBoundedTime) {
    options.stop_within = milliseconds{300};
    auto ledger = open();
    disk->error = ENOSPC;
    spill_disk->error = ENOSPC;
    append(*ledger, 10);
    ledger->stop();
    EXPECT_EQ(ledger->counters().dropped, 10u);
}

// --- a disk that does not answer ---

TEST_F(LedgerTest, AStuckDiskIsGoneAroundAndNoWorkerWaits) {
    auto ledger = open();
    disk->is_stuck = true;
    append(*ledger, 1);
    ASSERT_TRUE(wait_until([&] { return disk->writes > 0; })) << "the writer is in the write";
    // Far more than the queue holds.
    for (int i = 0; i < 10; ++i) {
        append(*ledger, 2'000);
        ASSERT_TRUE(wait_until([&] { return ledger->counters().queued < 2'000; })) << i;
    }
    EXPECT_EQ(ledger->counters().dropped, 0u);
    EXPECT_EQ(ledger->counters().written, 0u);
    EXPECT_TRUE(ledger->counters().failing);
    EXPECT_TRUE(ledger->keeps_records());
    disk->is_stuck = false;
    ASSERT_TRUE(ledger->flush());
    EXPECT_FALSE(ledger->counters().failing);
    ledger->stop();
    EXPECT_EQ(sequences(in_ledger()), up_to(20'001));
}

TEST_F(LedgerTest, BothStuckDropsWithoutWaitingAndRecovers) {
    auto ledger = open();
    disk->is_stuck = true;
    spill_disk->is_stuck = true;
    append(*ledger, 1);
    ASSERT_TRUE(wait_until([&] { return disk->writes > 0; }));
    std::uint64_t taken = 1;
    std::uint64_t refused = 0;
    while (refused < 10) ++(ledger->append(0, numbered()) ? taken : refused);
    EXPECT_GE(taken, queue_records);
    EXPECT_FALSE(ledger->keeps_records());
    ASSERT_TRUE(wait_until([&] {
        return ledger->trouble().find("emergency file: does not answer") != std::string::npos;
    })) << ledger->trouble();
    disk->is_stuck = false;
    spill_disk->is_stuck = false;
    ASSERT_TRUE(ledger->flush());
    EXPECT_TRUE(ledger->keeps_records());
    ledger->stop();
    EXPECT_EQ(sequences(in_ledger()).size(), taken);
    EXPECT_EQ(ledger->counters().dropped, refused);
}

TEST_F(LedgerTest, StopsInBoundedTimeWithAStuckDiskAndLosesNothing) {
    auto ledger = open();
    disk->is_stuck = true;
    append(*ledger, 1);
    ASSERT_TRUE(wait_until([&] { return disk->writes > 0; }));
    append(*ledger, 99);
    ledger->stop();  // comes back although the writer does not
    EXPECT_EQ(sequences(spilled()), up_to(100)) << "the batch in the stuck write as well";
    EXPECT_EQ(ledger->counters().dropped, 0u);
    EXPECT_FALSE(Ledger::open(options, 1).ok()) << "the stuck writer may yet write";
    ledger.reset();
}

TEST_F(LedgerTest, AStuckEmergencyDiskAtTheEndGivesBackWhatItHolds) {
    auto ledger = open();
    spill_disk->is_stuck = true;
    disk->error = ENOSPC;
    append(*ledger, 20);
    ASSERT_TRUE(wait_until([&] { return spill_disk->writes > 0; }));
    disk->error = 0;
    ledger->stop();
    EXPECT_EQ(sequences(in_ledger()), up_to(20));
    EXPECT_EQ(ledger->counters().dropped, 0u);
}

// --- emergency files ---

TEST_F(LedgerTest, FilesSpilledByAnEarlierRunComeHomeAtStart) {
    std::string spill_dir;
    {
        auto ledger = open();
        spill_dir = ledger->spill_dir();
    }
    std::filesystem::create_directories(spill_dir);
    std::filesystem::permissions(spill_dir, std::filesystem::perms::owner_all);
    auto const name = std::string{"spill-20261122T120000Z-0001.jsonl"};
    write_text(std::filesystem::path{spill_dir} / name, "{\"a\":1}\n{\"a\":2}\n{\"a\"");
    // The same name with other bytes is there already: neither is lost.
    write_text(ledger_dir() / name, "{\"a\":3}\n");
    // A copy that was finished, and killed before the source was deleted.
    write_text(std::filesystem::path{spill_dir} / "spill-20261122T130000Z-0001.jsonl",
               "{\"a\":4}\n");
    write_text(ledger_dir() / "spill-20261122T130000Z-0001.jsonl", "{\"a\":4}\n");
    write_text(ledger_dir() / "spill-20261122T140000Z-0001.jsonl.part", "{\"a\":5}");
    auto ledger = open();
    EXPECT_TRUE(wait_until([&] { return ledger->counters().adopted == 2; }));
    ledger->stop();
    std::multiset<int> values;
    for (auto const& line : in_ledger("spill")) values.insert(line["a"].get<int>());
    EXPECT_EQ(values, (std::multiset<int>{1, 2, 3, 4}));
    EXPECT_TRUE(spilled().empty());
    EXPECT_FALSE(std::filesystem::exists(ledger_dir() / "spill-20261122T140000Z-0001.jsonl.part"));
}

TEST_F(LedgerTest, TheEmergencyDirectoryIsPrivateAndNotTakenOnTrust) {
    auto ledger = open();
    auto const place = std::filesystem::path{ledger->spill_dir()};
    std::filesystem::create_directories(place.parent_path());
    std::filesystem::create_directory_symlink(dir_ / "data", place);
    disk->error = ENOSPC;
    append(*ledger, 1);
    EXPECT_TRUE(wait_until([&] { return !ledger->keeps_records(); })) << "a link";
    std::filesystem::remove(place);
    ASSERT_TRUE(ledger->flush());
    EXPECT_EQ(std::filesystem::status(place).permissions(), std::filesystem::perms::owner_all);
    EXPECT_EQ(spilled().size(), 1u);
}

TEST_F(LedgerTest, EachLedgerHasAnEmergencyDirectoryOfItsOwn) {
    auto const first = open();
    options.dir = (dir_ / "other").string();
    auto const second = open();
    EXPECT_NE(first->spill_dir(), second->spill_dir());
}

// --- the medium ---

TEST_F(LedgerTest, SyncIsAsConfigured) {
    for (bool const is_on : {false, true}) {
        disk->syncs = 0;
        options.sync_every = milliseconds{is_on ? 1 : 0};
        auto ledger = open();
        for (int i = 0; i < 3; ++i) {
            append(*ledger, 1);
            ASSERT_TRUE(ledger->flush());
        }
        ledger->stop();
        EXPECT_EQ(disk->syncs > 0, is_on);
    }
}

TEST_F(LedgerTest, AFailedSyncIsToldAndEndsTheFile) {
    options.sync_every = milliseconds{1};
    auto ledger = open();
    disk->sync_error = EIO;
    auto const path = ledger->active_path();
    append(*ledger, 1);
    EXPECT_TRUE(wait_until([&] { return ledger->counters().failed >= 1; }));
    disk->sync_error = 0;
    append(*ledger, 1);
    ASSERT_TRUE(ledger->flush());
    EXPECT_NE(ledger->active_path(), path);
    EXPECT_EQ(sequences(in_ledger()), up_to(2));
}

// --- the access log ---

TEST_F(LedgerTest, AStuckAccessLogDoesNotHoldUpTheLedger) {
    struct Stuck final : log::LineLog {
        explicit Stuck(std::atomic<bool>& let_go) : go(let_go) {}
        bool write(std::string_view) noexcept override {
            while (!go) std::this_thread::sleep_for(milliseconds{1});
            return true;
        }
        std::atomic<bool>& go;
    };
    static std::atomic<bool> go;
    go = false;
    auto ledger = open(
        1, std::make_unique<AccessLog>(AccessLog::Format::text,
                                       std::make_unique<QueuedLines>(std::make_unique<Stuck>(go))));
    append(*ledger, 1'000);
    EXPECT_TRUE(ledger->flush());
    EXPECT_EQ(ledger->counters().written, 1'000u);
    go = true;
}

}  // namespace
}  // namespace sluice::telemetry
