#include "engine/reserve.hpp"

#include <algorithm>
#include <array>

#include "engine/lane.hpp"
#include "engine/snapshot.hpp"

namespace sluice::engine {
namespace {

provider::Provider const* find_provider(Snapshot const& snapshot, std::string_view name) noexcept {
    for (auto const& provider : snapshot.providers) {
        if (provider->name == name) return provider.get();
    }
    return nullptr;
}

// Widens `bound` to what this target may cost and say.
void add_target(Exchange const& x, Target const& target, TokenBound& bound) noexcept {
    auto const& model = target.model.empty() ? x.facts.model : target.model;
    auto const& prices = target.provider->prices;
    bound.requests = std::max<std::int64_t>(bound.requests, requests_of(x, target));
    if (auto const* price = prices.find(model)) {
        bound.input_price = std::max(bound.input_price, price->input_max);
        bound.output_price = std::max(bound.output_price, price->output_max);
        bound.has_priced = true;
    } else {
        bound.has_unpriced = true;
    }
    if (x.route->output_tokens_max > 0) {
        bound.output_max = x.route->output_tokens_max;
    } else if (auto const* listed = prices.listed.find(model)) {
        bound.output_max =
            std::max<std::int64_t>(bound.output_max, listed->rules.output_tokens_max.value_or(0));
    }
}

}  // namespace

Result<void> reserve_request(Exchange& x) {
    auto const* limiter = x.snapshot.limiter.get();
    if (!limiter) return {};
    TokenBound bound;
    for (auto const& tier : x.route->tiers) {
        for (auto const& target : tier.targets) add_target(x, target, bound);
    }
    return limiter->admit(x, bound);
}

Result<void> reserve_attempt(Exchange& x, Target const& target,
                             provider::Credential const* credential) {
    auto const* limiter = x.snapshot.limiter.get();
    if (!limiter) return {};
    std::array<LimitRules const*, 3> const rules{target.provider->limits.get(),
                                                 credential ? credential->limits.get() : nullptr,
                                                 target.limits.get()};
    TokenBound bound;
    add_target(x, target, bound);
    return limiter->begin_attempt(x, rules, bound);
}

void settle_attempt(Exchange& x) noexcept {
    if (!x.limits) return;
    auto& attempts = x.record.attempts;
    for (auto at = attempts.size(); at-- > 0;) {
        reckon_cost(x, attempts[at]);
        if (!attempts[at].is_sibling) break;
    }
    x.snapshot.limiter->end_attempt(x);
}

void reckon_cost(Exchange const& x, AttemptRecord& attempt) {
    if (attempt.usage.input == 0 && attempt.usage.output == 0) return;
    auto const* provider = find_provider(x.snapshot, attempt.provider);
    auto const* price = provider ? provider->prices.find(attempt.model) : nullptr;
    if (!price) return;
    attempt.cost = provider::cost_of(*price, attempt.usage);
    if (attempt.cost) attempt.price = price->version;
}

}  // namespace sluice::engine
