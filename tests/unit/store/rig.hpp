// A storage directory with ledger lines in it, for the tests of this folder.
#pragma once

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/timestamp.hpp"
#include "store/projection/projection.hpp"
#include "store/projection/retention.hpp"
#include "store/usage/query.hpp"

namespace sluice::store {

inline std::int64_t ms_of(std::string_view text) {
    auto const at = read_timestamp(text);
    if (!at) throw std::runtime_error("no time: " + std::string{text});
    return std::chrono::floor<milliseconds>(at->time_since_epoch()).count();
}

// One record in the ledger's words; the defaults make a good answer at one provider.
struct A {
    std::string at = "2026-11-20T10:00:00.000Z";
    std::string id = "";  // "" = the next one
    std::string run = "01JD0000000000000000000RUN";
    int worker = 0;
    std::int64_t sequence = 0;  // 0 = the next one of its run and worker
    std::string team = "search", key = "api", user = "", route = "chat", tags = "[]";
    std::string error_code = "";
    bool client_gone = false;
    std::string provider = "up", model = "m-1";
    std::int64_t input = 10, output = 5;
    std::string cost = "1000000";  // JSON: a number or null
    bool estimated = false;
    std::string attempts = "";  // JSON; "" = one as said above
};

std::string attempt_json(A const& a);

class Rig : public testing::Test {
  protected:
    Rig();
    ~Rig() override { std::filesystem::remove_all(dir); }

    std::string line(A a = {});  // with its newline
    void append(std::string const& file, std::string const& text) const;
    // Appends a line each to `file`.
    void record(std::vector<A> const& records,
                std::string const& file = "usage-20261120T000000Z-0001.jsonl");
    [[nodiscard]] std::string path_of(std::string const& file) const {
        return dir + "/ledger/" + file;
    }

    std::unique_ptr<Projection> open();
    void project();  // opens, catches up, closes
    UsageReport usage(std::vector<std::pair<std::string, std::string>> const& parameters = {});
    Error usage_error(std::vector<std::pair<std::string, std::string>> const& parameters);
    std::int64_t number(std::string const& sql);

    std::string dir;
    std::int64_t next_id = 0;
    std::map<std::pair<std::string, int>, std::int64_t> sequences;
};

// "a/b requests input output cost", one line a group.
std::string summary(UsageReport const& report);

}  // namespace sluice::store
