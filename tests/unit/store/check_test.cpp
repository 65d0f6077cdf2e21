// Backup while others write, and verify: it must see each kind of damage.
#include <fmt/format.h>

#include "store/check/backup.hpp"
#include "store/check/verify.hpp"
#include "unit/store/rig.hpp"

namespace sluice::store {
namespace {

class CheckTest : public Rig {
  protected:
    VerifyReport verified() {
        auto report = verify(dir);
        if (!report) throw std::runtime_error(report.error().message);
        return std::move(*report);
    }
    void change(std::string const& sql) {
        auto database = Database::open(database_path(dir), Database::Mode::write);
        ASSERT_TRUE(database);
        auto const done = database->run(sql);
        ASSERT_TRUE(done) << done.error().message;
    }
    static std::string all(std::vector<std::string> const& sentences) {
        std::string text;
        for (auto const& each : sentences) text += each + "\n";
        return text;
    }
};

TEST_F(CheckTest, ASoundDirectoryIsSound) {
    record({{}, {.worker = 1}, {.worker = 1, .cost = "null"}});
    project();
    auto const report = verified();
    EXPECT_TRUE(report.is_sound()) << all(report.damage);
    EXPECT_EQ(report.records, 3);
    EXPECT_EQ(report.files, 1);
    EXPECT_EQ(report.pending_bytes, 0);
    EXPECT_TRUE(report.notes.empty()) << all(report.notes);
}

TEST_F(CheckTest, EachKindOfDamageIsSeen) {
    struct Case {
        std::string name, sql, says;
    };
    for (auto const& [name, sql, says] : {
             Case{"a row is gone", "DELETE FROM entry WHERE id LIKE '%2'",
                  "is not in the database"},
             Case{"a cost differs", "UPDATE entry SET cost = cost + 1 WHERE id LIKE '%2'",
                  "has other figures"},
             Case{"tokens differ", "UPDATE entry SET output = 0 WHERE id LIKE '%3'",
                  "has other figures"},
             Case{"records were left out", "UPDATE file SET records = records - 1",
                  "of which 2 were taken in"},
             Case{"the place is behind the end", "UPDATE file SET position = position + 10",
                  "is shorter than what was read of it"},
         }) {
        std::filesystem::remove_all(dir);
        std::filesystem::create_directories(dir + "/ledger");
        next_id = 0;
        sequences.clear();
        record({{}, {}, {}});
        project();
        change(sql);
        auto const report = verified();
        EXPECT_FALSE(report.is_sound()) << name;
        EXPECT_NE(all(report.damage).find(says), std::string::npos)
            << name << ": " << all(report.damage);
    }
}

TEST_F(CheckTest, ADamagedPageIsSeen) {
    for (int i = 0; i < 2'000; ++i) append("usage-1.jsonl", line({.user = std::to_string(i)}));
    project();
    change("PRAGMA wal_checkpoint(TRUNCATE)");
    {
        std::fstream file{database_path(dir), std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(database_path(dir)) / 2));
        file << std::string(6'000, '\x5a');
    }
    auto const report = verify(dir);
    EXPECT_TRUE(!report || !report->is_sound());
}

TEST_F(CheckTest, NumbersThatAreMissingAreLostRecords) {
    record({{.sequence = 1}, {.sequence = 2}, {.sequence = 6}, {.worker = 1, .sequence = 1}});
    project();
    auto const report = verified();
    EXPECT_EQ(report.lost, 3);
    EXPECT_FALSE(report.is_sound());
    EXPECT_NE(all(report.notes).find("worker 0: 3 of 6 records were lost"), std::string::npos)
        << all(report.notes);
}

TEST_F(CheckTest, DuplicatesTornEndsAndPendingBytesAreHarmless) {
    auto const twice = line();
    append("usage-20261120T000000Z-0001.jsonl", twice + "{\"torn");
    append("usage-20261121T000000Z-0001.jsonl", line());
    append("spill-20261120T000000Z-0001.jsonl", twice);
    project();
    auto const more = line();
    append("usage-20261121T000000Z-0001.jsonl", more);
    auto const report = verified();
    EXPECT_TRUE(report.is_sound()) << all(report.damage);
    EXPECT_EQ(report.duplicates, 1);
    EXPECT_EQ(report.records, 2);
    EXPECT_EQ(report.pending_bytes, static_cast<std::int64_t>(more.size() + 6));
    EXPECT_NE(all(report.notes).find("without a newline"), std::string::npos);
}

TEST_F(CheckTest, RecordsOfPurgedDaysAreKnownByTheirSums) {
    record({{.at = "2026-10-01T10:00:00.000Z"}, {.at = "2026-10-20T10:00:00.000Z"}});
    project();
    auto projection = open();
    ASSERT_TRUE(seal_some(*projection, ms_of("2026-10-21")));
    ASSERT_TRUE(purge_some(*projection, ms_of("2026-10-21"), 5));
    auto const report = verified();
    EXPECT_TRUE(report.is_sound()) << all(report.damage);
    EXPECT_EQ(report.rolled_up, 1);
    EXPECT_EQ(report.records, 2);
}

TEST_F(CheckTest, ABackupIsTheDatabaseAsOfOneMoment) {
    record({{.team = "a"}, {.team = "b"}});
    auto projection = open();
    ASSERT_TRUE(projection->catch_up());
    auto const target = dir + "/copy.db";
    auto const done = back_up(dir, target);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(done->requests, 2);
    EXPECT_GT(done->bytes, 0);
    record({{.team = "c"}});
    ASSERT_TRUE(projection->catch_up());
    // Put in the place of a lost one it takes in what came after it.
    projection.reset();
    for (auto const* end : {"", "-wal", "-shm"}) std::filesystem::remove(database_path(dir) + end);
    std::filesystem::rename(target, database_path(dir));
    EXPECT_EQ(usage().total[Measure::requests], 2);
    project();
    EXPECT_EQ(usage().total[Measure::requests], 3);
    EXPECT_EQ(number("SELECT sum(duplicates) FROM file"), 0);
}

TEST_F(CheckTest, ABackupWhileRecordsComeInIsWhole) {
    record({{}});
    project();
    std::atomic<bool> stop{false};
    std::thread writer{[&] {
        auto projection = open();
        while (!stop) {
            std::string lines;
            for (int i = 0; i < 50; ++i) lines += line();
            append("usage-20261120T000000Z-0001.jsonl", lines);
            ASSERT_TRUE(projection->catch_up());
        }
    }};
    for (int i = 0; i < 10; ++i) {
        auto const target = dir + "/copy" + std::to_string(i);
        auto const done = back_up(dir, target);
        EXPECT_TRUE(done) << done.error().message;
        auto copy = Database::open(target, Database::Mode::read);
        ASSERT_TRUE(copy);
        EXPECT_EQ(*copy->number("SELECT sum(requests) FROM entry"),
                  *copy->number("SELECT sum(records) FROM file"));
    }
    stop = true;
    writer.join();
}

TEST_F(CheckTest, ABackupNeverReplacesAFileAndLeavesNoPartBehind) {
    record({{}});
    project();
    auto const target = dir + "/copy.db";
    std::ofstream{target} << "precious";
    auto const done = back_up(dir, target);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find("exists"), std::string::npos) << done.error().message;
    EXPECT_EQ(std::filesystem::file_size(target), 8u);
    EXPECT_FALSE(back_up(dir, dir + "/no/such/folder/copy.db"));
    EXPECT_FALSE(std::filesystem::exists(target + ".part"));
}

}  // namespace
}  // namespace sluice::store
