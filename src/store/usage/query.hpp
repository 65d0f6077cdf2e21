// Sums of usage: a question as words (from a query string or the command line), and its answer out
// of the database. Called by endpoint/admin and the command `usage`; blocking, never on a worker.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sluice/result.hpp"

#include "store/sums.hpp"

namespace sluice::store {

enum class UsageFormat { json, csv, table };

// A column of the answer: a dimension, a tag by name, or the day.
struct UsageColumn {
    std::string name;  // "team", "tag:env", "day"
    std::optional<Dimension> dimension;
    std::string tag;  // its name, for tag:<name>
    [[nodiscard]] bool is_day() const noexcept { return name == "day"; }
    [[nodiscard]] bool is_tag() const noexcept { return !tag.empty(); }
};

struct UsageFilter {
    UsageColumn column;
    std::vector<std::string> values;  // any of them
};

struct UsageQuery {
    static constexpr std::size_t limit_max = 100'000;

    std::optional<std::int64_t> from;   // UTC milliseconds; nullopt: from the first record on
    std::optional<std::int64_t> until;  // the first one not counted; nullopt: to the last
    std::vector<UsageColumn> by;
    std::vector<UsageFilter> filters;  // all of them
    std::size_t limit = 10'000;        // groups in the answer
    UsageFormat format = UsageFormat::json;
};

// What may be asked, name and value: from, to, by, format, limit, and a filter by its column's
// name. A name twice: by adds, a filter takes any of its values, others are refused. Error:
// invalid_request; the message says what to write instead.
Result<UsageQuery> read_usage_query(
    std::vector<std::pair<std::string, std::string>> const& parameters);

struct UsageGroup {
    std::vector<std::string> values;  // one for each column of `by`
    Sums sums;
};

struct UsageReport {
    UsageQuery query;
    std::vector<UsageGroup> groups;  // by value where `day` is the first column, else by cost
    std::size_t group_count = 0;     // more than groups.size() when they were cut at the limit
    Sums total;                      // of all groups, those left out included
    std::int64_t pending_bytes = 0;  // of the ledger, not in the answer yet

    [[nodiscard]] bool is_truncated() const noexcept { return group_count > groups.size(); }
};

// Error: a time that cuts through a day of which only the sums are left; too many groups; SQLite's.
Result<UsageReport> read_usage(Database& database, UsageQuery query);

// The same from <storage_dir>'s database, opened for this one question, with pending_bytes.
Result<UsageReport> read_usage(std::string const& storage_dir, UsageQuery query);

}  // namespace sluice::store
