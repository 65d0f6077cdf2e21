#include "sluice/principal.hpp"

#include <algorithm>

namespace sluice {

bool glob_matches(std::string_view pattern, std::string_view text) noexcept {
    auto const star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == text;
    auto const head = pattern.substr(0, star);
    auto const tail = pattern.substr(star + 1);
    return text.size() >= head.size() + tail.size() && text.starts_with(head) &&
           text.ends_with(tail);
}

bool Principal::may_use(std::string_view model) const noexcept {
    auto const allows = [model](std::vector<std::string> const& globs) {
        return std::any_of(globs.begin(), globs.end(),
                           [model](auto const& glob) { return glob_matches(glob, model); });
    };
    return (team_unrestricted || allows(team_models)) && (key_unrestricted || allows(key_models));
}

bool Principal::may_come_from(IpAddress const& address) const noexcept {
    return (!team_from || contains(*team_from, address)) &&
           (!key_from || contains(*key_from, address));
}

}  // namespace sluice
