// Checks of the names people give, and the arithmetic of patterns with one '*'. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::config {

// Providers, credentials, teams, keys. nullopt = fine; else what is wrong, to follow a path.
std::optional<std::string> check_name(std::string const& name);
inline constexpr char const* name_pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";

// Public model names and globs: printable, no space, one '*' at most, anywhere.
std::optional<std::string> check_model_pattern(std::string const& pattern);

// A tag of a request: "*", or lower-case letters, digits, "_", "-", ".", 1 to 64 of them.
std::optional<std::string> check_tag_name(std::string const& name);

bool is_glob(std::string_view pattern);
// Is there a name that both match?
bool do_patterns_meet(std::string_view a, std::string_view b);
// Do both match some name, and neither wins (an exact one over a glob, a longer text before the
// '*')?
bool do_patterns_tie(std::string_view a, std::string_view b);

std::optional<std::string> check_header_name(std::string const& name);
std::optional<std::string> check_header_value(std::string const& value);
std::optional<std::string> check_base_path(std::string const& path);  // "" or "/prefix"
std::optional<std::string> check_origin(std::string const& origin);   // CORS: "*", "https://app"

}  // namespace sluice::config
