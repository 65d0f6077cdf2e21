#include "config/files.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace sluice::config {
namespace {

struct Directory {
    std::string path;

    Directory() {
        std::string name = "/tmp/sluice-files-XXXXXX";
        path = ::mkdtemp(name.data());
    }
    ~Directory() { std::filesystem::remove_all(path); }
};

// Longer than one piece of a read.
std::string long_text() {
    std::string text;
    while (text.size() < 100'000) text += "key: value " + std::to_string(text.size()) + "\n";
    return text;
}

TEST(ReadTextFile, whole_up_to_the_bound_and_nothing_beyond) {
    Directory const directory;
    auto const path = directory.path + "/a.yaml";
    auto const text = long_text();
    std::ofstream(path) << text;
    std::string why;
    EXPECT_EQ(read_text_file(path, text.size(), why), text);
    EXPECT_EQ(read_text_file(path, text.size() * 100, why), text);
    EXPECT_EQ(why, "");
    EXPECT_EQ(read_text_file(path, text.size() - 1, why), std::nullopt);
    EXPECT_EQ(why, "is larger than " + std::to_string(text.size() - 1) + " bytes");
}

TEST(ReadTextFile, an_empty_file_is_an_empty_text) {
    Directory const directory;
    std::ofstream(directory.path + "/a.yaml").flush();
    std::string why;
    EXPECT_EQ(read_text_file(directory.path + "/a.yaml", 10, why), "");
}

TEST(ReadTextFile, a_pipe_is_read_to_its_end) {
    Directory const directory;
    auto const path = directory.path + "/pipe";
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    auto const text = long_text();
    std::thread writer([&] { std::ofstream(path) << text; });
    std::string why;
    EXPECT_EQ(read_text_file(path, text.size(), why), text);
    writer.join();
}

TEST(ReadTextFile, says_why_there_is_nothing) {
    Directory const directory;
    std::string why;
    EXPECT_EQ(read_text_file(directory.path + "/none", 10, why), std::nullopt);
    EXPECT_EQ(why, "No such file or directory");
    EXPECT_EQ(read_text_file(directory.path, 10, why), std::nullopt);
    EXPECT_EQ(why, "is a directory");
}

}  // namespace
}  // namespace sluice::config
