#include "daemon/config_source.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include "base/sha256.hpp"
#include "config/files.hpp"

namespace sluice::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t file_bytes_max = 16 * 1024 * 1024;  // more than the loader takes

std::string digest_of(std::string const& path) {
    std::string why;
    auto const text = config::read_text_file(path, file_bytes_max, why);
    return text ? sha256_hex(*text) : std::string{};
}

// A file may be named before it is there: the directory it will stand in counts.
void add_directory_of(std::set<std::string>& directories, std::string const& file) {
    std::error_code failure;
    directories.insert(config::directory_of(file));
    auto const real = fs::canonical(file, failure);
    if (!failure) directories.insert(real.parent_path().string());
}

}  // namespace

ConfigSource::ConfigSource(std::string path, config::LoadOptions options)
    : path_(std::move(path)), options_(std::move(options)) {}

config::Loaded ConfigSource::load() {
    // Digests first: what changes while it is being read counts as changed afterwards.
    std::unique_lock lock(mutex_);
    auto const known = named_;
    lock.unlock();
    auto before = digests_of(known);

    auto const seen = std::make_shared<std::set<std::string>>();
    auto options = options_;
    options.read_file = [inner = options_.read_file,
                         seen](std::string const& file) -> std::optional<std::string> {
        seen->insert(file);
        if (inner) return inner(file);
        std::string why;
        return config::read_text_file(file, file_bytes_max, why);
    };
    auto loaded = config::load_document(path_, options);

    std::vector<std::string> named(seen->begin(), seen->end());
    // One that does not load may not have come to all of its files: those of the last one count on.
    if (!loaded.ok()) {
        for (auto const& file : known) {
            if (!seen->contains(file)) named.push_back(file);
        }
    }
    std::vector<std::string> fresh;
    for (auto const& file : named) {
        if (!before.contains(file)) fresh.push_back(file);
    }
    for (auto const& file : fresh) before[file] = digest_of(file);

    lock.lock();
    changed_.clear();
    for (auto const& [file, digest] : before) {
        auto const found = digests_.find(file);
        if (found != digests_.end() && found->second != digest) changed_.push_back(file);
    }
    named_ = std::move(named);
    digests_ = std::move(before);
    return loaded;
}

std::vector<std::string> ConfigSource::changed_files() const {
    std::lock_guard const lock(mutex_);
    return changed_;
}

bool ConfigSource::is_changed() const {
    std::unique_lock lock(mutex_);
    auto const named = named_;
    auto const known = digests_;
    lock.unlock();
    auto const now = digests_of(named);
    return std::any_of(now.begin(), now.end(),
                       [&known](auto const& entry) {
                           auto const found = known.find(entry.first);
                           return found == known.end() || found->second != entry.second;
                       }) ||
           std::any_of(known.begin(), known.end(),
                       [&now](auto const& entry) { return !now.contains(entry.first); });
}

std::vector<std::string> ConfigSource::directories() const {
    std::unique_lock lock(mutex_);
    auto const named = named_;
    lock.unlock();
    std::set<std::string> directories;
    for (auto const& file : named) add_directory_of(directories, file);
    for (auto const& file : config_files()) add_directory_of(directories, file);
    if (config::is_directory(path_)) directories.insert(path_);
    auto const beside = config::is_directory(path_) ? path_ : config::directory_of(path_);
    for (auto const* name : {"/providers", "/models"}) {
        if (config::is_directory(beside + name)) directories.insert(beside + name);
    }
    return {directories.begin(), directories.end()};
}

std::vector<std::string> ConfigSource::config_files() const {
    std::vector<std::string> others;
    bool const is_directory = config::is_directory(path_);
    std::vector<std::string> files =
        is_directory ? config::yaml_files(path_, others) : std::vector<std::string>{path_};
    auto const beside = is_directory ? path_ : config::directory_of(path_);
    auto const kinds =
        options_.providers_dir.empty() ? beside + "/providers" : options_.providers_dir;
    auto const prices = options_.models_dir.empty() ? beside + "/models" : options_.models_dir;
    for (auto const& directory : {kinds, prices}) {
        for (auto& file : config::yaml_files(directory, others)) files.push_back(std::move(file));
    }
    return files;
}

ConfigSource::Digests ConfigSource::digests_of(std::vector<std::string> const& named) const {
    Digests digests;
    for (auto const& file : config_files()) digests[file] = digest_of(file);
    for (auto const& file : named) digests[file] = digest_of(file);
    return digests;
}

}  // namespace sluice::daemon
