// SQLite with errors as values: a connection, its statements, transactions that roll back when they
// are left. Called by all of store; the only place beside check/backup that knows sqlite3.h.
// A Database and its Statements belong to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/money.hpp"
#include "sluice/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace sluice::store {

// Sums are 128 bits wide: in the database an integer when they fit 64 bits, else 16 bytes, big end
// first, two's complement.
using Wide = PicoUsdSum;

class Statement {
  public:
    Statement() = default;

    // Parameters count from 1. A failed bind shows in the step() after it.
    Statement& bind(int at, std::int64_t value) noexcept;
    Statement& bind(int at, std::string_view text) noexcept;  // copied
    Statement& bind_wide(int at, Wide value) noexcept;
    Statement& bind_null(int at) noexcept;
    // True: a row. False: done, and ready for the next bind.
    Result<bool> step();
    // One step that may bring no row back.
    Result<void> run();
    void reset() noexcept;

    // Columns count from 0; of the row that step() brought.
    [[nodiscard]] std::int64_t integer(int column) const noexcept;
    [[nodiscard]] Wide wide(int column) const noexcept;  // NULL is 0
    [[nodiscard]] std::string_view text(int column) const noexcept;
    [[nodiscard]] bool is_null(int column) const noexcept;

  private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const noexcept;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> handle_;
    int bind_failed_ = 0;
};

class Database {
  public:
    enum class Mode {
        write,  // made when missing; WAL
        read,   // must be there
    };

    static Result<Database> open(std::string const& path, Mode mode);

    // One or more statements without rows.
    Result<void> run(std::string const& sql);
    Result<Statement> prepare(std::string_view sql);
    // The first column of the first row; 0 when there is none.
    Result<std::int64_t> number(std::string_view sql);
    // Rows the last INSERT, UPDATE or DELETE changed.
    [[nodiscard]] std::int64_t changes() const noexcept;
    [[nodiscard]] std::string const& path() const noexcept { return path_; }
    [[nodiscard]] sqlite3* handle() const noexcept { return handle_.get(); }

  private:
    struct Close {
        void operator()(sqlite3* handle) const noexcept;
    };
    explicit Database(std::string path) : path_(std::move(path)) {}

    std::string path_;
    std::unique_ptr<sqlite3, Close> handle_;
};

// Rolls back unless commit() was called. write: takes the write lock at once, waiting up to 5 s.
class Transaction {
  public:
    enum class Kind { read, write };
    static Result<Transaction> begin(Database& database, Kind kind);
    Transaction(Transaction&& other) noexcept
        : database_(std::exchange(other.database_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();
    Result<void> commit();

  private:
    explicit Transaction(Database& database) : database_(&database) {}
    Database* database_;
};

// What SQLite said, as an error for operators.
Error sqlite_error(sqlite3* handle, std::string_view doing);

}  // namespace sluice::store
