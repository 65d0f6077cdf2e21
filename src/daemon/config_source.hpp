// Where the configuration comes from, again and again: loads it, and remembers every file that had
// a say in it (the YAML files, provider kinds, secrets, certificates), to tell whether one changed.
//
// Called by serve and the reload. Calls config/load. Any thread but a worker's; locked inside. Of
// file contents it keeps SHA-256 digests only.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "config/load.hpp"

namespace sluice::daemon {

class ConfigSource {
  public:
    // `path`: a file, or a directory whose *.yaml files are merged.
    ConfigSource(std::string path, config::LoadOptions options);

    config::Loaded load();
    // Files whose content differs between the last two calls of load().
    [[nodiscard]] std::vector<std::string> changed_files() const;
    // Has any file changed, come or gone since load() was last called?
    [[nodiscard]] bool is_changed() const;
    // Directories in which a change of any of the files shows: that of each file as it was named,
    // and of what it points to. Sorted, each once.
    [[nodiscard]] std::vector<std::string> directories() const;
    [[nodiscard]] std::string const& path() const noexcept { return path_; }

  private:
    using Digests = std::map<std::string, std::string>;  // file -> digest, "" = cannot be read

    [[nodiscard]] std::vector<std::string> config_files() const;
    [[nodiscard]] Digests digests_of(std::vector<std::string> const& named) const;

    std::string const path_;
    config::LoadOptions const options_;
    mutable std::mutex mutex_;        // of those below
    std::vector<std::string> named_;  // secrets and PEM files the last configuration named
    Digests digests_;                 // as of the last load
    std::vector<std::string> changed_;
};

}  // namespace sluice::daemon
