// The files of a load: which they are, and their text. Called by load.cpp and named_files.hpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sluice::config {

// At most `bytes_max`, else nullopt; `why` says what the system said.
std::optional<std::string> read_text_file(std::string const& path, std::size_t bytes_max,
                                          std::string& why);

bool is_directory(std::string const& path);

// The *.yaml files directly in a directory, by name; hidden ones are left out. `others` gets those
// that look as if they were meant: *.yml.
std::vector<std::string> yaml_files(std::string const& directory, std::vector<std::string>& others);

std::string directory_of(std::string const& path);  // "." when there is no slash

}  // namespace sluice::config
