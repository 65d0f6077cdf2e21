// Who is calling: what authenticate() found out, and what the caller may use.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

struct Principal {
    std::string org = "default";
    std::string team;
    std::string key;                       // the key's name, never its secret
    std::string user;                      // end user bound to the key; "" = none
    std::vector<std::string> team_models;  // globs; see may_use
    std::vector<std::string> key_models;
    bool team_unrestricted = true;
    bool key_unrestricted = true;

    // A key narrows its team and never widens it: both lists must allow the model.
    [[nodiscard]] bool may_use(std::string_view model) const noexcept;
};

// One '*' at most; without one the whole text must be equal.
bool glob_matches(std::string_view pattern, std::string_view text) noexcept;

}  // namespace sluice
