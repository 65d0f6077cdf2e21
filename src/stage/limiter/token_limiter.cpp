#include "stage/limiter/token_limiter.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "stage/limiter/asking.hpp"
#include "stage/limiter/held.hpp"
#include "stage/limiter/refusal.hpp"

namespace sluice::stage {
namespace {

using store::Denied;
using store::Grant;
using store::LimitKind;
using store::Moment;

constexpr std::int64_t lease_slack_s = 300;  // beyond the request's own deadline
constexpr std::int64_t lease_most_s = 8LL * 24 * 3600;

std::int64_t lease_of(Exchange const& x, Moment now) noexcept {
    if (x.deadline.is_never()) return lease_most_s;
    auto const ends = std::chrono::ceil<seconds>(x.deadline.at().time_since_epoch()).count();
    return std::clamp<std::int64_t>(ends - now.steady_s + lease_slack_s, lease_slack_s,
                                    lease_most_s);
}

// What the request may use; where its answer is open and a limit is about tokens, bounded by that.
Result<void> reckon_demand(Exchange const& x, TokenBound const& bound, Asking const& asking,
                           Held& held) {
    if (!asking.needs_demand()) return {};
    if (!held.has_demand) held.demand = demand_of(x, bound, held.learned);
    held.has_demand = true;
    if (held.demand.is_open && !held.output_cap && asking.bounds_output()) {
        asking.bound_output(held.demand, bound);
        held.output_cap = held.demand.output;
    }
    return asking.check_request(held.demand);
}

}  // namespace

Result<std::shared_ptr<TokenLimiter>> TokenLimiter::create(config::Document const& document,
                                                           std::shared_ptr<LimitState> state) {
    std::shared_ptr<TokenLimiter> made{new TokenLimiter(std::move(state))};
    auto compiled = made->owners_.compile(document, *made->state_);
    if (!compiled) return std::move(compiled).error();
    return made;
}

std::shared_ptr<Rules const> TokenLimiter::provider(std::string const& name) const {
    return owners_.find(OwnerKind::provider, name);
}

std::shared_ptr<Rules const> TokenLimiter::credential(std::string const& provider,
                                                      std::string const& name) const {
    return owners_.find(OwnerKind::credential, provider + "/" + name);
}

std::shared_ptr<Rules const> TokenLimiter::target(std::string const& provider,
                                                  std::string const& model) const {
    return owners_.find(OwnerKind::target, provider + "/" + model);
}

Held& TokenLimiter::held_by(Exchange& x) const {
    if (!x.limits) {
        auto held = std::make_unique<Held>();
        held->learned = owners_.learned(x.record.route);
        x.limits = std::move(held);
    }
    return static_cast<Held&>(*x.limits);
}

Result<void> TokenLimiter::admit(Exchange& x, TokenBound const& bound) const {
    Asking asking(*state_, x);
    owners_.ask(x, asking);
    if (asking.list().owners.empty()) return {};
    auto& held = held_by(x);
    held.bound = bound;
    if (auto kept = asking.check_store(); !kept) return kept;
    held.unpriced_by = asking.unpriced_by();
    if (held.unpriced_by && bound.has_unpriced && !bound.has_priced) {
        return unpriced(*held.unpriced_by);
    }
    if (auto reckoned = reckon_demand(x, bound, asking, held); !reckoned) return reckoned;
    auto const amounts = amounts_of(held.demand, bound, 1);
    asking.fill(amounts);
    auto const now = LimitState::now();
    auto got = state_->desk(x.record.worker)
                   .leases.reserve(x.record.id, asking.list().asks, now, lease_of(x, now));
    asking.write_figures(held.figures, now);
    if (auto const* denied = std::get_if<Denied>(&got)) return asking.refused(*denied, now);
    held.owners = std::move(std::get<Grant>(got));
    held.has_tokens = asking.has_tokens();
    held.has_likely = asking.has_likely();
    held.reserved_bound = amounts.most;
    held.reserved_likely = amounts.estimate;
    return {};
}

// What attempts before have used comes on top of what the caller's limits hold.
Result<void> TokenLimiter::reserve_beyond(Exchange& x, Held& held, Moment now) const {
    bool const is_more =
        held.has_tokens && (held.pending_bound.tokens != 0 || held.pending_bound.nano_usd != 0 ||
                            held.pending_likely.tokens != 0 || held.pending_likely.nano_usd != 0);
    if (is_more) {
        Asking asking(*state_, x);
        owners_.ask(x, asking);
        asking.fill_beyond(held.pending_bound, held.pending_likely);
        if (auto const denied = held.owners.extend(asking.list().asks, now)) {
            return asking.refused({denied->ask, denied->retry_after_s, false}, now);
        }
    }
    held.reserve_pending();
    return {};
}

Result<void> TokenLimiter::begin_attempt(Exchange& x, std::span<LimitRules const* const> rules,
                                         TokenBound const& bound) const {
    auto const is_none = [](LimitRules const* each) { return each == nullptr; };
    if (!x.limits && std::all_of(rules.begin(), rules.end(), is_none)) return {};
    auto& held = held_by(x);
    if (held.unpriced_by && bound.has_unpriced) return unpriced(*held.unpriced_by);
    auto const now = LimitState::now();
    if (auto reserved = reserve_beyond(x, held, now); !reserved) return reserved;
    held.bound = bound;
    held.demand.requests = bound.requests;

    Asking asking(*state_, x);
    for (auto const* each : rules) asking.add(static_cast<Rules const*>(each));
    if (asking.list().owners.empty()) return {};
    if (asking.unpriced_by() && bound.has_unpriced) return unpriced(*asking.unpriced_by());
    if (auto kept = asking.check_store(); !kept) {
        kept.error().retry = Retry::next;
        return kept;
    }
    if (auto reckoned = reckon_demand(x, bound, asking, held); !reckoned) return reckoned;
    asking.fill(amounts_of(held.demand, bound, bound.requests));
    auto got = state_->desk(x.record.worker)
                   .leases.reserve(x.record.id, asking.list().asks, now, lease_of(x, now));
    if (auto const* denied = std::get_if<Denied>(&got)) return asking.refused(*denied, now);
    held.attempt = std::move(std::get<Grant>(got));
    return {};
}

void TokenLimiter::end_attempt(Exchange& x) const noexcept {
    if (x.limits) static_cast<Held&>(*x.limits).take(x.record.attempts);
}

void TokenLimiter::finish(Exchange& x) const noexcept {
    if (!x.limits) return;
    auto& held = static_cast<Held&>(*x.limits);
    held.take(x.record.attempts);
    held.attempt.release();  // begun, and never made
    // A request is one, however often it was tried; one that no provider saw is none.
    held.used_bound.requests = held.used_likely.requests = held.was_sent ? 1 : 0;
    if (held.owners.is_held() && held.has_tokens) {
        auto const& used = held.has_likely ? held.used_likely : held.used_bound;
        auto const& reserved = held.has_likely ? held.reserved_likely : held.reserved_bound;
        state_->count_overshoot(used.tokens - reserved.tokens, used.nano_usd - reserved.nano_usd);
    }
    held.owners.settle(held.used_bound, held.used_likely);
    held.teach(x.record.attempts);
}

std::vector<TokenLimiter::Seen> TokenLimiter::all() const {
    std::vector<Seen> seen;
    std::unordered_map<std::uint64_t, std::pair<Rules const*, Rule const*>> by_salt;
    for (auto const& rules : owners_.all()) {
        for (auto const& rule : rules->rules) {
            if (rule.cell) {
                seen.push_back({rules->owner, rules->name, &rule, rule.cell.get()});
            } else {
                by_salt[rule.salt] = {rules.get(), &rule};
            }
        }
    }
    if (auto* named = state_->named(); named && !by_salt.empty()) {
        named->each(
            [&](std::string const& label, std::uint64_t salt, LimitKind, store::LimitCell& cell) {
                auto const found = by_salt.find(salt);
                if (found == by_salt.end()) return;
                auto const& [rules, rule] = found->second;
                auto const between = rules->owner == OwnerKind::tag ? "=" : "/";
                seen.push_back({rules->owner, rules->name + between + label, rule, &cell});
            });
    }
    std::sort(seen.begin(), seen.end(), [](Seen const& a, Seen const& b) {
        return std::tie(a.owner, a.name, a.rule->name) < std::tie(b.owner, b.name, b.rule->name);
    });
    return seen;
}

}  // namespace sluice::stage
