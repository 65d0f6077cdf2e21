// Reads the configuration: a YAML file, or a directory whose *.yaml files are merged, strictly and
// with everything that is wrong told at once. Called by the daemon at start and by `check`; calls
// tree, describe, validate. Start-up only: may throw std::bad_alloc, nothing else.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"

namespace sluice::config {

// The key the shipped configuration carries: accepted on loopback listeners only.
inline constexpr std::string_view trial_key = "sk-sluice-trial";

struct LoadOptions {
    using Lookup = std::function<std::optional<std::string>(std::string const&)>;
    Lookup env;        // ${NAME}; empty: the environment of the process
    Lookup read_file;  // a `file:` secret or a PEM file by path; empty: the file system
    // What is wrong with the text of `mock: {fault: ...}`, to follow its path; nullopt: nothing.
    // The grammar is the mock's, above this folder; empty: not checked here.
    Lookup check_fault;
    // Files that add to or replace the kinds built into the program; "": `providers/` beside the
    // configuration, when it is there.
    std::string providers_dir;
    // The same for price lists: `models/`.
    std::string models_dir;
    // Whether the mock may serve every model while no provider credential is found.
    bool is_trial_allowed = true;
    std::optional<std::chrono::sys_days> today;  // nullopt: today, UTC
};

struct Loaded {
    Document document;              // whole only when ok()
    std::vector<Problem> problems;  // errors and warnings, in the order of their places

    [[nodiscard]] bool ok() const noexcept;
};

Loaded load_document(std::string const& path, LoadOptions const& options = {});

// The same from memory; `file` is only a name for places.
Loaded load_text(std::string_view text, std::string const& file, LoadOptions const& options = {});

}  // namespace sluice::config
