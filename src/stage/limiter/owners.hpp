// Owners: whose limits concern a request, found by who calls and what it says. Compiled from config
// with the cells of LimitState; immutable, part of a Snapshot. Called by token_limiter.cpp.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "sluice/exchange.hpp"
#include "sluice/result.hpp"

#include "config/document.hpp"
#include "stage/limiter/limit_state.hpp"
#include "stage/limiter/rules.hpp"

namespace sluice::stage {

class Asking;

class Owners {
  public:
    // Error: for the operator.
    Result<void> compile(config::Document const& document, LimitState& state);

    // Team, key, route, user, tags, in this order, which is fixed.
    void ask(Exchange const& x, Asking& asking) const;
    // What requests of a route mostly use; null: no such route.
    [[nodiscard]] Learned* learned(std::string const& route) const noexcept;

    // By the name in config; a credential's and a target's with its provider, as "provider/name".
    // Null: none. Slow.
    [[nodiscard]] std::shared_ptr<Rules const> find(OwnerKind owner, std::string const& id) const;
    [[nodiscard]] std::vector<std::shared_ptr<Rules const>> const& all() const noexcept {
        return all_;
    }

  private:
    struct Team {
        Rules const* own = nullptr;
        Rules const* users = nullptr;
        std::unordered_map<std::string, Rules const*> keys;
    };
    struct Route {
        Rules const* own = nullptr;
        std::shared_ptr<Learned> learned;
    };

    void ask_user(Exchange const& x, Rules const& users, Asking& asking) const;
    void ask_tags(Exchange const& x, Asking& asking) const;

    std::unordered_map<std::string, Team> teams_;
    std::unordered_map<std::string, Route> routes_;
    std::vector<Rules const*> tags_;
    std::vector<std::shared_ptr<Rules const>> all_;
};

}  // namespace sluice::stage
