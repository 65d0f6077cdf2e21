#include "store/projection/day_table.hpp"

namespace sluice::store {
namespace {

void bind_key(Statement& statement, DayKey const& key) {
    statement.bind(1, key.day);
    for (std::size_t i = 0; i < dimension_count; ++i) {
        statement.bind(static_cast<int>(i) + 2, key.words[i]);
    }
}

constexpr int first_measure = 2 + static_cast<int>(dimension_count);

}  // namespace

Result<DayTable> DayTable::open(Database& database) {
    std::string where = "day = ?";
    for (auto const column : dimension_columns) where += " AND " + std::string{column} + " = ?";
    auto find = database.prepare("SELECT " + list_of(measure_columns) + " FROM day WHERE " + where);
    if (!find) return std::move(find).error();
    auto put = database.prepare("INSERT OR REPLACE INTO day(day, " + list_of(dimension_columns) +
                                ", " + list_of(measure_columns) + ") VALUES(" +
                                placeholders(1 + dimension_count + measure_count) + ")");
    if (!put) return std::move(put).error();
    DayTable table;
    table.find_ = std::move(*find);
    table.put_ = std::move(*put);
    return table;
}

Result<void> DayTable::add(DaySums const& sums) {
    for (auto const& [key, each] : sums) {
        auto added = add(key, each);
        if (!added) return added;
    }
    return {};
}

Result<void> DayTable::add(DayKey const& key, Sums sums) {
    bind_key(find_, key);
    auto found = find_.step();
    if (!found) return std::move(found).error();
    if (*found) sums.read(find_, 0);
    find_.reset();
    bind_key(put_, key);
    sums.bind(put_, first_measure);
    return put_.run();
}

}  // namespace sluice::store
