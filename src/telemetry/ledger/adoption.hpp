// Emergency files on their way home: moves what was spilled elsewhere into the ledger's directory,
// where usage is read from. Called by the ledger's adopting thread; may take as long as either disk
// likes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace sluice::telemetry {

struct Adoption {
    std::uint64_t moved = 0;  // files
    std::uint64_t left = 0;   // files that could not be moved now
};

// Moves every spill-*.jsonl of `from` to `to`. A file is in `to` whole or not at all, under its own
// name unless a different file has it; it is deleted in `from` last, so that a kill in between
// loses nothing. `is_in_use` names those that are still written.
Adoption adopt_spilled(std::string const& from, std::string const& to,
                       std::function<bool(std::string const& path)> const& is_in_use);

// Copies that a kill has left unfinished.
void remove_unfinished(std::string const& dir);

}  // namespace sluice::telemetry
