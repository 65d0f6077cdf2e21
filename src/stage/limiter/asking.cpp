#include "stage/limiter/asking.hpp"

#include <algorithm>
#include <cstdlib>

#include "stage/limiter/refusal.hpp"

namespace sluice::stage {

using store::Ask;
using store::Denied;
using store::LimitKind;
using store::Moment;
using store::Used;

namespace {

constexpr std::size_t per_request_kind = 5;  // of counters: tokens_per_request

}  // namespace

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

// Counting tokens generates nothing: it takes a place among those under way, and nothing else.
Asking::Asking(LimitState& state, Exchange const& x)
    : state_(state),
      list_(state.desk(x.record.worker).asks),
      names_(state.desk(x.record.worker).names),
      priority_(x.principal ? x.principal->priority : Priority::normal),
      counts_only_(x.operation == Operation::count) {
    list_.clear();
}

void Asking::add(Rules const& rules, std::string_view value) {
    list_.owners.push_back(&rules);
    if (rules.is_named || counts_only_) {
        add_each(rules, value);
    } else {
        for (auto const& ask : rules.asks[static_cast<std::size_t>(priority_)]) {
            list_.asks.push_back(ask);
        }
    }
    if (counts_only_) return;
    needs_demand_ = needs_demand_ || rules.needs_demand;
    must_be_kept_ = must_be_kept_ || rules.must_be_kept;
    has_tokens_ = has_tokens_ || rules.has_tokens;
    has_likely_ = has_likely_ || (rules.has_tokens && rules.estimates);
    if (!unpriced_by_ && rules.forbids_unpriced) unpriced_by_ = &rules;
}

void Asking::add_each(Rules const& rules, std::string_view value) {
    std::uint64_t hash = 0;
    for (auto const& rule : rules.rules) {
        if (counts_only_ && rule.kind != LimitKind::concurrency) continue;
        auto* const cell = rule.cell ? rule.cell.get() : named_cell(rule, value, hash);
        if (!cell) {
            is_incomplete_ = true;
            continue;
        }
        auto const cap = rule.caps[static_cast<std::size_t>(priority_)];
        list_.asks.push_back({cell, rule.kind, 0, cap, rules.estimates});
    }
}

store::LimitCell* Asking::named_cell(Rule const& rule, std::string_view value,
                                     std::uint64_t& hash) {
    auto* const named = state_.named();
    if (!named) return nullptr;
    if (hash == 0) hash = names_.of(value);
    return named->find(hash, rule.salt, value, rule.kind, rule.period, rule.zone, state_.budgets());
}

Result<void> Asking::check_store() const {
    if (is_incomplete_ || (must_be_kept_ && state_.store_is_failing())) return store_down();
    return {};
}

bool Asking::bounds_output() const noexcept {
    for (auto const* rules : list_.owners) {
        if (rules->tokens_per_request && !rules->estimates) return true;
    }
    return std::any_of(list_.asks.begin(), list_.asks.end(), [](Ask const& ask) {
        return !ask.is_likely && ask.kind != LimitKind::requests &&
               ask.kind != LimitKind::concurrency;
    });
}

void Asking::bound_output(Demand& demand, TokenBound const& bound) const noexcept {
    auto most = demand.output;
    auto const answers = std::max<std::int64_t>(demand.answers, 1);
    for (auto const* rules : list_.owners) {
        if (rules->tokens_per_request && !rules->estimates) {
            most = std::min(most, (*rules->tokens_per_request - demand.likely_read()) / answers);
        }
    }
    for (auto const& ask : list_.asks) {
        if (ask.is_likely) continue;
        if (ask.kind == LimitKind::tokens || ask.kind == LimitKind::token_budget) {
            most = std::min(most, (ask.cap - demand.likely_read()) / answers);
        } else if (ask.kind == LimitKind::usd_budget && bound.output_price > 0) {
            auto const left =
                PicoUsdSum{ask.cap} * 1000 - PicoUsdSum{demand.likely_read()} * bound.input_price;
            // Most caps have room for any answer: that is seen without dividing 128 bits.
            if (left >= PicoUsdSum{bound.output_price} * answers * most) continue;
            auto const tokens = left / bound.output_price / answers;
            most = std::min(most, static_cast<std::int64_t>(std::min<PicoUsdSum>(tokens, most)));
        }
    }
    demand.output = std::max<std::int64_t>(most, 1);
    demand.likely_output = std::min(demand.likely_output, demand.output);
}

Result<void> Asking::check_request(Demand const& demand) const {
    for (auto const* rules : list_.owners) {
        if (!rules->tokens_per_request) continue;
        auto const tokens =
            rules->estimates ? demand.likely_tokens() : demand.likely_read() + demand.written();
        if (tokens <= *rules->tokens_per_request) continue;
        state_.count_refusal(rules->owner, per_request_kind);
        return never_fits(*rules, std::to_string(*rules->tokens_per_request) + " tokens a request",
                          tokens, *rules->tokens_per_request);
    }
    return {};
}

void Asking::fill(Amounts const& amounts) noexcept {
    for (auto& ask : list_.asks) {
        auto const wanted = of_kind(ask.is_likely ? amounts.estimate : amounts.most, ask.kind);
        auto const least = of_kind(ask.is_likely ? amounts.estimate : amounts.likely, ask.kind);
        ask.amount = least <= ask.cap ? std::min(wanted, ask.cap) : wanted;
    }
}

void Asking::fill_beyond(Used const& bound, Used const& likely) noexcept {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < list_.asks.size(); ++i) {
        auto& ask = list_.asks[i];
        ask.amount = of_kind(ask.is_likely ? likely : bound, ask.kind);
        bool const is_of_use =
            ask.kind != LimitKind::concurrency && ask.kind != LimitKind::requests;
        if (ask.amount == 0 || !is_of_use) continue;
        list_.asks[kept++] = ask;
        list_.places.push_back(i);
    }
    list_.asks.resize(kept);
}

