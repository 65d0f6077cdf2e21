#include "store/projection/retention.hpp"

#include <limits>
#include <unistd.h>

#include "base/log.hpp"

namespace sluice::store {
namespace {

constexpr std::int64_t slice_rows = 20'000;
constexpr std::int64_t seal_after_ms = 10LL * 60 * 1000;

std::string at_mark(char const* name) {
    return "(SELECT value FROM mark WHERE name = '" + std::string{name} + "')";
}

// The time up to which a slice of rows goes that begins at `from`: at most slice_rows of them, but
// never half a millisecond; `until` when there are fewer.
Result<std::int64_t> slice_end(Database& database, std::int64_t from, std::int64_t until) {
    auto const range = " FROM entry WHERE at >= " + std::to_string(from) + " AND at < " +
                       std::to_string(until) + " ORDER BY at LIMIT 1";
    auto beyond = database.prepare("SELECT at" + range + " OFFSET " + std::to_string(slice_rows));
    if (!beyond) return std::move(beyond).error();
    auto found = beyond->step();
    if (!found) return std::move(found).error();
    if (!*found) return until;
    auto const end = beyond->integer(0);
    auto first = database.number("SELECT at" + range);
    if (!first) return first;
    return end > *first ? end : end + 1;
}

Result<DaySums> sum_rows(Database& database, std::int64_t from, std::int64_t until) {
    auto rows = database.prepare("SELECT at, " + list_of(dimension_columns) + ", " +
                                 list_of(measure_columns) + " FROM entry WHERE at >= ? AND at < ?");
    if (!rows) return std::move(rows).error();
    rows->bind(1, from).bind(2, until);
    DaySums sums;
    for (;;) {
        auto row = rows->step();
        if (!row) return std::move(row).error();
        if (!*row) return sums;
        DayKey key{day_of(rows->integer(0)), {}};
        for (std::size_t i = 0; i < dimension_count; ++i) {
            key.words[i] = rows->integer(static_cast<int>(i) + 1);
        }
        sums[key].read(*rows, 1 + static_cast<int>(dimension_count));
    }
}

Result<void> set_mark(Database& database, char const* name, std::int64_t value) {
    return database.run("UPDATE mark SET value = " + std::to_string(value) + " WHERE name = '" +
                        name + "'");
}

struct Candidate {  // a ledger file that may go when it is old enough
    std::string name;
    std::int64_t last_at = 0;
};

Result<std::vector<Candidate>> projected_files(Projection& projection,
                                               std::vector<LedgerFile> const& files) {
    std::vector<Candidate> found;
    auto place =
        projection.database().prepare("SELECT position, last_at, deleted FROM file WHERE name = ?");
    if (!place) return std::move(place).error();
    for (auto const& file : files) {
        if (file.is_open) continue;
        place->bind(1, file.name);
        auto row = place->step();
        if (!row) return std::move(row).error();
        if (*row) {
            auto const path = ledger_folder(projection.storage_dir()) + "/" + file.name;
            auto reader = LineReader::open(path, place->integer(0));
            if (!reader) return std::move(reader).error();
            // A torn last line will never be whole: the file is closed.
            auto rest = reader->read();
            if (!rest) return std::move(rest).error();
            if (rest->empty()) found.push_back({file.name, place->integer(1)});
        }
        place->reset();
    }
    return found;
}

}  // namespace

Result<bool> seal_some(Projection& projection, std::int64_t now) {
    auto& database = projection.database();
    auto transaction = Transaction::begin(database, Transaction::Kind::write);
    if (!transaction) return std::move(transaction).error();
    auto from = database.number("SELECT " + at_mark("sealed_to"));
    if (!from) return std::move(from).error();
    // In steps, so that a quiet daemon does not write each time it looks.
    auto const until = now - now % seal_after_ms - seal_after_ms;
    if (*from >= until) return false;
    auto end = slice_end(database, *from, until);
    if (!end) return std::move(end).error();
    auto sums = sum_rows(database, *from, *end);
    if (!sums) return std::move(sums).error();
    auto days = DayTable::open(database);
    if (!days) return std::move(days).error();
    auto done = days->add(*sums);
    if (done) done = set_mark(database, "sealed_to", *end);
    if (done) done = transaction->commit();
    if (!done) return std::move(done).error();
    return *end < until;
}

Result<bool> purge_some(Projection& projection, std::int64_t now, int rows_days) {
    if (rows_days == 0) return false;
    auto& database = projection.database();
    auto transaction = Transaction::begin(database, Transaction::Kind::write);
    if (!transaction) return std::move(transaction).error();
    auto sealed = database.number("SELECT " + at_mark("sealed_to"));
    if (!sealed) return std::move(sealed).error();
    auto const until = std::min(*sealed, (day_of(now) - rows_days) * day_ms);
    auto first = database.number("SELECT count(*) FROM (SELECT 1 FROM entry WHERE at < " +
                                 std::to_string(until) + " LIMIT 1)");
    if (!first) return std::move(first).error();
    if (*first == 0) return false;
    auto end = slice_end(database, std::numeric_limits<std::int64_t>::min() / 2, until);
    if (!end) return std::move(end).error();
    auto done = database.run("DELETE FROM entry WHERE at < " + std::to_string(*end) +
                             "; UPDATE mark SET value = max(value, " + std::to_string(*end) +
                             ") WHERE name = 'rows_from'");
    if (done) done = transaction->commit();
    if (!done) return std::move(done).error();
    return *end < until;
}

Result<int> delete_ledger_files(Projection& projection, std::int64_t now, int ledger_days) {
    if (ledger_days == 0) return 0;
    auto files = list_ledger(projection.storage_dir());
    if (!files) return std::move(files).error();
    auto& database = projection.database();
    auto candidates = projected_files(projection, *files);
    if (!candidates) return std::move(candidates).error();
    int deleted = 0;
    for (auto const& file : *candidates) {
        if (file.last_at >= now - ledger_days * day_ms) continue;
        // First in the database: a file that is missing without having been deleted is damage.
        auto mark = database.prepare("UPDATE file SET deleted = 1 WHERE name = ?");
        if (!mark) return std::move(mark).error();
        auto done = mark->bind(1, file.name).run();
        if (!done) return std::move(done).error();
        auto const path = ledger_folder(projection.storage_dir()) + "/" + file.name;
        if (::unlink(path.c_str()) != 0) continue;  // tried again the next time
        log::info("{} is older than storage.retention.ledger_days and was deleted", path);
        ++deleted;
    }
    return deleted;
}

}  // namespace sluice::store
