#include "stage/limiter/token_limiter.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "stage/limiter/demand.hpp"
#include "stage/limiter/refusal.hpp"

namespace sluice::stage {
namespace {

using store::Ask;
using store::Denied;
using store::Grant;
using store::LimitKind;
using store::Moment;
using store::Used;

constexpr std::int64_t lease_slack_s = 300;  // beyond the request's own deadline
constexpr std::int64_t lease_most_s = 8LL * 24 * 3600;
constexpr std::size_t per_request_kind = 5;  // of counters: tokens_per_request

std::string key_of(OwnerKind owner, std::string const& id) {
    return std::string{to_string(owner)}.append("\n").append(id);
}

std::int64_t lease_of(Exchange const& x) noexcept {
    if (x.deadline.is_never()) return lease_most_s;
    auto const left = std::chrono::ceil<seconds>(x.deadline.at() - Steady::now()).count();
    return std::clamp<std::int64_t>(left + lease_slack_s, lease_slack_s, lease_most_s);
}

void add_use(Used& sum, Used const& part) noexcept {
    sum.requests += part.requests;
    sum.tokens += part.tokens;
    sum.nano_usd += part.nano_usd;
}

std::int64_t of_kind(Used const& used, LimitKind kind) noexcept {
    switch (kind) {
        case LimitKind::concurrency:
        case LimitKind::requests:
            return used.requests;
        case LimitKind::tokens:
        case LimitKind::token_budget:
            return used.tokens;
        case LimitKind::usd_budget:
            return used.nano_usd;
    }
    return 0;
}

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

// What one request holds. The rules are its Snapshot's, the cells LimitState's: both outlive it.
class TokenLimiter::Held final : public HeldLimits {
  public:
    struct Kept {  // an owner's rule about tokens or money, for what later attempts use beyond
        Rules const* rules;
        Rule const* rule;
        Ask ask;
    };

    Demand demand;
    bool has_demand = false;
    TokenBound bound;  // of the attempt that is under way, or of all at first
    Learned* learned = nullptr;
    Grant owners;
    Grant attempt;
    std::vector<Kept> kept;
    Used used_bound, used_likely;          // of attempts that have ended
    Rules const* unpriced_by = nullptr;    // of the owners
    Used pending_bound, pending_likely;    // of it, not reserved beyond the first yet
    Used reserved_bound, reserved_likely;  // by the owners, for overshoot
    std::size_t ended = 0;                 // attempts whose use is in used_*
    bool was_sent = false;

    // One more attempt has ended: the records since the last.
    void take(std::vector<AttemptRecord> const& records) noexcept {
        if (ended >= records.size()) return;
        Used most, likely;
        for (; ended < records.size(); ++ended) {
            auto const use = use_of(records[ended], demand, bound);
            was_sent = was_sent || use.was_sent;
            add_use(most, use.bound);
            add_use(likely, use.likely);
        }
        add_use(used_bound, most);
        add_use(used_likely, likely);
        add_use(pending_bound, most);
        add_use(pending_likely, likely);
        attempt.settle(most, likely);
    }
};

// What is asked of the store for one decision, and whose rule each ask is.
class TokenLimiter::Asking {
  public:
    struct From {
        Rules const* rules;
        Rule const* rule;
    };

    // Counting tokens generates nothing: it takes a place among those under way, and nothing else.
    Asking(LimitState& state, Exchange const& x)
        : state_(state),
          priority_(x.principal ? x.principal->priority : Priority::normal),
          counts_only_(x.operation == Operation::count) {}

