#include "store/check/verify.hpp"

#include <set>
#include <unordered_set>

#include "store/projection/ledger_files.hpp"
#include "store/projection/ledger_line.hpp"
#include "store/sqlite/schema.hpp"

namespace sluice::store {
namespace {

constexpr std::size_t sentences_max = 50;  // of damage and of notes

class Verification {
  public:
    Verification(Database& database, std::string const& storage_dir)
        : database_(database), storage_dir_(storage_dir) {}

    Result<void> run();
    VerifyReport take() { return std::move(report_); }

  private:
    struct Place {
        bool is_known = false;
        std::int64_t position = 0, records = 0, duplicates = 0, bad = 0;
    };
    Result<void> check_integrity();
    Result<void> check_files();
    Result<void> check_file(LedgerFile const& file);
    Result<void> check_line(std::string const& name, LedgerLine const& line);
    Result<void> check_missing_files(std::set<std::string> const& there);
    Result<void> check_sequences();
    Result<Place> place_of(std::string const& name);
    void damage(std::string sentence) { put(report_.damage, std::move(sentence)); }
    void note(std::string sentence) { put(report_.notes, std::move(sentence)); }
    static void put(std::vector<std::string>& into, std::string sentence) {
        if (into.size() < sentences_max) into.push_back(std::move(sentence));
        if (into.size() == sentences_max) into.emplace_back("(more of these are not shown)");
    }

