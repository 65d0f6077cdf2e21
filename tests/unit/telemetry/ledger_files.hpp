// A disk that is full, fails or never comes back, when the test says so; and the ledger's files as
// a test reads them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <thread>
#include <unistd.h>

namespace sluice::telemetry {

template <class Holds>
bool wait_until(Holds const& holds, std::chrono::seconds within = std::chrono::seconds{20}) {
    auto const until = std::chrono::steady_clock::now() + within;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    return true;
}

class TempDir {
  public:
    TempDir() {
        auto const* const test = testing::UnitTest::GetInstance()->current_test_info();
        path_ = std::filesystem::temp_directory_path() /
                ("sluice_ledger_" + std::to_string(::getpid()) + "_" + test->name());
        std::filesystem::remove_all(path_);
        std::filesystem::create_directories(path_);
    }
    TempDir(TempDir const&) = delete;
    TempDir& operator=(TempDir const&) = delete;
    ~TempDir() { std::filesystem::remove_all(path_); }
    [[nodiscard]] std::filesystem::path operator/(std::string const& name) const {
        return path_ / name;
    }

  private:
    std::filesystem::path path_;
};

inline std::string text_of(std::filesystem::path const& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

inline void write_text(std::filesystem::path const& path, std::string_view text) {
    std::ofstream{path, std::ios::binary} << text;
}

// Every line of the directory's *.jsonl files that begin with `stem`, in the order of their names.
// A line that is torn or no JSON fails the test.
inline std::vector<nlohmann::json> lines_in(std::filesystem::path const& dir,
                                            std::string const& stem = "") {
    std::vector<std::filesystem::path> files;
    if (std::filesystem::exists(dir)) {
        for (auto const& entry : std::filesystem::recursive_directory_iterator(dir)) {
            auto const name = entry.path().filename().string();
            if (name.starts_with(stem) && name.ends_with(".jsonl")) files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    std::vector<nlohmann::json> lines;
    for (auto const& file : files) {
        auto const text = text_of(file);
        EXPECT_TRUE(text.empty() || text.back() == '\n') << file << " ends in a torn line";
        std::istringstream in{text};
        for (std::string line; std::getline(in, line);) {
            EXPECT_TRUE(nlohmann::json::accept(line)) << file << ": " << line;
            if (nlohmann::json::accept(line)) lines.push_back(nlohmann::json::parse(line));
        }
    }
    return lines;
}

}  // namespace sluice::telemetry