    void add(Rules const* rules) {
        if (rules) add(*rules, {});
    }
    // `value` names the owner where the rules are per value.
    void add(Rules const& rules, std::string_view value) {
        owners.push_back(&rules);
        std::uint64_t owner = 0;
        for (auto const& rule : rules.rules) {
            if (counts_only_ && rule.kind != LimitKind::concurrency) continue;
            auto* cell = rule.cell.get();
            if (!cell) {
                if (owner == 0) owner = store::identity_hash(value);
                auto* const named = state_.named();
                cell = named ? named->find(owner, rule.salt, value, rule.kind, rule.period,
                                           rule.zone, state_.budgets())
                             : nullptr;
            }
            is_incomplete = is_incomplete || !cell;
            needs_demand = needs_demand || rule.needs_tokens();
            if (!cell) continue;
            asks.push_back(
                {cell, rule.kind, 0, rules.share_of(rule.cap, priority_), rules.estimates});
            from.push_back({&rules, &rule});
        }
        if (counts_only_) return;
        needs_demand = needs_demand || rules.tokens_per_request.has_value();
        if (!unpriced_by && rules.forbids_unpriced()) unpriced_by = &rules;
        must_be_kept = must_be_kept || (rules.closes_without_store &&
                                        std::any_of(rules.rules.begin(), rules.rules.end(),
                                                    [](auto const& r) { return r.is_budget(); }));
    }

    // The longest answer that every cap has room for, for an open request whose answer is bounded.
    void bound_output(Demand& demand, TokenBound const& bound) const noexcept {
        auto most = demand.output;
        auto const answers = std::max<std::int64_t>(demand.answers, 1);
        for (auto const* rules : owners) {
            if (rules->tokens_per_request && !rules->estimates) {
                most =
                    std::min(most, (*rules->tokens_per_request - demand.likely_read()) / answers);
            }
        }
        for (auto const& ask : asks) {
            if (ask.is_likely) continue;
            if (ask.kind == LimitKind::tokens || ask.kind == LimitKind::token_budget) {
                most = std::min(most, (ask.cap - demand.likely_read()) / answers);
            } else if (ask.kind == LimitKind::usd_budget && bound.output_price > 0) {
                auto const left = PicoUsdSum{ask.cap} * 1000 -
                                  PicoUsdSum{demand.likely_read()} * bound.input_price;
                auto const tokens = left / bound.output_price / answers;
                most =
                    std::min(most, static_cast<std::int64_t>(std::min<PicoUsdSum>(tokens, most)));
            }
        }
        demand.output = std::max<std::int64_t>(most, 1);
        demand.likely_output = std::min(demand.likely_output, demand.output);
    }

    [[nodiscard]] bool bounds_output() const noexcept {
        bool const per_request = std::any_of(owners.begin(), owners.end(), [](auto const* rules) {
            return rules->tokens_per_request && !rules->estimates;
        });
        return per_request || std::any_of(asks.begin(), asks.end(), [](Ask const& ask) {
                   return !ask.is_likely && ask.kind != LimitKind::requests &&
                          ask.kind != LimitKind::concurrency;
               });
    }

    // What can be used at most, or likely. Where the proof goes beyond the cap and the estimate
    // does not, the whole cap is reserved: such a request runs alone.
    void fill(Demand const& demand, TokenBound const& bound, std::int64_t requests) noexcept {
        for (auto& ask : asks) {
            Used const most{requests, demand.tokens(), demand.nano_usd(bound)};
            Used const likely{requests, demand.likely_read() + demand.written(),
                              demand.likely_nano_usd(bound)};
            Used const estimate{requests, demand.likely_tokens(), demand.likely_nano_usd(bound)};
            auto const wanted = of_kind(ask.is_likely ? estimate : most, ask.kind);
            auto const least = of_kind(ask.is_likely ? estimate : likely, ask.kind);
            ask.amount = least <= ask.cap ? std::min(wanted, ask.cap) : wanted;
        }
    }

    // Error: a request that is too large for one of the owners in any case.
    [[nodiscard]] Result<void> check_request(Demand const& demand) const {
        for (auto const* rules : owners) {
            if (!rules->tokens_per_request) continue;
            auto const tokens =
                rules->estimates ? demand.likely_tokens() : demand.likely_read() + demand.written();
            if (tokens <= *rules->tokens_per_request) continue;
            state_.count_refusal(rules->owner, per_request_kind);
            return never_fits(*rules,
                              std::to_string(*rules->tokens_per_request) + " tokens a request",
                              tokens, *rules->tokens_per_request);
        }
        return {};
    }

