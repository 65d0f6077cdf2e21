// `sluice usage` and `sluice storage`: what they print and how they end.
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include "daemon/cli.hpp"

namespace sluice::daemon {
namespace {

class StorageCommands : public testing::Test {
  protected:
    StorageCommands() {
        dir = (std::filesystem::temp_directory_path() /
               ("sluice_commands_" + std::to_string(::getpid()) + "_" +
                testing::UnitTest::GetInstance()->current_test_info()->name()))
                  .string();
        std::filesystem::remove_all(dir);
        std::filesystem::create_directories(dir + "/ledger");
    }
    ~StorageCommands() override { std::filesystem::remove_all(dir); }

    void record(int sequence, std::string_view team) const {
        std::ofstream{dir + "/ledger/usage-20261120T000000Z-0001.jsonl", std::ios::app}
            << fmt::format(
                   R"({{"schema":2,"id":"{:026}","run":"01JD0000000000000000000RUN","worker":0,)"
                   R"("sequence":{},"at":"2026-11-20T10:00:00.000Z","org":"default","team":"{}",)"
                   R"("key":"api","tags":[],"route":"r","attempts":[{{"provider":"p","model":"m",)"
                   R"("usage":{{"input":10,"output":5,"reported":true}},"cost_pico_usd":2500000}}]}})"
                   "\n",
                   sequence, sequence, team);
    }

    struct Outcome {
        int code;
        std::string out, err;
    };
    Outcome run(std::vector<std::string> arguments, bool names_dir = true) const {
        arguments.insert(arguments.begin(), "sluice");
        if (names_dir) arguments.insert(arguments.end(), {"--dir", dir});
        std::vector<char*> argv;
        for (auto& each : arguments) argv.push_back(each.data());
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        int const code = run_cli(static_cast<int>(argv.size()), argv.data());
        std::fflush(stdout);
        return {code, testing::internal::GetCapturedStdout(),
                testing::internal::GetCapturedStderr()};
    }

    std::string dir;
};

TEST_F(StorageCommands, UsageCatchesUpAndPrintsATable) {
    record(1, "search");
    record(2, "ads");
    record(3, "ads");
    auto const table = run({"usage", "--by", "team"});
    EXPECT_EQ(table.code, 0) << table.err;
    EXPECT_EQ(table.out,
              "team    requests  errors  input  output   cost USD  unpriced  estimated\n"
              "ads            2       0     20      10   0.000005         0     0.0000\n"
              "search         1       0     10       5  0.0000025         0     0.0000\n"
              "total          3       0     30      15  0.0000075         0     0.0000\n");
    auto const csv = run({"usage", "--by", "team,day", "--where", "team=ads", "--csv"});
    EXPECT_EQ(csv.code, 0);
    EXPECT_NE(csv.out.find("\r\nads,2026-11-20,2,0,0,2,20,"), std::string::npos) << csv.out;
    EXPECT_NE(run({"usage", "--json", "--from", "2026-11-20", "--to", "2026-11-20"})
                  .out.find("\"requests\":3"),
              std::string::npos);
    EXPECT_NE(run({"usage", "--json", "--from", "2026-11-21"}).out.find("\"requests\":0"),
              std::string::npos);
}

TEST_F(StorageCommands, UsageLeavesTheLedgerOfARunningDaemonToIt) {
    record(1, "search");
    EXPECT_EQ(run({"usage"}).code, 0);
    int const fd = ::open((dir + "/ledger/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    ASSERT_EQ(::flock(fd, LOCK_EX), 0);
    record(2, "search");
    auto const beside = run({"usage"});
    EXPECT_NE(beside.out.find("bytes of the ledger are not counted yet"), std::string::npos)
        << beside.out;
    ::close(fd);
    EXPECT_EQ(run({"usage"}).out.find("not counted yet"), std::string::npos);
}

TEST_F(StorageCommands, WhatCannotBeTakenInIsToldAndTheRestAnswered) {
    record(1, "search");
    EXPECT_EQ(run({"usage"}).code, 0);
    std::ofstream{dir + "/ledger/usage-20261121T000000Z-0001.jsonl"} << "{\"schema\":99}\n";
    auto const outcome = run({"usage", "--json"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.err.find("newer sluice"), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.out.find("\"requests\":1"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("\"pending_bytes\":14"), std::string::npos) << outcome.out;
}

TEST_F(StorageCommands, WrongUseIsToldWithTwo) {
    record(1, "search");
    struct Case {
        std::vector<std::string> arguments;
        std::string says;
    };
    for (auto const& [arguments, says] : {
             Case{{"usage", "--by", "colour"}, "there is no 'colour'"},
             Case{{"usage", "--where", "team"}, "write name=value"},
             Case{{"usage", "--where", "tema=x"}, "did you mean team"},
             Case{{"usage", "--from", "soon"}, "must be a day"},
             Case{{"usage", "--csv", "--json"}, "excludes"},
             Case{{"storage"}, "subcommand"},
             Case{{"storage", "backup"}, "required"},
         }) {
        auto const outcome = run(arguments, arguments.size() != 1);
        EXPECT_EQ(outcome.code, 2) << says;
        EXPECT_NE((outcome.err + outcome.out).find(says), std::string::npos)
            << outcome.err << outcome.out;
    }
}

TEST_F(StorageCommands, ADirectoryWithoutALedgerIsToldWithOne) {
    std::filesystem::remove_all(dir);
    for (auto const& arguments : std::vector<std::vector<std::string>>{
             {"usage"}, {"storage", "verify"}, {"storage", "backup", dir + ".db"}}) {
        auto const outcome = run(arguments);
        EXPECT_EQ(outcome.code, 1);
        EXPECT_NE(outcome.err.find("no ledger in"), std::string::npos) << outcome.err;
    }
    EXPECT_FALSE(std::filesystem::exists(dir));
}

TEST_F(StorageCommands, BackupThenVerify) {
    record(1, "search");
    record(2, "search");
    auto const copied = run({"storage", "backup", dir + "/copy.db"});
    EXPECT_EQ(copied.code, 0) << copied.err;
    EXPECT_NE(copied.out.find("2 records; checked"), std::string::npos) << copied.out;
    EXPECT_EQ(run({"storage", "backup", dir + "/copy.db"}).code, 1);
    auto const sound = run({"storage", "verify"});
    EXPECT_EQ(sound.code, 0) << sound.out;
    EXPECT_NE(sound.out.find("records: 2\n"), std::string::npos) << sound.out;
    record(9, "search");  // 3 to 8 never came
    auto const lost = run({"storage", "verify"});
    EXPECT_EQ(lost.code, 3);
    EXPECT_NE(lost.out.find("lost records: 6\nNOT sound"), std::string::npos) << lost.out;
}

}  // namespace
}  // namespace sluice::daemon
