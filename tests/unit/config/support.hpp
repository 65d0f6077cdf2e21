// What the tests of config share: options that see a fixed environment and fixed files.
#pragma once

#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "config/prose.hpp"

namespace sluice::config {

using Values = std::map<std::string, std::string>;

inline LoadOptions::Lookup lookup_in(Values values) {
    return [values](std::string const& name) -> std::optional<std::string> {
        auto const found = values.find(name);
        if (found == values.end()) return std::nullopt;
        return found->second;
    };
}

inline LoadOptions with(Values env = {}, Values files = {}) {
    LoadOptions options;
    options.env = lookup_in(std::move(env));
    options.read_file = lookup_in(std::move(files));
    options.today = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22);
    return options;
}

inline std::string told(Loaded const& loaded) {
    std::string out;
    for (auto const& problem : loaded.problems) out += to_text(problem) + "\n";
    return out;
}

inline std::string load_and_tell(std::string const& text, LoadOptions const& options = with()) {
    return told(load_text(text, "x.yaml", options));
}

inline std::vector<std::string> errors_of(Loaded const& loaded) {
    std::vector<std::string> errors;
    for (auto const& problem : loaded.problems) {
        if (problem.severity == Problem::Severity::error) errors.push_back(to_text(problem));
    }
    return errors;
}

}  // namespace sluice::config
