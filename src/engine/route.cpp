#include "engine/route.hpp"

#include <algorithm>

#include "sluice/principal.hpp"

namespace sluice::engine {

bool RetryPolicy::covers(Error const& error, std::uint16_t status) const noexcept {
    switch (error.code) {
        case ErrorCode::upstream_connect:
        case ErrorCode::upstream_tls:
            return on_connect;
        case ErrorCode::upstream_timeout:
            return on_timeout;
        case ErrorCode::upstream_reset:
        case ErrorCode::upstream_protocol:
            return on_reset;
        default:
            break;
    }
    auto const told = status >= 400 ? status : error.http_status;
    return told < on_status.size() && on_status[told];
}

void RouteTable::add(Route route) { routes_.push_back(std::move(route)); }

void RouteTable::seal() {
    exact_.clear();
    globs_.clear();
    for (std::size_t i = 0; i < routes_.size(); ++i) {
        if (routes_[i].name.find('*') == std::string::npos) {
            exact_.emplace(routes_[i].name, i);
        } else {
            globs_.push_back(i);
        }
    }
    std::stable_sort(globs_.begin(), globs_.end(), [this](std::size_t a, std::size_t b) {
        return routes_[a].name.find('*') > routes_[b].name.find('*');
    });
}

std::vector<Route const*> RouteTable::in_match_order() const {
    std::vector<Route const*> ordered;
    for (auto const& route : routes_) {
        if (exact_.contains(route.name)) ordered.push_back(&route);
    }
    for (auto const index : globs_) ordered.push_back(&routes_[index]);
    return ordered;
}

Route const* RouteTable::match(std::string_view model) const noexcept {
    if (auto const found = exact_.find(model); found != exact_.end()) {
        return &routes_[found->second];
    }
    for (auto const index : globs_) {
        if (glob_matches(routes_[index].name, model)) return &routes_[index];
    }
    return nullptr;
}

}  // namespace sluice::engine
