// The ledger's files as rows: reads whole lines on from where the database says it stopped, and
// commits the rows with the new place in one transaction. A line that is there already, by its id,
// is counted once. Blocking; the Projector's thread, or a command while no daemon runs. Several
// processes may run it at once: the place is read under the write lock.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "store/projection/day_table.hpp"
#include "store/projection/ledger_files.hpp"
#include "store/projection/ledger_line.hpp"
#include "store/projection/words.hpp"
#include "store/sqlite/database.hpp"

namespace sluice::store {

struct ProjectionCounters {  // since it was opened
    std::int64_t records = 0;
    std::int64_t duplicates = 0;
    std::int64_t bad_lines = 0;
};

class Projection {
  public:
    // Makes or migrates <storage_dir>/sluice.db.
    static Result<std::unique_ptr<Projection>> open(std::string const& storage_dir);

    // One chunk of one file. False: everything that has its newline is in.
    Result<bool> advance();
    Result<void> catch_up();
    // Bytes of the ledger that are not rows yet, as of the last advance().
    [[nodiscard]] std::int64_t pending_bytes() const noexcept { return pending_bytes_; }
    [[nodiscard]] ProjectionCounters const& counters() const noexcept { return counters_; }
    // The file is still the one that was opened; false when somebody moved it away.
    [[nodiscard]] bool is_in_place() const noexcept;
    Database& database() noexcept { return database_; }
    [[nodiscard]] std::string const& storage_dir() const noexcept { return storage_dir_; }

  private:
    struct Place {  // in one file
        std::int64_t position = 0, records = 0, duplicates = 0, bad = 0, last_at = 0;
    };
    using Feeds =
        std::map<std::pair<std::string, std::int64_t>, std::pair<std::int64_t, std::int64_t>>;
    struct Chunk;

    Projection(std::string storage_dir, Database database)
        : storage_dir_(std::move(storage_dir)), database_(std::move(database)) {}
    Result<void> prepare();
    Result<bool> take(std::string const& name, LineReader& reader, std::string_view lines);
    Result<void> project(std::string_view lines, Chunk& chunk);
    Result<bool> insert(LedgerLine const& line, std::int64_t sealed_to, DaySums& late);
    Result<WordIds> words_of(LedgerLine const& line);
    Result<Place> read_place(std::string const& name);
    Result<void> write_place(std::string const& name, Place const& place);
    Result<void> write_feeds(Feeds const& feeds);

    std::string const storage_dir_;
    Database database_;
    std::uint64_t inode_ = 0;
    std::unique_ptr<Words> words_;
    std::unique_ptr<DayTable> days_;
    Statement find_place_, put_place_, put_feed_, put_entry_, sealed_;
    std::map<std::string, std::int64_t> positions_;  // as far as known
    std::int64_t pending_bytes_ = 0;
    ProjectionCounters counters_;
};

}  // namespace sluice::store
