// The ledger's directory: what its files are called, which are there, who may write to it, and the
// line that a kill has left unfinished. Called at start and when a file is opened; nothing here is
// called while records wait.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/result.hpp"
#include "sluice/time.hpp"

namespace sluice::telemetry {

// <stem>-20261122T123304Z-0001.jsonl. Names sort by time.
std::string ledger_file_name(std::string_view stem, Wall::time_point at, unsigned number);

struct LedgerFileName {
    std::string stem;  // "usage" or "spill"
    Wall::time_point at{};
    unsigned number = 0;
};
std::optional<LedgerFileName> read_ledger_file_name(std::string_view name);

// Names, sorted: the oldest first. Empty when the directory cannot be read.
std::vector<std::string> ledger_file_names(std::string const& dir, std::string_view stem);

// One that sorts behind `newest` ("" = none), whatever the clock says.
std::string next_ledger_file_name(std::string_view stem, Wall::time_point now,
                                  std::string_view newest);

// Cuts what stands behind the last newline; only for files that nobody writes. How many bytes it
// took off; nullopt when the file could not be read or cut.
std::optional<std::uint64_t> cut_torn_line(std::string const& path);

// A directory for this user alone: made with mode 0700, or there already and neither a link nor
// another user's. 0 or -errno.
int make_private_directory(std::string const& path) noexcept;

// Held while a daemon writes to the directory; the kernel lets go of it when the process ends,
// however it ends.
class DirectoryLock {
  public:
    // An error when another process (or another daemon of this one) holds it.
    static Result<std::unique_ptr<DirectoryLock>> take(std::string const& dir);
    explicit DirectoryLock(int fd) noexcept : fd_(fd) {}
    DirectoryLock(DirectoryLock const&) = delete;
    DirectoryLock& operator=(DirectoryLock const&) = delete;
    ~DirectoryLock();

  private:
    int const fd_;
};

}  // namespace sluice::telemetry
