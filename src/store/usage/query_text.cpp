// Words to a UsageQuery. See query.hpp.
#include <algorithm>
#include <charconv>

#include "base/nearest.hpp"
#include "base/timestamp.hpp"
#include "store/usage/query.hpp"

namespace sluice::store {
namespace {

constexpr std::size_t columns_max = 10;
constexpr std::size_t values_max = 100;
constexpr std::size_t text_bytes_max = 512;

constexpr std::pair<std::string_view, Dimension> dimension_names[] = {
    {"team", Dimension::team},   {"key", Dimension::key},     {"user", Dimension::user},
    {"model", Dimension::model}, {"route", Dimension::route}, {"provider", Dimension::provider},
    {"org", Dimension::org}};

Error bad(std::string message) {
    return client_error(ErrorCode::invalid_request, 400, std::move(message));
}

std::optional<UsageColumn> read_column(std::string_view name) {
    if (name == "day") return UsageColumn{"day", std::nullopt, ""};
    if (name.starts_with("tag:") && name.size() > 4) {
        return UsageColumn{std::string{name}, std::nullopt, std::string{name.substr(4)}};
    }
    for (auto const& [known, dimension] : dimension_names) {
        if (name == known) return UsageColumn{std::string{name}, dimension, ""};
    }
    return std::nullopt;
}

Result<void> add_column(UsageQuery& query, std::string_view name) {
    auto column = read_column(name);
    if (!column) {
        return bad("by: there is no '" + std::string{name} +
                   "'; use team, key, user, model, provider, route, org, day or tag:<name>.");
    }
    auto const is_there = [&](std::string_view wanted) {
        return std::any_of(query.by.begin(), query.by.end(),
                           [&](auto const& each) { return each.name == wanted; });
    };
    if (is_there(name)) return {};
    // Keys are named within their team: two teams may both have an "app".
    if (name == "key" && !is_there("team")) query.by.push_back(*read_column("team"));
    if (query.by.size() >= columns_max) return bad("by: at most 10 columns.");
    query.by.push_back(std::move(*column));
    return {};
}

Result<void> add_columns(UsageQuery& query, std::string_view list) {
    while (!list.empty()) {
        auto const end = std::min(list.find(','), list.size());
        auto added = add_column(query, list.substr(0, end));
        if (!added) return added;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return {};
}

// A day as `to` counts whole; a time is the first one that does not count.
Result<std::int64_t> read_time(std::string const& name, std::string const& text) {
    auto const at = read_timestamp(text);
    if (!at)
        return bad(name +
                   " must be a day like 2026-11-01 or a time like 2026-11-01T12:00:00Z (UTC).");
    auto const ms = std::chrono::floor<milliseconds>(at->time_since_epoch()).count();
    return name == "to" && text.size() == 10 ? ms + day_ms : ms;
}

Result<void> read_limit(UsageQuery& query, std::string const& text) {
    auto const* end = text.data() + text.size();
    auto const read = std::from_chars(text.data(), end, query.limit);
    bool const is_fine = read.ec == std::errc{} && read.ptr == end && query.limit >= 1 &&
                         query.limit <= UsageQuery::limit_max;
    if (is_fine) return {};
    return bad("limit must be a number from 1 to " + std::to_string(UsageQuery::limit_max) + ".");
}

Result<void> read_format(UsageQuery& query, std::string const& text) {
    if (text == "json")
        query.format = UsageFormat::json;
    else if (text == "csv")
        query.format = UsageFormat::csv;
    else if (text == "table")
        query.format = UsageFormat::table;
    else
        return bad("format must be json, csv or table.");
    return {};
}

Result<void> add_filter(UsageQuery& query, UsageColumn column, std::string const& value) {
    for (auto& filter : query.filters) {
        if (filter.column.name != column.name) continue;
        if (filter.values.size() >= values_max) return bad("At most 100 values of one filter.");
        filter.values.push_back(value);
        return {};
    }
    if (query.filters.size() >= columns_max) return bad("At most 10 filters.");
    query.filters.push_back({std::move(column), {value}});
    return {};
}

Result<void> read_parameter(UsageQuery& query, std::string const& name, std::string const& value) {
    if (value.size() > text_bytes_max) return bad(name + " is longer than 512 bytes.");
    if (name == "by") return add_columns(query, value);
    if (name == "limit") return read_limit(query, value);
    if (name == "format") return read_format(query, value);
    if (name == "from" || name == "to") {
        auto& into = name == "from" ? query.from : query.until;
        if (into) return bad(name + " is given twice.");
        auto at = read_time(name, value);
        if (!at) return std::move(at).error();
        into = *at;
        return {};
    }
    auto column = read_column(name);
    if (column && !column->is_day()) return add_filter(query, std::move(*column), value);
    std::vector<std::string_view> known = {"from", "to", "by", "format", "limit"};
    for (auto const& [dimension, unused] : dimension_names) known.push_back(dimension);
    auto const near = nearest(name, known);
    return bad("There is no parameter '" + name.substr(0, 64) + "'" +
               (near.empty() ? std::string{"; use from, to, by, format, limit, or a filter: team, "
                                           "key, user, model, provider, route, org, tag:<name>."}
                             : "; did you mean " + std::string{near} + "?"));
}

}  // namespace

Result<UsageQuery> read_usage_query(
    std::vector<std::pair<std::string, std::string>> const& parameters) {
    UsageQuery query;
    for (auto const& [name, value] : parameters) {
        auto read = read_parameter(query, name, value);
        if (!read) return std::move(read).error();
    }
    if (query.from && query.until && *query.from >= *query.until) {
        return bad("from must be before to.");
    }
    return query;
}

}  // namespace sluice::store
