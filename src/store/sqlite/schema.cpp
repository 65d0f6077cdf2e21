#include "store/sqlite/schema.hpp"

namespace sluice::store {
namespace {

constexpr std::int64_t application_id = 0x534C4345;  // "SLCE", in the file's header

// entry: one row per attempt of a request (one with n = 0 for a request without any). What counts
// once per request stands in one of its rows: requests, errors in the last one; cost_unknown,
// estimated in the first attempt that is so. Sums over rows are therefore sums over requests.
// day: the same sums per UTC day, of all entries before the mark sealed_to. word: texts by number.
constexpr char const* version_1 = R"sql(
CREATE TABLE word(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
INSERT INTO word VALUES(0, '');
CREATE TABLE file(name TEXT PRIMARY KEY, position INTEGER NOT NULL, records INTEGER NOT NULL,
  duplicates INTEGER NOT NULL, bad INTEGER NOT NULL, last_at INTEGER NOT NULL,
  deleted INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE feed(run TEXT NOT NULL, worker INTEGER NOT NULL, last INTEGER NOT NULL,
  records INTEGER NOT NULL, PRIMARY KEY(run, worker)) WITHOUT ROWID;
CREATE TABLE mark(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO mark VALUES('sealed_to', 0), ('rows_from', 0);
CREATE TABLE entry(at INTEGER NOT NULL, id TEXT NOT NULL, n INTEGER NOT NULL,
  org INTEGER NOT NULL, team INTEGER NOT NULL, api_key INTEGER NOT NULL, end_user INTEGER NOT NULL,
  route INTEGER NOT NULL, tags INTEGER NOT NULL, provider INTEGER NOT NULL, model INTEGER NOT NULL,
  surface INTEGER NOT NULL, status INTEGER NOT NULL, outcome INTEGER NOT NULL,
  price INTEGER NOT NULL, total_us INTEGER NOT NULL,
  requests INTEGER NOT NULL, errors INTEGER NOT NULL, attempts INTEGER NOT NULL,
  input INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
  audio_input INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL,
  audio_output INTEGER NOT NULL, cost INTEGER, cost_unknown INTEGER NOT NULL,
  estimated INTEGER NOT NULL, estimated_tokens INTEGER NOT NULL,
  PRIMARY KEY(at, id, n)) WITHOUT ROWID;
CREATE TABLE day(day INTEGER NOT NULL,
  org INTEGER NOT NULL, team INTEGER NOT NULL, api_key INTEGER NOT NULL, end_user INTEGER NOT NULL,
  route INTEGER NOT NULL, tags INTEGER NOT NULL, provider INTEGER NOT NULL, model INTEGER NOT NULL,
  requests NOT NULL, errors NOT NULL, attempts NOT NULL, input NOT NULL, cache_read NOT NULL,
  cache_write NOT NULL, audio_input NOT NULL, output NOT NULL, reasoning NOT NULL,
  audio_output NOT NULL, cost NOT NULL, cost_unknown NOT NULL, estimated NOT NULL,
  estimated_tokens NOT NULL,
  PRIMARY KEY(day, org, team, api_key, end_user, route, tags, provider, model)) WITHOUT ROWID;
)sql";

// Requests whose caller left before the end are counted; those of before count as none.
constexpr char const* version_2 = R"sql(
ALTER TABLE entry ADD COLUMN client_gone INTEGER NOT NULL DEFAULT 0;
ALTER TABLE day ADD COLUMN client_gone NOT NULL DEFAULT 0;
)sql";

constexpr char const* steps[] = {version_1, version_2};
static_assert(std::size(steps) == schema_version);

// Reads three things that change together: the caller's transaction makes them one moment's.
Result<std::int64_t> read_version(Database& database) {
    auto owner = database.number("PRAGMA application_id");
    if (!owner) return owner;
    auto version = database.number("PRAGMA user_version");
    if (!version) return version;
    auto tables = database.number("SELECT count(*) FROM sqlite_schema");
    if (!tables) return tables;
    if (*owner != application_id && (*tables != 0 || *version != 0)) {
        return gateway_error(ErrorCode::internal, 500,
                             database.path() +
                                 " is a database of another program; move it away, or set "
                                 "storage.dir to a directory of sluice's own.");
    }
    if (*version > schema_version) {
        return gateway_error(ErrorCode::internal, 500,
                             database.path() + " was written by a newer sluice (schema " +
                                 std::to_string(*version) + ", this one knows up to " +
                                 std::to_string(schema_version) +
                                 "). Run the newer one, or move the file away: it is made again "
                                 "from the ledger.");
    }
    return version;
}

Result<std::int64_t> version_now(Database& database) {
    auto moment = Transaction::begin(database, Transaction::Kind::read);
    if (!moment) return std::move(moment).error();
    return read_version(database);
}

Result<void> take_step(Database& database, std::int64_t from) {
    auto transaction = Transaction::begin(database, Transaction::Kind::write);
    if (!transaction) return std::move(transaction).error();
    auto now = read_version(database);  // another process may have been quicker
    if (!now) return std::move(now).error();
    if (*now != from) return {};
    auto done = database.run(steps[from]);
    if (!done) return done;
    done = database.run("PRAGMA user_version=" + std::to_string(from + 1) +
                        ";PRAGMA application_id=" + std::to_string(application_id));
    if (!done) return done;
    return transaction->commit();
}

}  // namespace

Result<void> migrate(Database& database, int version) {
    for (;;) {
        auto found = version_now(database);
        if (!found) return std::move(found).error();
        if (*found >= version) return {};
        auto done = take_step(database, *found);
        if (!done) return done;
    }
}

Result<void> check_schema(Database& database) {
    auto found = version_now(database);
    if (!found) return std::move(found).error();
    if (*found == schema_version) return {};
    return gateway_error(ErrorCode::internal, 500,
                         database.path() + " has schema " + std::to_string(*found) +
                             ", this sluice reads " + std::to_string(schema_version) +
                             ": start the daemon once, which brings it up to date.");
}

}  // namespace sluice::store