// Whose rule it is is asked only when it has refused.
Asking::RuleOf Asking::rule_of(std::size_t ask) const {
    auto place = list_.places.empty() ? ask : list_.places[ask];
    for (auto const* rules : list_.owners) {
        for (auto const& rule : rules->rules) {
            if (counts_only_ && rule.kind != LimitKind::concurrency) continue;
            if (place-- == 0) return {*rules, rule};
        }
    }
    std::abort();  // every ask is of a rule: check_store() lets none pass without a cell
}

Error Asking::refused(Denied const& denied, Moment now) const {
    auto const& ask = list_.asks[denied.ask];
    auto const by = rule_of(denied.ask);
    state_.count_refusal(by.rules.owner, static_cast<std::size_t>(ask.kind));
    auto const left = std::max<std::int64_t>(ask.cap - ask.cell->held(now), 0);
    return refusal({&by.rules, &by.rule, ask.amount, ask.cap, left}, denied);
}

void Asking::write_figures(RateLimitFigures& figures, Moment now) const noexcept {
    figures.now_unix_s = now.unix_s;
    Ask const* requests = nullptr;
    Ask const* tokens = nullptr;
    for (auto const& ask : list_.asks) {
        bool const is_requests = ask.kind == LimitKind::requests;
        if (!is_requests && ask.kind != LimitKind::tokens) continue;
        auto& figure = is_requests ? figures.requests : figures.tokens;
        auto const remaining = std::max<std::int64_t>(ask.cap - ask.cell->held(now), 0);
        if (figure.limit != 0 && figure.remaining <= remaining) continue;
        figure.limit = ask.cap;
        figure.remaining = remaining;
        (is_requests ? requests : tokens) = &ask;
    }
    if (requests) figures.requests.reset_s = requests->cell->reset_s(now);
    if (tokens) figures.tokens.reset_s = tokens->cell->reset_s(now);
}

}  // namespace sluice::stage
