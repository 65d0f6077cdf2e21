#include "engine/plan.hpp"

#include <algorithm>
#include <span>

namespace sluice::engine {
namespace {

// Moves one target drawn by weight to the front; the others keep their order.
void draw(std::span<Target const*> pool, Dice& dice) {
    std::uint64_t sum = 0;
    for (auto const* target : pool) sum += static_cast<std::uint64_t>(target->weight);
    auto mark = dice.below(sum);
    auto chosen = pool.begin();
    while (mark >= static_cast<std::uint64_t>((*chosen)->weight)) {
        mark -= static_cast<std::uint64_t>((*chosen)->weight);
        ++chosen;
    }
    std::rotate(pool.begin(), chosen, chosen + 1);
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
    auto opens_at = Steady::time_point::max();
    bool spoken = false;
    for (auto const& tier : route.tiers) {
        auto const above = plan.targets.size();
        plan.targets.reserve(above + tier.targets.size());
        for (auto const& target : tier.targets) {
            auto const standing = standing_of(target, model, operation, now, from);
            spoken = spoken || standing != Standing::does_not_speak;
            if (standing == Standing::skipped) {
                opens_at = std::min(opens_at, target.health_of(model).skipped_until());
            }
            if (standing == Standing::open) plan.targets.push_back(&target);
        }
        for (auto pool = std::span{plan.targets}.subspan(above); pool.size() > 1;
             pool = pool.subspan(1)) {
            draw(pool, dice);
        }
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
