// The shipped file and config/examples/, with the environment and files each needs. Read by the
// tests that load, mutate and check them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "unit/config/certificates.hpp"
#include "unit/config/support.hpp"

namespace sluice::config {

inline std::string const source_dir = SLUICE_SOURCE_DIR;

struct Example {
    std::string path;                // a file, or a directory
    std::vector<std::string> files;  // itself, or the files in it
};

inline std::string text_of(std::string const& path) {
    std::ifstream in(path);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

inline std::vector<Example> examples() {
    namespace fs = std::filesystem;
    std::vector<Example> found = {
        {source_dir + "/config/sluice.yaml", {source_dir + "/config/sluice.yaml"}}};
    for (auto const& entry : fs::directory_iterator(source_dir + "/config/examples")) {
        auto const path = entry.path().string();
        Example example{path, {path}};
        if (entry.is_directory()) {
            example.files.clear();
            for (auto const& file : fs::directory_iterator(path)) {
                if (file.path().extension() == ".yaml") {
                    example.files.push_back(file.path().string());
                }
            }
        } else if (entry.path().extension() != ".yaml") {
            continue;
        }
        found.push_back(example);
    }
    std::sort(found.begin() + 1, found.end(),
              [](auto const& a, auto const& b) { return a.path < b.path; });
    return found;
}

// Every variable and file is there; each value is one no message may ever hold.
inline constexpr char const* canary = "canary7f3a91c2d4";

inline LoadOptions with_everything() {
    LoadOptions options = with();
    options.env = [](std::string const& name) -> std::optional<std::string> {
        if (name.ends_with("LISTEN") || name.starts_with("OTEL_")) return std::nullopt;
        return canary + name;
    };
    static PemPair const pem = make_pem_pair();
    options.read_file = [](std::string const& path) -> std::optional<std::string> {
        if (path.ends_with(".pem")) return pem.certificate + pem.key;
        return canary + std::to_string(std::hash<std::string>{}(path));
    };
    return options;
}

}  // namespace sluice::config
