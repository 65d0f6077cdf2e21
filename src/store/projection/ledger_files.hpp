// The ledger's files as the projection sees them: names, sizes, whole lines from an offset on.
// Called by projection, retention, check/verify. Blocking; never on a worker.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/result.hpp"

namespace sluice::store {

struct LedgerFile {
    std::string name;  // usage-*.jsonl or spill-*.jsonl
    std::int64_t size = 0;
    bool is_open = false;  // the newest of its kind: the writer may append to it
};

std::string ledger_folder(std::string const& storage_dir);
std::string database_path(std::string const& storage_dir);

// Sorted by the time in their names, usage before spill. A folder that is missing has none.
Result<std::vector<LedgerFile>> list_ledger(std::string const& storage_dir);

// A daemon has this directory: it holds the ledger's lock.
bool is_ledger_in_use(std::string const& storage_dir);

// Reads one file forward.
class LineReader {
  public:
    static constexpr std::size_t chunk_bytes = 1024 * 1024;
    static constexpr std::size_t line_bytes_max = 16 * 1024 * 1024;  // far above any record

    static Result<LineReader> open(std::string const& path, std::int64_t position);
    LineReader(LineReader&& other) noexcept;
    LineReader& operator=(LineReader&&) = delete;
    ~LineReader();

    // Whole lines from position() on, about chunk_bytes of them; empty when no newline is there
    // yet. What has no newline within line_bytes_max is handed out as if it had one.
    Result<std::string_view> read();
    // Bytes of what read() gave that are done with.
    void advance(std::int64_t bytes) noexcept { position_ += bytes; }
    [[nodiscard]] std::int64_t position() const noexcept { return position_; }

  private:
    LineReader(int fd, std::int64_t position) : fd_(fd), position_(position) {}
    int fd_;
    std::int64_t position_;
    std::string buffer_;
};

// Takes the first line off `lines`, without its newline.
std::string_view take_line(std::string_view& lines) noexcept;

}  // namespace sluice::store