    [[nodiscard]] Error refused(Denied const& denied, Moment now) const {
        auto const& ask = asks[denied.ask];
        auto const& by = from[denied.ask];
        state_.count_refusal(by.rules->owner, static_cast<std::size_t>(ask.kind));
        auto const left = std::max<std::int64_t>(ask.cap - ask.cell->state(now).held, 0);
        return refusal({by.rules, by.rule, ask.amount, ask.cap, left}, denied);
    }

    // The tightest of each kind.
    void write_figures(RateLimitFigures& figures, Moment now) const noexcept {
        figures.now_unix_s = now.unix_s;
        for (auto const& ask : asks) {
            bool const is_requests = ask.kind == LimitKind::requests;
            if (!is_requests && ask.kind != LimitKind::tokens) continue;
            auto& figure = is_requests ? figures.requests : figures.tokens;
            auto const state = ask.cell->state(now);
            auto const remaining = std::max<std::int64_t>(ask.cap - state.held, 0);
            if (figure.limit != 0 && figure.remaining <= remaining) continue;
            figure = {ask.cap, remaining, state.reset_s};
        }
    }

    std::vector<Rules const*> owners;
    std::vector<Ask> asks;
    std::vector<From> from;
    bool needs_demand = false;
    bool must_be_kept = false;
    bool is_incomplete = false;
    Rules const* unpriced_by = nullptr;  // who wants no target without a price

