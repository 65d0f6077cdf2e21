// Ledger lines to rows: once each, whatever is torn, repeated or cut off on the way.
#include "store/projection/projection.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <random>
#include <sys/file.h>

#include "unit/store/rig.hpp"

namespace sluice::store {
namespace {

class Projecting : public Rig {};

TEST_F(Projecting, ARecordIsOneRequestWithItsTokensAndCost) {
    record({{.error_code = "", .input = 100, .output = 20, .cost = "123456789"}});
    project();
    auto const total = usage().total;
    EXPECT_EQ(total[Measure::requests], 1);
    EXPECT_EQ(total[Measure::attempts], 1);
    EXPECT_EQ(total[Measure::errors], 0);
    EXPECT_EQ(total[Measure::input], 100);
    EXPECT_EQ(total[Measure::cache_read], 1);
    EXPECT_EQ(total[Measure::cache_write], 2);
    EXPECT_EQ(total[Measure::audio_input], 3);
    EXPECT_EQ(total[Measure::output], 20);
    EXPECT_EQ(total[Measure::reasoning], 4);
    EXPECT_EQ(total[Measure::audio_output], 5);
    EXPECT_EQ(total[Measure::cost], 123'456'789);
    EXPECT_EQ(total[Measure::cost_unknown], 0);
    EXPECT_EQ(total[Measure::estimated], 0);
}

TEST_F(Projecting, EachAttemptCountsAtItsProviderAndTheRequestAtItsLast) {
    A const first{.provider = "a", .input = 7, .output = 0, .cost = "70", .estimated = true};
    A const second{.provider = "b", .input = 9, .output = 1, .cost = "91"};
    record({{.attempts = attempt_json(first) + "," + attempt_json(second)}});
    project();
    auto const report = usage({{"by", "provider"}});
    EXPECT_EQ(summary(report), "b 1 9 1 91\na 0 7 0 70\n");
    EXPECT_EQ(report.total[Measure::attempts], 2);
    EXPECT_EQ(report.total[Measure::estimated], 1);
    EXPECT_EQ(report.total[Measure::estimated_tokens], 7);
}

TEST_F(Projecting, ARequestWithoutAttemptsCounts) {
    record({{.error_code = "model_not_found", .client_gone = true, .attempts = " "}});
    project();
    auto const total = usage().total;
    EXPECT_EQ(total[Measure::requests], 1);
    EXPECT_EQ(total[Measure::errors], 1);
    EXPECT_EQ(total[Measure::client_gone], 1);
    EXPECT_EQ(total[Measure::attempts], 0);
}

TEST_F(Projecting, AnUnknownPriceIsCountedApartAndOnce) {
    A const unknown{.cost = "null"};
    A const nothing_used{.input = 0, .output = 0, .cost = "null"};
    record({{.attempts = attempt_json(unknown) + "," + attempt_json(unknown)},
            {.attempts = attempt_json(nothing_used)},
            {.cost = "5"}});
    project();
    auto const total = usage().total;
    EXPECT_EQ(total[Measure::requests], 3);
    EXPECT_EQ(total[Measure::cost_unknown], 1);
    EXPECT_EQ(total[Measure::cost], 5);
    EXPECT_EQ(number("SELECT count(*) FROM entry WHERE cost IS NULL"), 2);
}

TEST_F(Projecting, LinesOfTheFirstSchemaAreTaken) {
    append("usage-2026-11-20.jsonl",
           R"({"schema":1,"id":"00000000000000000000000001","worker":0,"sequence":1,)"
           R"("at":"2026-11-20T10:00:00.000Z","team":"t","attempts":[{"provider":"p","usage":)"
           R"({"input":3,"output":4,"reported":true}}]})"
           "\n");
    project();
    EXPECT_EQ(summary(usage({{"by", "team"}})), "t 1 3 4 0\n");
    EXPECT_EQ(usage().total[Measure::cost_unknown], 1);
    EXPECT_EQ(number("SELECT count(*) FROM feed"), 0);
}

TEST_F(Projecting, ATornLastLineWaitsForItsNewline) {
    auto const whole = line();
    auto const torn = line();
    for (std::size_t cut = 0; cut < torn.size(); cut += 40) {
        std::filesystem::remove_all(dir + "/ledger/usage-1.jsonl");
        std::filesystem::remove(database_path(dir));
        append("usage-1.jsonl", whole + torn.substr(0, cut));
        auto projection = open();
        ASSERT_TRUE(projection->catch_up());
        EXPECT_EQ(projection->counters().records, 1) << cut;
        EXPECT_EQ(projection->pending_bytes(), static_cast<std::int64_t>(cut));
        append("usage-1.jsonl", torn.substr(cut));
        ASSERT_TRUE(projection->catch_up());
        EXPECT_EQ(projection->counters().records, 2) << cut;
        EXPECT_EQ(projection->counters().bad_lines, 0);
        EXPECT_EQ(projection->pending_bytes(), 0);
    }
}

TEST_F(Projecting, WhatIsNoRecordIsLeftOutAndCounted) {
    append("usage-1.jsonl", line() + "{\"schema\":2,\"id\":\"\n" + "\n" + line() +
                                "{\"schema\":2,\"id\":\"short\"}\n" + std::string(100, '\0') +
                                "\n" + line());
    auto projection = open();
    ASSERT_TRUE(projection->catch_up());
    EXPECT_EQ(projection->counters().records, 3);
    EXPECT_EQ(projection->counters().bad_lines, 3);
}

TEST_F(Projecting, LinesLongerThanAChunkAreRead) {
    auto long_line = line();
    long_line.insert(long_line.size() - 2,
                     ",\"x\":\"" + std::string(3 * LineReader::chunk_bytes, 'x') + "\"");
    append("usage-1.jsonl", line() + long_line + line());
    auto projection = open();
    ASSERT_TRUE(projection->catch_up());
    EXPECT_EQ(projection->counters().records, 3);
    EXPECT_EQ(projection->counters().bad_lines, 0);
}

TEST_F(Projecting, ARecordThatIsInTwoFilesCountsOnce) {
    auto const twice = line();
    append("usage-20261120T000000Z-0001.jsonl", line() + twice + twice);
    append("spill-20261120T000000Z-0001.jsonl", twice + line());
    auto projection = open();
    ASSERT_TRUE(projection->catch_up());
    EXPECT_EQ(projection->counters().records, 3);
    EXPECT_EQ(projection->counters().duplicates, 2);
    EXPECT_EQ(usage().total[Measure::requests], 3);
    // Numbers 2 and 3 of 3 came, and 1: nothing is missing.
    EXPECT_EQ(number("SELECT last - records FROM feed"), 0);
}

TEST_F(Projecting, RecordsOfANewerSluiceStopItWithoutLosingThem) {
    append("usage-1.jsonl", line() + "{\"schema\":3,\"what\":1}\n" + line());
    auto projection = open();
    auto const done = projection->catch_up();
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find("newer sluice"), std::string::npos);
    EXPECT_EQ(number("SELECT count(*) FROM entry"), 0);
    EXPECT_EQ(projection->counters().records, 0);
}

TEST_F(Projecting, TheDatabaseIsMadeAgainFromTheLedger) {
    record({{.team = "a"}, {.team = "b", .cost = "null"}, {.team = "a", .tags = R"(["x=1"])"}});
    project();
    auto const before = summary(usage({{"by", "team,model,tag:x,day"}}));
    for (auto const* end : {"", "-wal", "-shm"}) {
        std::filesystem::remove(database_path(dir) + end);
    }
    project();
    EXPECT_EQ(summary(usage({{"by", "team,model,tag:x,day"}})), before);
}

TEST_F(Projecting, TwoProcessesAtOnceCountEachRecordOnce) {
    for (int i = 0; i < 3'000; ++i) append("usage-1.jsonl", line({.worker = i % 3}));
    std::vector<std::thread> processes;
    std::atomic<std::int64_t> taken{0};
    for (int i = 0; i < 3; ++i) {
        processes.emplace_back([this, &taken] {
            auto projection = open();
            auto const done = projection->catch_up();
            EXPECT_TRUE(done) << done.error().message;
            taken += projection->counters().records;
        });
    }
    for (auto& process : processes) process.join();
    EXPECT_EQ(taken.load(), 3'000);
    EXPECT_EQ(usage().total[Measure::requests], 3'000);
    EXPECT_EQ(number("SELECT sum(duplicates) FROM file"), 0);
    EXPECT_EQ(number("SELECT sum(last - records) FROM feed"), 0);
}

// The process dies at any moment: the directory as it may be found then is a ledger cut at any
// byte, beside a database of any earlier moment (with or without what stands in its WAL). What
// comes after must bring in everything once.
TEST_F(Projecting, NothingIsLostOrTwiceWhateverMomentItDiesAt) {
    std::mt19937 dice{7};
    std::string whole;
    std::vector<std::size_t> ends;
    for (int i = 0; i < 200; ++i) {
        whole += line({.team = fmt::format("t{}", i % 5), .input = i, .cost = std::to_string(i)});
        ends.push_back(whole.size());
    }
    auto const file = path_of("usage-1.jsonl");
    auto const grow_to = [&](std::size_t size) {
        std::ofstream{file, std::ios::binary} << whole.substr(0, size);
    };
    auto const saved = dir + "/saved";
    for (int round = 0; round < 40; ++round) {
        for (auto const* end : {"", "-wal", "-shm"}) {
            std::filesystem::remove(database_path(dir) + end);
        }
        std::size_t size = 0;
        while (size < whole.size()) {
            size = std::min(whole.size(), size + dice() % (whole.size() / 3) + 1);
            grow_to(size);
            auto projection = open();
            for (unsigned steps = dice() % 4; steps > 0; --steps) {
                ASSERT_TRUE(projection->advance());
            }
            if (dice() % 2 == 0) continue;  // an orderly end
            // The files as a dead process leaves them, taken while the connection is open.
            std::filesystem::remove_all(saved);
            std::filesystem::create_directories(saved);
            for (auto const* end : {"", "-wal"}) {
                if (!std::filesystem::exists(database_path(dir) + end)) continue;
                std::filesystem::copy(database_path(dir) + end, saved + "/sluice.db" + end);
            }
            auto const wal = saved + "/sluice.db-wal";
            if (dice() % 2 == 0 && std::filesystem::exists(wal)) {
                // A commit was being written: its end is missing.
                std::filesystem::resize_file(wal, dice() % (std::filesystem::file_size(wal) + 1));
            }
            projection.reset();
            for (auto const* end : {"", "-wal", "-shm"}) {
                std::filesystem::remove(database_path(dir) + end);
            }
            for (auto const& entry : std::filesystem::directory_iterator(saved)) {
                std::filesystem::copy(entry.path(), dir / entry.path().filename());
            }
        }
        auto projection = open();
        ASSERT_TRUE(projection->catch_up());
        auto const total = usage().total;
        ASSERT_EQ(total[Measure::requests], 200) << round;
        ASSERT_EQ(total[Measure::input], 199 * 200 / 2) << round;
        ASSERT_EQ(total[Measure::cost], 199 * 200 / 2) << round;
        ASSERT_EQ(number("SELECT sum(duplicates) + sum(bad) FROM file"), 0) << round;
        ASSERT_EQ(number("SELECT sum(last - records) FROM feed"), 0) << round;
    }
}

TEST_F(Projecting, ALedgerThatADaemonHoldsIsInUse) {
    EXPECT_FALSE(is_ledger_in_use(dir));
    int const fd = ::open((dir + "/ledger/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    ASSERT_GE(fd, 0);
    EXPECT_FALSE(is_ledger_in_use(dir));
    ASSERT_EQ(::flock(fd, LOCK_EX), 0);
    EXPECT_TRUE(is_ledger_in_use(dir));
    ::close(fd);
    EXPECT_FALSE(is_ledger_in_use(dir));
}

}  // namespace
}  // namespace sluice::store
