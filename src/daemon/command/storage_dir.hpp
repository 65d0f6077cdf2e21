// Where the commands that look at recorded usage find it, and how its database is brought up to
// date when no daemon does that. Called by the commands usage and storage.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "sluice/result.hpp"

namespace sluice::daemon::command {

struct StorageOptions {
    std::string config;
    std::string dir;  // --dir; "": storage.dir of the configuration
};

// Adds --config and --dir.
std::shared_ptr<StorageOptions> add_storage_options(CLI::App& command);
// The directory; nullopt when the configuration is wrong, which has been told.
std::optional<std::string> storage_dir(StorageOptions const& options);
// Takes the ledger into the database, unless a daemon that runs there does it.
Result<void> bring_up_to_date(std::string const& dir);

}  // namespace sluice::daemon::command
