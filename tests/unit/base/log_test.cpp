// The process log and the line log: whole lines, escaped, nothing lost at stop.
#include "base/log.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <unistd.h>

#include "base/line_log.hpp"

namespace sluice::log {
namespace {

std::vector<std::string> lines_of(std::string const& text) {
    std::vector<std::string> lines;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

TEST(Log, JsonLinesParseWhateverTheTextHolds) {
    testing::internal::CaptureStderr();
    start(Level::info, true);
    info("a \"quote\", a\nbreak and {}", "a\x01 byte");
    debug("not on");
    warn("bad \xff utf-8");
    stop();
    auto const lines = lines_of(testing::internal::GetCapturedStderr());
    ASSERT_EQ(lines.size(), 2u);
    auto const first = nlohmann::json::parse(lines[0]);
    EXPECT_EQ(first["text"], "a \"quote\", a\nbreak and a\x01 byte");
    EXPECT_EQ(first["level"], "info");
    EXPECT_EQ(first["at"].get<std::string>().back(), 'Z');
    EXPECT_EQ(nlohmann::json::parse(lines[1])["level"], "warn");
}

TEST(Log, TextLinesCannotBeForged) {
    testing::internal::CaptureStderr();
    start(Level::debug, false);
    error("first\nsecond \x1b[31m {}", 3);
    stop();
    auto const lines = lines_of(testing::internal::GetCapturedStderr());
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_NE(lines[0].find("error first\\nsecond \\u001b[31m 3"), std::string::npos) << lines[0];
}

TEST(Log, AFloodIsBoundedAndCounted) {
    testing::internal::CaptureStderr();
    start(Level::info, true);
    auto const before = dropped();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([] {
            for (int i = 0; i < 20'000; ++i) info("line {}", i);
        });
    }
    for (auto& thread : threads) thread.join();
    stop();
    auto const lines = lines_of(testing::internal::GetCapturedStderr());
    EXPECT_EQ(lines.size() + (dropped() - before), 80'000u);
}

TEST(LineLog, AppendsLinesAsTheyAreAndMakesTheDirectory) {
    auto const dir =
        std::filesystem::temp_directory_path() / ("sluice_line_log_" + std::to_string(::getpid()));
    auto const path = (dir / "sub" / "access.log").string();
    for (int i = 0; i < 2; ++i) {
        auto log = LineLog::open(path);
        ASSERT_TRUE(log.ok());
        EXPECT_TRUE((*log)->write("{\"a\":1}\n%v {}\n"));
        EXPECT_TRUE((*log)->write(""));
    }
    std::ifstream in{path};
    std::stringstream text;
    text << in.rdbuf();
    EXPECT_EQ(text.str(), "{\"a\":1}\n%v {}\n{\"a\":1}\n%v {}\n");
    std::filesystem::remove_all(dir);
}

TEST(LineLog, APathThatCannotBeOpenedIsAnError) {
    auto const log = LineLog::open("/proc/no/such/access.log");
    ASSERT_FALSE(log.ok());
    EXPECT_NE(log.error().message.find("/proc/no/such/access.log"), std::string::npos);
}

}  // namespace
}  // namespace sluice::log
