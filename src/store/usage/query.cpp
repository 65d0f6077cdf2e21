// A UsageQuery's answer: rows of `entry` and sums of `day` are read one by one and added up in 128
// bits. Whole days come from the sums, what is newer than those from the rows.
#include "store/usage/query.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "sluice/json.hpp"

#include "base/timestamp.hpp"
#include "store/projection/ledger_files.hpp"
#include "store/sqlite/schema.hpp"

namespace sluice::store {
namespace {

constexpr std::size_t groups_max = 200'000;  // held at once: some 100 MB
constexpr std::int64_t first_ms = std::numeric_limits<std::int64_t>::min() / 2;
constexpr std::int64_t last_ms = std::numeric_limits<std::int64_t>::max() / 2;

struct Range {  // [from, until)
    std::int64_t from = 0;
    std::int64_t until = 0;
    [[nodiscard]] bool is_empty() const noexcept { return from >= until; }
};

// Where the answer is read from. `days` in days, others in milliseconds.
struct Sources {
    Range head;   // rows before the first whole day
    Range days;   // sums
    Range newer;  // rows of the whole days that are not in the sums yet
    Range tail;   // rows behind the last whole day
};

constexpr std::int64_t day_up(std::int64_t ms) noexcept { return day_of(ms + day_ms - 1); }

Sources sources_of(UsageQuery const& query, std::int64_t sealed_to) {
    auto const from = query.from.value_or(first_ms);
    auto const until = query.until.value_or(last_ms);
    auto const first_day = query.from ? day_up(from) : day_of(first_ms);
    auto const last_day = query.until ? day_of(until) : day_of(last_ms);
    Sources sources;
    if (first_day >= last_day) {
        // No whole day: rows alone. When the day's middle holds both ends they are one range.
        sources.head = {from, until};
        return sources;
    }
    sources.head = {from, first_day * day_ms};
    if (!query.from) sources.head = {};
    sources.days = {first_day, last_day};
    sources.newer = {std::max(first_day * day_ms, sealed_to), last_day * day_ms};
    if (query.until) sources.tail = {last_day * day_ms, until};
    return sources;
}

// "name" or "name=value" of the tags' JSON text; "" when it is not among them.
std::string tag_value(std::string_view tags, std::string_view name) {
    auto const parsed = json::parse(tags);
    if (!parsed) return {};
    json::Elements elements{*parsed};
    for (json::Value each; elements.next(each);) {
        auto const tag = each.string().value_or(std::string{});
        if (tag == name) return "true";
        if (tag.size() > name.size() && tag.starts_with(name) && tag[name.size()] == '=') {
            return tag.substr(name.size() + 1);
        }
    }
    return {};
}

class Reading {
  public:
    Reading(Database& database, UsageQuery const& query) : database_(database), query_(query) {}

    Result<void> read();
    Result<UsageReport> report();

  private:
    using Key = std::vector<std::int64_t>;  // days, word numbers, numbers of tag_values_

    struct KeyHash {
        std::size_t operator()(Key const& key) const noexcept {
            std::uint64_t hash = key.size();
            for (auto const part : key) {
                hash = (hash ^ static_cast<std::uint64_t>(part)) * 0x9E3779B97F4A7C15ULL;
                hash ^= hash >> 29;
            }
            return hash;
        }
    };

    Result<bool> make_where();
    Result<void> check_rows_are_kept(Sources const& sources);
    Result<void> add(std::string const& table, std::string const& time, Range range);
    Result<void> add_row(Statement const& row, bool is_day);
    Result<std::string> word(std::int64_t number);
    // Numbers, from 0, of the values that a set of tags has for each tag asked about.
    Result<std::vector<std::int64_t> const*> tags_of(std::int64_t word);
    [[nodiscard]] bool passes(std::vector<std::int64_t> const& tags) const;

