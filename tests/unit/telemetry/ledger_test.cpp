// The ledger: what is appended is in the file, once; drops are counted; restarts append.
#include "telemetry/ledger.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include "a_record.hpp"

namespace sluice::telemetry {
namespace {

class LedgerTest : public testing::Test {
  protected:
    LedgerTest() {
        dir_ = std::filesystem::temp_directory_path() /
               ("sluice_ledger_" + std::to_string(::getpid()) + "_" +
                testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::remove_all(dir_);
    }
    ~LedgerTest() override { std::filesystem::remove_all(dir_); }

    std::unique_ptr<Ledger> open(unsigned workers, std::unique_ptr<AccessLog> access = nullptr) {
        auto opened = Ledger::open(dir_.string(), workers, std::move(access));
        EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
        return std::move(*opened);
    }

    static std::vector<nlohmann::json> read(std::string const& path) {
        std::vector<nlohmann::json> lines;
        std::ifstream in{path};
        for (std::string line; std::getline(in, line);)
            lines.push_back(nlohmann::json::parse(line));
        return lines;
    }

    std::filesystem::path dir_;
};

TEST_F(LedgerTest, EveryRecordOfEveryWorkerIsWrittenInOrderWithoutGaps) {
    auto ledger = open(3);
    std::vector<std::thread> workers;
    for (unsigned worker = 0; worker < 3; ++worker) {
        workers.emplace_back([&ledger, worker] {
            for (int i = 0; i < 2'000; ++i) ASSERT_TRUE(ledger->append(worker, a_record()));
        });
    }
    for (auto& worker : workers) worker.join();
    ledger->stop();
    EXPECT_EQ(ledger->counters().written, 6'000u);
    EXPECT_EQ(ledger->counters().dropped, 0u);
    std::map<int, std::uint64_t> last;
    for (auto const& line : read(ledger->path())) {
        auto const worker = line["worker"].get<int>();
        EXPECT_EQ(line["sequence"].get<std::uint64_t>(), ++last[worker]);
    }
    EXPECT_EQ(last, (std::map<int, std::uint64_t>{{0, 2'000}, {1, 2'000}, {2, 2'000}}));
}

TEST_F(LedgerTest, FlushReturnsWhenWhatWasAppendedIsInTheFile) {
    auto ledger = open(1);
    for (std::size_t n = 1; n <= 3; ++n) {
        ledger->append(0, a_record());
        ledger->flush();
        EXPECT_EQ(read(ledger->path()).size(), n);
    }
}

TEST_F(LedgerTest, AppendsToTheFileOfTheDay) {
    std::string path;
    for (int run = 0; run < 2; ++run) {
        auto ledger = open(1);
        path = ledger->path();
        ledger->append(0, a_record());
    }
    EXPECT_EQ(read(path).size(), 2u);
    EXPECT_EQ(std::filesystem::path{path}.parent_path(), dir_ / "ledger");
}

TEST_F(LedgerTest, AfterStopRecordsAreDroppedAndCounted) {
    auto ledger = open(1);
    ledger->stop();
    ledger->stop();
    EXPECT_FALSE(ledger->append(0, a_record()));
    EXPECT_EQ(ledger->counters().dropped, 1u);
    EXPECT_TRUE(read(ledger->path()).empty());
}

// Stands in for a writer that is stuck: an access log that waits to be let go.
struct Stuck final : log::LineLog {
    explicit Stuck(std::atomic<bool>& let_go) : go(let_go) {}
    bool write(std::string_view) noexcept override {
        while (!go.load()) std::this_thread::yield();
        return true;
    }
    std::atomic<bool>& go;
};

TEST_F(LedgerTest, AFullQueueDropsCountsAndLeavesAGap) {
    std::atomic<bool> go{false};
    auto ledger =
        open(1, std::make_unique<AccessLog>(AccessLog::Format::text, std::make_unique<Stuck>(go)));
    std::uint64_t refused = 0;
    std::uint64_t taken = 0;
    while (refused < 10) ++(ledger->append(0, a_record()) ? taken : refused);
    go = true;
    ledger->flush();
    EXPECT_TRUE(ledger->append(0, a_record()));
    ledger->stop();
    EXPECT_GE(taken, Ledger::queue_records);
    EXPECT_EQ(ledger->counters().dropped, refused);
    auto const lines = read(ledger->path());
    ASSERT_EQ(lines.size(), taken + 1);
    EXPECT_EQ(lines.back()["sequence"].get<std::uint64_t>(), taken + refused + 1);
}

TEST_F(LedgerTest, ADiskThatIsFullLosesRecordsAloudAndLinesStayWhole) {
    auto ledger = open(1);
    ledger->append(0, a_record());
    ledger->flush();
    auto const whole = std::filesystem::file_size(ledger->path());

    // A file size limit stands in for the full disk: the next write fits in part.
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit saved{};
    ::getrlimit(RLIMIT_FSIZE, &saved);
    rlimit const tight{whole + 100, saved.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &tight);
    ledger->append(0, a_record());
    ledger->flush();
    ::setrlimit(RLIMIT_FSIZE, &saved);

    EXPECT_EQ(ledger->counters().failed, 1u);
    ledger->append(0, a_record());
    ledger->stop();
    EXPECT_EQ(ledger->counters().written, 2u);
    std::ifstream in{ledger->path()};
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    ASSERT_EQ(lines.size(), 3u);  // whole, torn, whole
    EXPECT_FALSE(nlohmann::json::accept(lines[1]));
    EXPECT_EQ(nlohmann::json::parse(lines[2])["sequence"], 3);
}

TEST_F(LedgerTest, ADirectoryThatCannotBeMadeIsAnErrorThatSaysWhatToSet) {
    auto const opened = Ledger::open("/proc/no", 1);
    ASSERT_FALSE(opened.ok());
    EXPECT_NE(opened.error().message.find("storage.dir"), std::string::npos);
}

}  // namespace
}  // namespace sluice::telemetry
