// Who is calling: what authenticate() found out, and what the caller may use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/ip.hpp"

namespace sluice {

// Up to which share of a shared cap a key may fill it; see the limits' `shares`.
enum class Priority : std::uint8_t { batch, normal, high };

struct Principal {
    std::string org = "default";
    std::string team;
    std::string key;                       // the key's name, never its secret
    std::string user;                      // end user bound to the key; "" = none
    std::vector<std::string> team_models;  // globs; see may_use
    std::vector<std::string> key_models;
    bool team_unrestricted = true;
    bool key_unrestricted = true;
    std::optional<IpRanges> team_from;  // nullopt = from anywhere
    std::optional<IpRanges> key_from;
    std::uint64_t guards = 0;  // of team and key, as bits of the snapshot's guards
    Priority priority = Priority::normal;
    bool may_override = false;  // x-sluice-timeout-ms, -retries may loosen what the route says

    // A key narrows its team and never widens it: both lists must allow the model.
    [[nodiscard]] bool may_use(std::string_view model) const noexcept;
    // Both lists again; an address that is not known is in none.
    [[nodiscard]] bool may_come_from(IpAddress const& address) const noexcept;
};

// One '*' at most; without one the whole text must be equal.
bool glob_matches(std::string_view pattern, std::string_view text) noexcept;

}  // namespace sluice