    Database& database_;
    std::string const& storage_dir_;
    Statement rows_;
    std::int64_t rows_from_ = 0;
    std::unordered_set<std::string> ids_;
    VerifyReport report_;
};

Result<void> Verification::run() {
    auto transaction = Transaction::begin(database_, Transaction::Kind::read);
    if (!transaction) return std::move(transaction).error();
    auto done = check_integrity();
    if (done) done = check_files();
    if (done) done = check_sequences();
    return done;
}

Result<void> Verification::check_integrity() {
    auto check = database_.prepare("PRAGMA integrity_check(20)");
    if (!check) return std::move(check).error();
    for (;;) {
        auto row = check->step();
        if (!row) return std::move(row).error();
        if (!*row) return {};
        if (check->text(0) != "ok") damage("the database: " + std::string{check->text(0)});
    }
}

Result<void> Verification::check_files() {
    auto from = database_.number("SELECT value FROM mark WHERE name = 'rows_from'");
    if (!from) return std::move(from).error();
    rows_from_ = *from;
    auto rows = database_.prepare("SELECT " + list_of(measure_columns) +
                                  " FROM entry WHERE at = ? AND id = ?");
    if (!rows) return std::move(rows).error();
    rows_ = std::move(*rows);
    auto files = list_ledger(storage_dir_);
    if (!files) return std::move(files).error();
    std::set<std::string> there;
    for (auto const& file : *files) {
        there.insert(file.name);
        auto done = check_file(file);
        if (!done) return done;
    }
    return check_missing_files(there);
}

Result<void> Verification::check_file(LedgerFile const& file) {
    auto place = place_of(file.name);
    if (!place) return std::move(place).error();
    ++report_.files;
    if (place->position > file.size) {
        damage(file.name + " is shorter than what was read of it: " + std::to_string(file.size) +
               " bytes of " + std::to_string(place->position));
    }
    auto reader = LineReader::open(ledger_folder(storage_dir_) + "/" + file.name, 0);
    if (!reader) return std::move(reader).error();
    std::int64_t taken = 0;
    std::int64_t bad = 0;
    while (reader->position() < place->position) {
        auto lines = reader->read();
        if (!lines) return std::move(lines).error();
        if (lines->empty()) break;
        auto rest = lines->substr(
            0, static_cast<std::size_t>(std::min(place->position - reader->position(),
                                                 static_cast<std::int64_t>(lines->size()))));
        reader->advance(static_cast<std::int64_t>(rest.size()));
        while (!rest.empty()) {
            auto const text = take_line(rest);
            if (text.empty()) continue;
            auto const line = read_ledger_line(text);
            ++(line ? taken : bad);
            if (!line) continue;
            auto done = check_line(file.name, *line);
            if (!done) return done;
        }
    }
    if (taken != place->records + place->duplicates) {
        damage(file.name + " has " + std::to_string(taken) + " records, of which " +
               std::to_string(place->records + place->duplicates) + " were taken in");
    }
    if (bad > 0) note(file.name + " has " + std::to_string(bad) + " lines that are no record");
    auto const pending = std::max<std::int64_t>(0, file.size - place->position);
    if (pending > 0 && !file.is_open && place->is_known) {
        note(file.name + " ends in " + std::to_string(pending) + " bytes without a newline");
    }
    report_.pending_bytes += pending;
    return {};
}

Result<void> Verification::check_line(std::string const& name, LedgerLine const& line) {
    if (!ids_.insert(line.id).second) {
        ++report_.duplicates;
        return {};
    }
    ++report_.records;
    rows_.bind(1, line.at_ms).bind(2, line.id);
    Sums found;
    std::size_t count = 0;
    for (;; ++count) {
        auto row = rows_.step();
        if (!row) return std::move(row).error();
        if (!*row) break;
        found.read(rows_, 0);
    }
    auto const sums = to_sums(line);
    Sums expected;
    for (auto const& each : sums) expected += each;
    if (count == 0 && line.at_ms < rows_from_) {
        ++report_.rolled_up;
    } else if (count != sums.size()) {
        damage("record " + line.id + " of " + name + " is not in the database");
    } else if (found != expected) {
        damage("record " + line.id + " of " + name + " has other figures in the database");
    }
    return {};
}

Result<void> Verification::check_missing_files(std::set<std::string> const& there) {
    auto names = database_.prepare("SELECT name FROM file WHERE deleted = 0");
    if (!names) return std::move(names).error();
    for (;;) {
        auto row = names->step();
        if (!row) return std::move(row).error();
        if (!*row) return {};
        std::string const name{names->text(0)};
        if (!there.contains(name)) {
            note(name +
                 " is gone, and was not deleted by retention; its records are in the "
                 "database alone");
        }
    }
}

// Every number up to the last one seen has a record, or that record was lost.
Result<void> Verification::check_sequences() {
    auto feeds = database_.prepare(
        "SELECT run, worker, last, records FROM feed WHERE records < last ORDER BY run, worker");
    if (!feeds) return std::move(feeds).error();
    for (;;) {
        auto row = feeds->step();
        if (!row) return std::move(row).error();
        if (!*row) return {};
        auto const lost = feeds->integer(2) - feeds->integer(3);
        report_.lost += lost;
        note("run " + std::string{feeds->text(0)} + ", worker " +
             std::to_string(feeds->integer(1)) + ": " + std::to_string(lost) + " of " +
             std::to_string(feeds->integer(2)) + " records were lost before they were written");
    }
}

Result<Verification::Place> Verification::place_of(std::string const& name) {
    auto find =
        database_.prepare("SELECT position, records, duplicates, bad FROM file WHERE name = ?");
    if (!find) return std::move(find).error();
    auto row = find->bind(1, name).step();
    if (!row) return std::move(row).error();
    if (!*row) return Place{};
    return Place{true, find->integer(0), find->integer(1), find->integer(2), find->integer(3)};
}

}  // namespace

Result<VerifyReport> verify(std::string const& storage_dir) {
    auto database = Database::open(database_path(storage_dir), Database::Mode::read);
    if (!database) return std::move(database).error();
    auto checked = check_schema(*database);
    if (!checked) return std::move(checked).error();
    Verification verification{*database, storage_dir};
    auto done = verification.run();
    if (!done) return std::move(done).error();
    return verification.take();
}

}  // namespace sluice::store
