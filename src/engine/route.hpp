// Routes: public model name -> tiers of targets. Compiled at load, immutable.
#pragma once

#include <bitset>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sluice/error.hpp"
#include "sluice/time.hpp"

#include "engine/target_health.hpp"
#include "provider/provider.hpp"

namespace sluice::engine {

struct Target {
    provider::Provider const* provider = nullptr;  // owned by the Snapshot
    std::string model;                             // "" = the client's model name goes through
    int weight = 1;
    std::shared_ptr<HealthTable> health;
    std::shared_ptr<provider::CallStats> stats;
    std::shared_ptr<LimitRules const> limits;  // null: none

    // `asked`: the model name the caller sent.
    [[nodiscard]] TargetHealth& health_of(std::string_view asked) const noexcept {
        return health->of(asked);
    }
};

struct Tier {
    std::vector<Target> targets;
};

// Which failures are worth another attempt, from `retry.when`.
struct RetryPolicy {
    bool on_connect = true;
    bool on_timeout = true;
    bool on_reset = true;
    std::bitset<600> on_status;
    int attempts_max = 3;
    Steady::duration backoff = milliseconds{200};
    Steady::duration backoff_max = seconds{5};

    // `status`: the provider's own, 0 when none came; a fault inside a 200 goes by the error's.
    [[nodiscard]] bool covers(Error const& error, std::uint16_t status) const noexcept;
};

struct TimeoutPolicy {
    Steady::duration connect = seconds{2};
    Steady::duration first_byte = seconds{30};
    Steady::duration idle = seconds{60};
    Steady::duration total = seconds{600};
};

struct Route {
    std::string name;  // its pattern in config
    std::vector<Tier> tiers;
    TimeoutPolicy timeout;
    RetryPolicy retry;
    HealthPolicy health;
    bool drains = false;                 // on_disconnect: the answer is read on for its usage
    std::uint64_t guards = 0;            // as bits of Snapshot::guards
    std::int64_t output_tokens_max = 0;  // of an answer whose request says none; 0: the model's
    bool refuses_losses = false;         // on_loss: what cannot be carried is refused, not left out
    bool fans_out = false;               // many_choices: one request for each choice
};

// Exact names first, then globs by the length of the literal text before their '*', longest first.
// Ties are refused at load.
class RouteTable {
  public:
    void add(Route route);
    void seal();  // after the last add
    [[nodiscard]] Route const* match(std::string_view model) const noexcept;
    [[nodiscard]] std::vector<Route> const& all() const noexcept { return routes_; }
    // Exact names as in config, then globs in the order in which they are tried.
    [[nodiscard]] std::vector<Route const*> in_match_order() const;

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept {
            return std::hash<std::string_view>{}(s);
        }
    };
    std::vector<Route> routes_;
    std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> exact_;
    std::vector<std::size_t> globs_;
};

}  // namespace sluice::engine
