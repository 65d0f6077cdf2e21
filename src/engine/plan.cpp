#include "engine/plan.hpp"

#include <algorithm>

namespace sluice::engine {
namespace {

// Moves one target drawn by weight from `pool` to the end of `out`.
void draw(std::vector<Target const*>& pool, std::vector<Target const*>& out, Dice& dice) {
    std::uint64_t sum = 0;
    for (auto const* target : pool) sum += static_cast<std::uint64_t>(target->weight);
    auto mark = dice.below(sum);
    auto chosen = pool.begin();
    while (mark >= static_cast<std::uint64_t>((*chosen)->weight)) {
        mark -= static_cast<std::uint64_t>((*chosen)->weight);
        ++chosen;
    }
    out.push_back(*chosen);
    pool.erase(chosen);
}

}  // namespace

Standing standing_of(Target const& target, std::string_view model, Operation operation,
                     Steady::time_point now, Dialect const* from) noexcept {
    bool const can =
        from ? target.provider->can(operation, *from) : target.provider->can(operation);
    if (!can) return Standing::does_not_speak;
    if (!target.provider->is_available()) return Standing::no_credential;
    return target.health_of(model).is_open(now) ? Standing::open : Standing::skipped;
}

Result<Plan> choose(Route const& route, std::string_view model, Operation operation, Dice& dice,
                    Steady::time_point now, Dialect const* from) {
    Plan plan;
    std::vector<Target const*> pool;
    auto opens_at = Steady::time_point::max();
    bool spoken = false;
    for (auto const& tier : route.tiers) {
        pool.clear();
        pool.reserve(tier.targets.size());
        for (auto const& target : tier.targets) {
            auto const standing = standing_of(target, model, operation, now, from);
            spoken = spoken || standing != Standing::does_not_speak;
            if (standing == Standing::skipped) {
                opens_at = std::min(opens_at, target.health_of(model).skipped_until());
            }
            if (standing == Standing::open) pool.push_back(&target);
        }
        while (pool.size() > 1) draw(pool, plan.targets, dice);
        if (!pool.empty()) plan.targets.push_back(pool.front());
    }
    if (!plan.targets.empty()) return plan;
    if (!spoken) {
        return client_error(ErrorCode::invalid_request, 400,
                            "The model's route has no target that can answer this kind of request; "
                            "use another model or another endpoint.");
    }
    auto error = gateway_error(ErrorCode::provider_unavailable, 503,
                               "No provider is available for this model right now.",
                               opens_at == Steady::time_point::max()
                                   ? "every provider of the route lacks a credential"
                                   : "every target of the route is skipped after failures");
    if (opens_at != Steady::time_point::max()) {
        auto const wait = std::chrono::ceil<milliseconds>(opens_at - now).count();
        error.retry_after_ms = std::max<std::int64_t>(wait, 1);
    }
    return error;
}

}  // namespace sluice::engine
