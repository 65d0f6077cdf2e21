#include "store/sqlite/database.hpp"

#include <array>
#include <fcntl.h>
#include <limits>
#include <sqlite3.h>
#include <unistd.h>

namespace sluice::store {
namespace {

__extension__ typedef unsigned __int128 Bits;

constexpr int busy_wait_ms = 5000;

bool fits_64(Wide value) noexcept {
    return value >= std::numeric_limits<std::int64_t>::min() &&
           value <= std::numeric_limits<std::int64_t>::max();
}

std::array<unsigned char, 16> to_bytes(Wide value) noexcept {
    std::array<unsigned char, 16> bytes{};
    auto rest = static_cast<Bits>(value);
    for (std::size_t i = bytes.size(); i-- > 0; rest >>= 8) {
        bytes[i] = static_cast<unsigned char>(rest & 0xFF);
    }
    return bytes;
}

Wide to_wide(unsigned char const* bytes) noexcept {
    Bits value = 0;
    for (int i = 0; i < 16; ++i) value = value << 8 | bytes[i];
    return static_cast<Wide>(value);
}

// Readable by the group at most, as the ledger is; SQLite gives its side files the same rights.
bool make_file(std::string const& path) noexcept {
    int const fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd >= 0) ::close(fd);
    return fd >= 0;
}

// The change of a file to WAL wants it alone, and while two processes both wait for that SQLite
// asks no busy handler (each would wait for the other): who is refused lets go and asks again.
int use_wal(sqlite3* handle) noexcept {
    constexpr int step_ms = 2;
    for (int waited = 0;; waited += step_ms) {
        int const code = sqlite3_exec(handle, "PRAGMA journal_mode=WAL", nullptr, nullptr, nullptr);
        if (code != SQLITE_BUSY || waited >= busy_wait_ms) return code;
        sqlite3_sleep(step_ms);
    }
}

}  // namespace

Error sqlite_error(sqlite3* handle, std::string_view doing) {
    int const code = handle ? sqlite3_errcode(handle) : SQLITE_NOMEM;
    std::string message = "The usage database: " + std::string{doing} + ": " +
                          (handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code)) + ".";
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
        message += " Move sluice.db away: it is made again from the ledger.";
    }
    return gateway_error(ErrorCode::internal, 500, std::move(message));
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
    sqlite3_finalize(statement);
}

Statement& Statement::bind(int at, std::int64_t value) noexcept {
    bind_failed_ |= sqlite3_bind_int64(handle_.get(), at, value);
    return *this;
}

Statement& Statement::bind(int at, std::string_view text) noexcept {
    bind_failed_ |= sqlite3_bind_text64(handle_.get(), at, text.data() ? text.data() : "",
                                        text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    return *this;
}

Statement& Statement::bind_wide(int at, Wide value) noexcept {
    if (fits_64(value)) return bind(at, static_cast<std::int64_t>(value));
    auto const bytes = to_bytes(value);
    bind_failed_ |=
        sqlite3_bind_blob64(handle_.get(), at, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
    return *this;
}

Statement& Statement::bind_null(int at) noexcept {
    bind_failed_ |= sqlite3_bind_null(handle_.get(), at);
    return *this;
}

Result<bool> Statement::step() {
    int const code = bind_failed_ != 0 ? bind_failed_ : sqlite3_step(handle_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
        sqlite3_reset(handle_.get());
        return false;
    }
    auto error = sqlite_error(sqlite3_db_handle(handle_.get()), "a statement failed");
    reset();
    return error;
}

Result<void> Statement::run() {
    auto stepped = step();
    reset();
    if (!stepped) return std::move(stepped).error();
    return {};
}

void Statement::reset() noexcept {
    bind_failed_ = 0;
    sqlite3_reset(handle_.get());
}

std::int64_t Statement::integer(int column) const noexcept {
    return sqlite3_column_int64(handle_.get(), column);
}

Wide Statement::wide(int column) const noexcept {
    if (sqlite3_column_type(handle_.get(), column) != SQLITE_BLOB) return integer(column);
    if (sqlite3_column_bytes(handle_.get(), column) != 16) return 0;
    return to_wide(static_cast<unsigned char const*>(sqlite3_column_blob(handle_.get(), column)));
}

std::string_view Statement::text(int column) const noexcept {
    auto const* text = sqlite3_column_text(handle_.get(), column);
    if (!text) return {};
    return {reinterpret_cast<char const*>(text),
            static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

bool Statement::is_null(int column) const noexcept {
    return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

void Database::Close::operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }

Result<Database> Database::open(std::string const& path, Mode mode) {
    Database database{path};
    bool const writes = mode == Mode::write;
    if (writes) make_file(path);  // when it cannot be made SQLite says why
    sqlite3* handle = nullptr;
    int const flags = (writes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
    int const code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
    database.handle_.reset(handle);
    if (code != SQLITE_OK) return sqlite_error(handle, "it cannot be opened");
    sqlite3_busy_timeout(handle, busy_wait_ms);
    if (writes && use_wal(handle) != SQLITE_OK) return sqlite_error(handle, "it cannot be opened");
    auto prepared =
        database.run(writes ? "PRAGMA synchronous=NORMAL;"
                              "PRAGMA journal_size_limit=67108864; PRAGMA temp_store=MEMORY;"
                            : "PRAGMA temp_store=MEMORY; PRAGMA query_only=ON;");
    if (!prepared) return std::move(prepared).error();
    return database;
}

Result<void> Database::run(std::string const& sql) {
    if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
        return sqlite_error(handle_.get(), "a statement failed");
    }
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &made,
                           nullptr) != SQLITE_OK) {
        return sqlite_error(handle_.get(), "a statement is not understood");
    }
    Statement statement;
    statement.handle_.reset(made);
    return statement;
}

Result<std::int64_t> Database::number(std::string_view sql) {
    auto statement = prepare(sql);
    if (!statement) return std::move(statement).error();
    auto stepped = statement->step();
    if (!stepped) return std::move(stepped).error();
    return *stepped ? statement->integer(0) : 0;
}

std::int64_t Database::changes() const noexcept { return sqlite3_changes64(handle_.get()); }

Result<Transaction> Transaction::begin(Database& database, Kind kind) {
    auto begun = database.run(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN");
    if (!begun) return std::move(begun).error();
    return Transaction{database};
}

Transaction::~Transaction() {
    if (database_) (void)database_->run("ROLLBACK");
}

Result<void> Transaction::commit() {
    auto done = database_->run("COMMIT");
    if (!done) return done;  // the destructor rolls back
    database_ = nullptr;
    return {};
}

}  // namespace sluice::store
