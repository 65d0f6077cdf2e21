#include "stage/limiter/refusal.hpp"

#include <fmt/format.h>

namespace sluice::stage {
namespace {

using store::LimitKind;

// "team 'search'"; of what callers do not know of only that it is the gateway's.
std::string owner_of(Rules const& rules) {
    switch (rules.owner) {
        case OwnerKind::team:
        case OwnerKind::key:
        case OwnerKind::route:
        case OwnerKind::tag:
            return fmt::format("{} '{}'", to_string(rules.owner), rules.name);
        case OwnerKind::user:
            return fmt::format("each end user of team '{}'", rules.name);
        default:
            return "the gateway towards this model's provider";
    }
}

std::string usd(std::int64_t nano) {
    return fmt::format("{}.{:04} USD", nano / 1'000'000'000, nano % 1'000'000'000 / 100'000);
}

std::string amount_of(LimitKind kind, std::int64_t amount) {
    switch (kind) {
        case LimitKind::requests:
            return fmt::format("{} requests", amount);
        case LimitKind::concurrency:
            return fmt::format("{} requests", amount);
        case LimitKind::tokens:
        case LimitKind::token_budget:
            return fmt::format("{} tokens", amount);
        case LimitKind::usd_budget:
            return usd(amount);
    }
    return {};
}

std::string limit_of(Rule const& rule, std::int64_t cap) {
    auto const amount = amount_of(rule.kind, cap);
    if (rule.kind == LimitKind::concurrency) return amount + " under way at once";
    if (!rule.is_budget()) return amount + " per minute";
    return fmt::format("{} ({})", amount, rule.name);
}

std::string wait_text(std::int64_t s) {
    if (s < 120) return fmt::format("{} s", s);
    if (s < 2 * 3600) return fmt::format("{} min", (s + 59) / 60);
    if (s < 48 * 3600) return fmt::format("{} h", (s + 3599) / 3600);
    return fmt::format("{} days", (s + 86'399) / 86'400);
}

bool is_callers(OwnerKind owner) noexcept { return owner < OwnerKind::provider; }

}  // namespace

Error refusal(RefusedAsk const& ask, store::Denied const& denied) {
    auto const& rule = *ask.rule;
    bool const is_callers_own = is_callers(ask.rules->owner);
    if (denied.never) {
        auto error = never_fits(*ask.rules, limit_of(rule, ask.cap), ask.amount, ask.cap);
        if (rule.kind == LimitKind::usd_budget) {
            error.message = fmt::format(
                "This request may cost up to {}, more than the limit of {} of {}. Lower its "
                "max_tokens, or shorten it.",
                usd(ask.amount), limit_of(rule, ask.cap), owner_of(*ask.rules));
        }
        return error;
    }
    std::string message;
    if (rule.kind == LimitKind::concurrency || rule.kind == LimitKind::requests) {
        message = fmt::format("The limit of {} of {} is reached: {} left. Try again in {}.",
                              limit_of(rule, ask.cap), owner_of(*ask.rules), ask.left,
                              wait_text(denied.retry_after_s));
    } else {
        message = fmt::format(
            "The limit of {} of {} is reached: {} left, and this request may use up to {}. Try "
            "again in {}.",
            limit_of(rule, ask.cap), owner_of(*ask.rules), amount_of(rule.kind, ask.left),
            amount_of(rule.kind, ask.amount), wait_text(denied.retry_after_s));
    }
    auto const code =
        rule.is_budget() ? ErrorCode::budget_exceeded : ErrorCode::rate_limit_exceeded;
    auto detail = fmt::format("{} {} {}", to_string(ask.rules->owner), ask.rules->name, rule.name);
    auto error = is_callers_own ? client_error(code, 429, std::move(message), std::move(detail))
                                : gateway_error(code, 429, std::move(message), std::move(detail));
    if (!is_callers_own) error.retry = Retry::next;
    error.retry_after_ms = denied.retry_after_s * 1000;
    return error;
}

Error never_fits(Rules const& rules, std::string_view limit, std::int64_t tokens, std::int64_t) {
    auto message = fmt::format(
        "This request may use up to {} tokens, more than the limit of {} of {}. Lower its "
        "max_tokens, or shorten it.",
        tokens, limit, owner_of(rules));
    auto error = is_callers(rules.owner)
                     ? client_error(ErrorCode::request_exceeds_limit, 400, std::move(message))
                     : gateway_error(ErrorCode::request_exceeds_limit, 400, std::move(message));
    if (!is_callers(rules.owner)) error.retry = Retry::next;
    return error;
}

Error unpriced(Rules const& rules) {
    auto error = gateway_error(
        ErrorCode::limits_unavailable, 503,
        fmt::format("No price is known for this model, and a budget in USD of {} applies. Use "
                    "another model, or ask the gateway's operator to give its price.",
                    owner_of(rules)));
    error.retry = Retry::next;
    return error;
}

Error store_down() {
    auto error = gateway_error(ErrorCode::limits_unavailable, 503,
                               "The gateway cannot keep its budgets right now and therefore spends "
                               "nothing. Try again shortly.");
    error.retry_after_ms = 5000;
    return error;
}

}  // namespace sluice::stage
