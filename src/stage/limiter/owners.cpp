#include "stage/limiter/owners.hpp"

#include <algorithm>

#include "stage/limiter/asking.hpp"

namespace sluice::stage {
namespace {

// The value of the tag `name` among "name=value" and "name".
std::string_view value_of_tag(std::vector<std::string> const& tags,
                              std::string_view name) noexcept {
    for (std::string_view const tag : tags) {
        if (tag == name) return "(none)";
        if (tag.size() > name.size() && tag.starts_with(name) && tag[name.size()] == '=') {
            return tag.substr(name.size() + 1);
        }
    }
    return {};
}

}  // namespace

Result<void> Owners::compile(config::Document const& document, LimitState& state) {
    Result<void> done;
    auto const one = [&](OwnerKind owner, std::string const& id,
                         std::optional<config::Limits> const& described,
                         bool per_value = false) -> Rules const* {
        if (!done || !described) return nullptr;
        auto made = state.rules(owner, id, *described, per_value);
        if (!made) done = std::move(made).error();
        if (!done || !*made) return nullptr;
        return all_.emplace_back(std::move(*made)).get();
    };
    for (auto const& team : document.teams) {
        Team limited;
        limited.own = one(OwnerKind::team, team.name, team.limits);
        limited.users = one(OwnerKind::user, team.name, team.user_limits, true);
        for (auto const& key : team.keys) {
            auto const* rules = one(OwnerKind::key, team.name + "/" + key.name, key.limits);
            if (rules) limited.keys.emplace(key.name, rules);
        }
        if (limited.own || limited.users || !limited.keys.empty()) {
            teams_.emplace(team.name, std::move(limited));
        }
    }
    for (auto const& route : document.routes) {
        auto const* rules = one(OwnerKind::route, route.pattern, route.limits);
        routes_.emplace(route.pattern, Route{rules, state.learned(route.pattern)});
    }
    for (auto const& tag : document.tags.limits) {
        bool const per_value = tag.name.find('=') == std::string::npos;
        if (auto const* rules = one(OwnerKind::tag, tag.name, tag.limits, per_value)) {
            tags_.push_back(rules);
        }
    }
    for (auto const& provider : document.providers) {
        one(OwnerKind::provider, provider.name, provider.limits);
        for (auto const& key : provider.keys) {
            one(OwnerKind::credential, provider.name + "/" + key.name, key.limits);
        }
        for (auto const& target : provider.target_limits) {
            one(OwnerKind::target, provider.name + "/" + target.name, target.limits);
        }
    }
    return done;
}

void Owners::ask(Exchange const& x, Asking& asking) const {
    Team const* team = nullptr;
    if (x.principal && !teams_.empty()) {
        auto const found = teams_.find(x.principal->team);
        if (found != teams_.end()) team = &found->second;
    }
    if (team) {
        asking.add(team->own);
        auto const key = team->keys.find(x.principal->key);
        if (key != team->keys.end()) asking.add(key->second);
    }
    auto const route = routes_.find(x.record.route);
    if (route != routes_.end()) asking.add(route->second.own);
    if (team && team->users) ask_user(x, *team->users, asking);
    if (!tags_.empty()) ask_tags(x, asking);
}

// The name as the caller gave it: the record's may stand for several.
void Owners::ask_user(Exchange const& x, Rules const& users, Asking& asking) const {
    std::string_view const user = x.principal->user.empty() ? x.facts.user : x.principal->user;
    asking.add(users, user.empty() ? "(none)" : user);
}

void Owners::ask_tags(Exchange const& x, Asking& asking) const {
    auto const& tags = x.record.tags;
    for (auto const* rules : tags_) {
        if (rules->name.find('=') != std::string::npos) {
            if (std::find(tags.begin(), tags.end(), rules->name) != tags.end()) asking.add(rules);
        } else if (auto const value = value_of_tag(tags, rules->name); !value.empty()) {
            asking.add(*rules, value);
        }
    }
}

Learned* Owners::learned(std::string const& route) const noexcept {
    auto const found = routes_.find(route);
    return found == routes_.end() ? nullptr : found->second.learned.get();
}

std::shared_ptr<Rules const> Owners::find(OwnerKind owner, std::string const& id) const {
    auto const found = std::find_if(all_.begin(), all_.end(), [&](auto const& rules) {
        return rules->owner == owner && rules->name == id;
    });
    return found == all_.end() ? nullptr : *found;
}

}  // namespace sluice::stage