  private:
    LimitState& state_;
    Priority priority_;
    bool counts_only_;
};

Result<std::shared_ptr<TokenLimiter>> TokenLimiter::create(config::Document const& document,
                                                           std::shared_ptr<LimitState> state) {
    std::shared_ptr<TokenLimiter> made{new TokenLimiter(std::move(state))};
    auto compiled = made->compile(document);
    if (!compiled) return std::move(compiled).error();
    return made;
}

Result<void> TokenLimiter::add(OwnerKind owner, std::string const& id,
                               config::Limits const& described, bool per_value) {
    auto made = state_->rules(owner, id, described, per_value);
    if (!made) return std::move(made).error();
    if (!*made) return {};
    rules_[key_of(owner, id)] = std::move(*made);
    has_[static_cast<std::size_t>(owner)] = true;
    return {};
}

Result<void> TokenLimiter::compile(config::Document const& document) {
    Result<void> done;
    auto const one = [&](OwnerKind owner, std::string const& id,
                         std::optional<config::Limits> const& described, bool per_value = false) {
        if (done && described) done = add(owner, id, *described, per_value);
    };
    for (auto const& team : document.teams) {
        one(OwnerKind::team, team.name, team.limits);
        one(OwnerKind::user, team.name, team.user_limits, true);
        for (auto const& key : team.keys) {
            one(OwnerKind::key, team.name + "/" + key.name, key.limits);
        }
    }
    for (auto const& route : document.routes) {
        one(OwnerKind::route, route.pattern, route.limits);
        learned_[route.pattern] = state_->learned(route.pattern);
    }
    for (auto const& tag : document.tags.limits) {
        bool const per_value = tag.name.find('=') == std::string::npos;
        one(OwnerKind::tag, tag.name, tag.limits, per_value);
        if (auto const* rules = find(OwnerKind::tag, tag.name)) tag_rules_.push_back(rules);
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

Rules const* TokenLimiter::find(OwnerKind owner, std::string const& id) const noexcept {
    auto const found = rules_.find(key_of(owner, id));
    return found == rules_.end() ? nullptr : found->second.get();
}

std::shared_ptr<Rules const> TokenLimiter::provider(std::string const& name) const {
    auto const found = rules_.find(key_of(OwnerKind::provider, name));
    return found == rules_.end() ? nullptr : found->second;
}

std::shared_ptr<Rules const> TokenLimiter::credential(std::string const& provider,
                                                      std::string const& name) const {
    auto const found = rules_.find(key_of(OwnerKind::credential, provider + "/" + name));
    return found == rules_.end() ? nullptr : found->second;
}

std::shared_ptr<Rules const> TokenLimiter::target(std::string const& provider,
                                                  std::string const& model) const {
    auto const found = rules_.find(key_of(OwnerKind::target, provider + "/" + model));
    return found == rules_.end() ? nullptr : found->second;
}

// The order is fixed: team, key, route, user, tags.
void TokenLimiter::ask_owners(Exchange const& x, Asking& asking) const {
    if (x.principal && has(OwnerKind::team)) asking.add(find(OwnerKind::team, x.principal->team));
    if (x.principal && has(OwnerKind::key)) {
        asking.add(find(OwnerKind::key, x.principal->team + "/" + x.principal->key));
    }
    if (has(OwnerKind::route)) asking.add(find(OwnerKind::route, x.record.route));
    if (x.principal && has(OwnerKind::user)) {
        if (auto const* rules = find(OwnerKind::user, x.principal->team)) {
            // The name as the caller gave it: the record's may stand for several.
            std::string_view const user =
                x.principal->user.empty() ? x.facts.user : x.principal->user;
            asking.add(*rules, user.empty() ? "(none)" : user);
        }
    }
    for (auto const* rules : tag_rules_) {
        auto const equals = rules->name.find('=');
        if (equals != std::string::npos) {
            auto const& tags = x.record.tags;
            if (std::find(tags.begin(), tags.end(), rules->name) != tags.end()) asking.add(rules);
        } else if (auto const value = value_of_tag(x.record.tags, rules->name); !value.empty()) {
            asking.add(*rules, value);
        }
    }
}

TokenLimiter::Held& TokenLimiter::held_by(Exchange& x) const {
    if (!x.limits) {
        auto held = std::make_unique<Held>();
        auto const found = learned_.find(x.record.route);
        if (found != learned_.end()) held->learned = found->second.get();
        x.limits = std::move(held);
    }
    return static_cast<Held&>(*x.limits);
}

Result<void> TokenLimiter::admit(Exchange& x, TokenBound const& bound) const {
    Asking asking(*state_, x);
    ask_owners(x, asking);
    if (asking.owners.empty()) return {};
    auto& held = held_by(x);
    held.bound = bound;
    if (asking.is_incomplete) return store_down();
    if (asking.must_be_kept && state_->store_is_failing()) return store_down();
    held.unpriced_by = asking.unpriced_by;
    if (asking.unpriced_by && bound.has_unpriced && !bound.has_priced) {
        return unpriced(*asking.unpriced_by);
    }
    auto& demand = held.demand;
    if (asking.needs_demand) {
        demand = demand_of(x, bound, held.learned);
        held.has_demand = true;
        if (demand.is_open && asking.bounds_output()) {
            asking.bound_output(demand, bound);
            held.output_cap = demand.output;
        }
        auto checked = asking.check_request(demand);
        if (!checked) return checked;
    }
    asking.fill(demand, bound, 1);
    auto const now = LimitState::now();
    auto got = state_->leases(x.record.worker).reserve(x.record.id, asking.asks, now, lease_of(x));
    asking.write_figures(held.figures, now);
    if (auto const* denied = std::get_if<Denied>(&got)) return asking.refused(*denied, now);
    held.owners = std::move(std::get<Grant>(got));
    for (std::size_t i = 0; i < asking.asks.size(); ++i) {
        auto const& by = asking.from[i];
        if (by.rule->needs_tokens()) held.kept.push_back({by.rules, by.rule, asking.asks[i]});
    }
    held.reserved_bound = {1, demand.tokens(), demand.nano_usd(bound)};
    held.reserved_likely = {1, demand.likely_tokens(), demand.likely_nano_usd(bound)};
    return {};
}

Result<void> TokenLimiter::begin_attempt(Exchange& x, std::span<LimitRules const* const> rules,
                                         TokenBound const& bound) const {
    auto const is_none = [](LimitRules const* each) { return each == nullptr; };
    if (!x.limits && std::all_of(rules.begin(), rules.end(), is_none)) return {};
    auto& held = held_by(x);
    if (held.unpriced_by && bound.has_unpriced) return unpriced(*held.unpriced_by);
    auto const now = LimitState::now();
    // What attempts before have used comes on top of what the caller's limits hold.
    std::vector<Ask> more;
    std::vector<Asking::From> from;
    for (auto const& kept : held.kept) {
        auto ask = kept.ask;
        ask.amount = of_kind(ask.is_likely ? held.pending_likely : held.pending_bound, ask.kind);
        if (ask.amount == 0) continue;
        more.push_back(ask);
        from.push_back({kept.rules, kept.rule});
    }
    if (!more.empty()) {
        if (auto const denied = held.owners.extend(more, now)) {
            auto const& ask = more[denied->ask];
            auto const left = std::max<std::int64_t>(ask.cap - ask.cell->state(now).held, 0);
            return refusal(
                {from[denied->ask].rules, from[denied->ask].rule, ask.amount, ask.cap, left},
                {denied->ask, denied->retry_after_s, false});
        }
    }
    add_use(held.reserved_bound, held.pending_bound);
    add_use(held.reserved_likely, held.pending_likely);
    held.pending_bound = held.pending_likely = {};
    held.bound = bound;
    held.demand.requests = bound.requests;

    Asking asking(*state_, x);
    for (auto const* each : rules) asking.add(static_cast<Rules const*>(each));
    if (asking.owners.empty()) return {};
    if (asking.unpriced_by && bound.has_unpriced) return unpriced(*asking.unpriced_by);
    if (asking.must_be_kept && state_->store_is_failing()) {
        auto error = store_down();
        error.retry = Retry::next;
        return error;
    }
    if (asking.needs_demand) {
        if (!held.has_demand) held.demand = demand_of(x, bound, held.learned);
        held.has_demand = true;
        if (held.demand.is_open && asking.bounds_output() && !held.output_cap) {
            asking.bound_output(held.demand, bound);
            held.output_cap = held.demand.output;
        }
        auto checked = asking.check_request(held.demand);
        if (!checked) return checked;
    }
    asking.fill(held.demand, bound, bound.requests);
    auto got = state_->leases(x.record.worker).reserve(x.record.id, asking.asks, now, lease_of(x));
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
    auto const& attempts = x.record.attempts;
    held.take(attempts);
    held.attempt.release();  // begun, and never made
    // A request is one, however often it was tried; one that no provider saw is none.
    held.used_bound.requests = held.used_likely.requests = held.was_sent ? 1 : 0;
    if (held.owners.is_held()) {
        bool const is_likely = std::any_of(held.kept.begin(), held.kept.end(),
                                           [](auto const& kept) { return kept.ask.is_likely; });
        auto const& used = is_likely ? held.used_likely : held.used_bound;
        auto const& reserved = is_likely ? held.reserved_likely : held.reserved_bound;
        if (!held.kept.empty()) {
            state_->count_overshoot(used.tokens - reserved.tokens,
                                    used.nano_usd - reserved.nano_usd);
        }
    }
    held.owners.settle(held.used_bound, held.used_likely);
    if (!held.learned || !held.has_demand) return;
    for (auto const& attempt : attempts) {
        if (!attempt.usage.reported || attempt.outcome != "answered") continue;
        held.learned->note(held.demand.estimate, attempt.usage.input, attempt.usage.output,
                           held.demand.answers_of_one());
    }
}

std::vector<TokenLimiter::Seen> TokenLimiter::all() const {
    std::vector<Seen> seen;
    std::unordered_map<std::uint64_t, std::pair<Rules const*, Rule const*>> by_salt;
    for (auto const& [id, rules] : rules_) {
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