    Database& database_;
    UsageQuery const& query_;
    std::string where_;
    std::vector<std::int64_t> where_words_;
    std::vector<std::string> tags_asked_;  // those of `by`, then those of filters
    std::vector<std::string> tag_values_;
    std::map<std::string, std::int64_t> tag_value_numbers_;
    std::map<std::int64_t, std::vector<std::int64_t>> tags_by_word_;
    std::map<std::int64_t, std::string> words_;
    std::unordered_map<Key, Sums, KeyHash> groups_;
};

Result<void> Reading::read() {
    // One view of the data for all statements, whatever the projection commits meanwhile.
    auto transaction = Transaction::begin(database_, Transaction::Kind::read);
    if (!transaction) return std::move(transaction).error();
    auto sealed = database_.number("SELECT value FROM mark WHERE name = 'sealed_to'");
    if (!sealed) return std::move(sealed).error();
    auto const sources = sources_of(query_, *sealed);
    auto kept = check_rows_are_kept(sources);
    if (!kept) return kept;
    for (auto const& column : query_.by) {
        if (column.is_tag()) tags_asked_.push_back(column.tag);
    }
    for (auto const& filter : query_.filters) {
        if (filter.column.is_tag()) tags_asked_.push_back(filter.column.tag);
    }
    auto possible = make_where();
    if (!possible) return std::move(possible).error();
    if (!*possible) return {};  // a filter asks for a word that no row has
    auto done = add("day", "day", sources.days);
    for (auto const& range : {sources.head, sources.newer, sources.tail}) {
        if (done) done = add("entry", "at", range);
    }
    return done;
}

Result<void> Reading::check_rows_are_kept(Sources const& sources) {
    auto from = database_.number("SELECT value FROM mark WHERE name = 'rows_from'");
    if (!from) return std::move(from).error();
    for (auto const& range : {sources.head, sources.tail}) {
        if (range.is_empty() || range.from >= *from) continue;
        return client_error(ErrorCode::invalid_request, 400,
                            "Before " + to_date(Wall::time_point{milliseconds{*from}}) +
                                " only sums per day (UTC) are kept: begin and end at a day.");
    }
    return {};
}

// False: no row can pass.
Result<bool> Reading::make_where() {
    auto find = database_.prepare("SELECT id FROM word WHERE text = ?");
    if (!find) return std::move(find).error();
    for (auto const& filter : query_.filters) {
        if (filter.column.is_tag()) continue;
        std::string list;
        for (auto const& value : filter.values) {
            auto found = find->bind(1, value).step();
            if (!found) return std::move(found).error();
            if (*found) {
                list += list.empty() ? "?" : ", ?";
                where_words_.push_back(find->integer(0));
            }
            find->reset();
        }
        if (list.empty()) return false;
        auto const column = dimension_columns[static_cast<std::size_t>(*filter.column.dimension)];
        where_ += " AND " + std::string{column} + " IN (" + list + ")";
    }
    return true;
}

Result<void> Reading::add(std::string const& table, std::string const& time, Range range) {
    if (range.is_empty()) return {};
    std::string columns = time + ", tags";
    for (auto const& column : query_.by) {
        auto const dimension = column.dimension;
        if (!dimension) continue;
        columns += ", " + std::string{dimension_columns[static_cast<std::size_t>(*dimension)]};
    }
    auto rows = database_.prepare("SELECT " + list_of(measure_columns) + ", " + columns + " FROM " +
                                  table + " WHERE " + time + " >= ? AND " + time + " < ?" + where_);
    if (!rows) return std::move(rows).error();
    rows->bind(1, range.from).bind(2, range.until);
    for (std::size_t i = 0; i < where_words_.size(); ++i) {
        rows->bind(static_cast<int>(i) + 3, where_words_[i]);
    }
    for (;;) {
        auto row = rows->step();
        if (!row) return std::move(row).error();
        if (!*row) return {};
        auto added = add_row(*rows, table == "day");
        if (!added) return added;
    }
}

Result<void> Reading::add_row(Statement const& row, bool is_day) {
    constexpr int time_column = static_cast<int>(measure_count);
    static std::vector<std::int64_t> const none;
    auto const* tags = &none;
    if (!tags_asked_.empty()) {
        auto found = tags_of(row.integer(time_column + 1));
        if (!found) return std::move(found).error();
        tags = *found;
        if (!passes(*tags)) return {};
    }
    Key key;
    key.reserve(query_.by.size());
    std::size_t next_tag = 0;
    int next_column = time_column + 2;
    for (auto const& column : query_.by) {
        if (column.is_tag()) {
            key.push_back((*tags)[next_tag++]);
        } else if (column.is_day()) {
            auto const time = row.integer(time_column);
            key.push_back(is_day ? time : day_of(time));
        } else {
            key.push_back(row.integer(next_column++));
        }
    }
    auto const place = groups_.try_emplace(std::move(key)).first;
    if (groups_.size() > groups_max) {
        return client_error(ErrorCode::invalid_request, 400,
                            "More than " + std::to_string(groups_max) +
                                " groups: ask for a shorter time, fewer columns in by, or filter.");
    }
    place->second.read(row, 0);
    return {};
}

Result<std::vector<std::int64_t> const*> Reading::tags_of(std::int64_t number) {
    auto const known = tags_by_word_.find(number);
    if (known != tags_by_word_.end()) return &known->second;
    auto text = word(number);
    if (!text) return std::move(text).error();
    auto& values = tags_by_word_[number];
    for (auto const& name : tags_asked_) {
        auto value = tag_value(*text, name);
        auto const [place, is_new] =
            tag_value_numbers_.try_emplace(value, static_cast<std::int64_t>(tag_values_.size()));
        if (is_new) tag_values_.push_back(std::move(value));
        values.push_back(place->second);
    }
    return &values;
}

bool Reading::passes(std::vector<std::int64_t> const& tags) const {
    auto next = tags.size();
    for (auto filter = query_.filters.rbegin(); filter != query_.filters.rend(); ++filter) {
        if (!filter->column.is_tag()) continue;
        auto const& value = tag_values_[static_cast<std::size_t>(tags[--next])];
        if (std::find(filter->values.begin(), filter->values.end(), value) ==
            filter->values.end()) {
            return false;
        }
    }
    return true;
}

Result<std::string> Reading::word(std::int64_t number) {
    auto const known = words_.find(number);
    if (known != words_.end()) return known->second;
    auto find = database_.prepare("SELECT text FROM word WHERE id = ?");
    if (!find) return std::move(find).error();
    auto found = find->bind(1, number).step();
    if (!found) return std::move(found).error();
    return words_[number] = *found ? std::string{find->text(0)} : std::string{};
}

Result<UsageReport> Reading::report() {
    UsageReport report;
    report.query = query_;
    report.group_count = groups_.size();
    for (auto const& [key, sums] : groups_) {
        report.total += sums;
        UsageGroup group{{}, sums};
        for (std::size_t i = 0; i < key.size(); ++i) {
            auto const& column = query_.by[i];
            if (column.is_day()) {
                group.values.push_back(to_date(Wall::time_point{milliseconds{key[i] * day_ms}}));
            } else if (column.is_tag()) {
                group.values.push_back(tag_values_[static_cast<std::size_t>(key[i])]);
            } else {
                auto text = word(key[i]);
                if (!text) return std::move(text).error();
                group.values.push_back(std::move(*text));
            }
        }
        report.groups.push_back(std::move(group));
    }
    bool const by_value = !query_.by.empty() && query_.by.front().is_day();
    std::sort(report.groups.begin(), report.groups.end(),
              [by_value](UsageGroup const& a, UsageGroup const& b) {
                  auto const cost_a = a.sums[Measure::cost];
                  auto const cost_b = b.sums[Measure::cost];
                  return !by_value && cost_a != cost_b ? cost_a > cost_b : a.values < b.values;
              });
    if (report.groups.size() > query_.limit) report.groups.resize(query_.limit);
    return report;
}

std::int64_t pending_bytes(Database& database, std::string const& storage_dir) {
    auto const files = list_ledger(storage_dir);
    if (!files) return 0;
    std::int64_t pending = 0;
    auto place = database.prepare("SELECT position FROM file WHERE name = ?");
    for (auto const& file : *files) {
        if (!place) break;
        auto const row = place->bind(1, file.name).step();
        auto const position = row && *row ? place->integer(0) : 0;
        pending += std::max<std::int64_t>(0, file.size - position);
        place->reset();
    }
    return pending;
}

}  // namespace

Result<UsageReport> read_usage(Database& database, UsageQuery query) {
    Reading reading{database, query};
    auto read = reading.read();
    if (!read) return std::move(read).error();
    return reading.report();
}

Result<UsageReport> read_usage(std::string const& storage_dir, UsageQuery query) {
    auto database = Database::open(database_path(storage_dir), Database::Mode::read);
    if (!database) return std::move(database).error();
    auto checked = check_schema(*database);
    if (!checked) return std::move(checked).error();
    auto report = read_usage(*database, std::move(query));
    if (report) report->pending_bytes = pending_bytes(*database, storage_dir);
    return report;
}

}  // namespace sluice::store
