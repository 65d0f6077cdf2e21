#include "engine/explain.hpp"

namespace sluice::engine {

Result<Explanation> explain(Snapshot const& snapshot, std::string_view model, Operation operation,
                            Principal const* principal, Dice& dice, Steady::time_point now) {
    Explanation explanation;
    explanation.route = snapshot.routes.match(model);
    if (!explanation.route) {
        return client_error(ErrorCode::model_not_found, 404, "no route matches this model name");
    }
    if (principal && !principal->may_use(model)) {
        return client_error(ErrorCode::model_not_found, 404,
                            "a route matches, but this key may not use the model");
    }
    for (auto const& tier : explanation.route->tiers) {
        auto& explained = explanation.tiers.emplace_back();
        double sum = 0;
        for (auto const& target : tier.targets) {
            auto const standing = standing_of(target, model, operation, now);
            explained.push_back({&target, standing, 0});
            if (standing == Standing::open) sum += target.weight;
        }
        for (auto& each : explained) {
            if (each.standing == Standing::open) each.share = each.target->weight / sum;
        }
    }
    auto plan = choose(*explanation.route, model, operation, dice, now);
    if (!plan) return std::move(plan).error();
    explanation.plan = std::move(*plan);
    return explanation;
}

}  // namespace sluice::engine
