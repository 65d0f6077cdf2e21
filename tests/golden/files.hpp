// Files of golden cases: read, compared, and written anew where SLUICE_GOLDEN_REWRITE is set.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

namespace sluice::golden {

using Json = nlohmann::ordered_json;
using Path = std::filesystem::path;

inline Path root() { return Path{SLUICE_SOURCE_DIR} / "tests/golden/dialect"; }

inline std::string read_file(Path const& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline bool is_rewriting() { return std::getenv("SLUICE_GOLDEN_REWRITE") != nullptr; }

inline std::string dump(Json const& json) {
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

inline void expect_json(Path const& path, Json const& got) {
    if (is_rewriting()) {
        std::ofstream(path, std::ios::binary) << dump(got);
        return;
    }
    ASSERT_TRUE(std::filesystem::exists(path)) << "write it with SLUICE_GOLDEN_REWRITE=1";
    EXPECT_EQ(nlohmann::json::parse(read_file(path)), nlohmann::json::parse(dump(got)))
        << path << "\ngot " << dump(got);
}

inline void expect_bytes(Path const& path, std::string const& got) {
    if (is_rewriting()) {
        std::ofstream(path, std::ios::binary) << got;
        return;
    }
    ASSERT_TRUE(std::filesystem::exists(path)) << "write it with SLUICE_GOLDEN_REWRITE=1";
    EXPECT_EQ(read_file(path), got) << path;
}

}  // namespace sluice::golden
