#include "stage/limiter/limits_page.hpp"

#include <fmt/format.h>

#include "sluice/json.hpp"

namespace sluice::stage {
namespace {

constexpr std::size_t rows_max = 10'000;

// USD as texts, so that no reader rounds them; the rest as whole numbers.
void write_amount(json::Writer& out, std::string_view name, Rule const& rule, std::int64_t amount) {
    if (rule.kind == store::LimitKind::usd_budget) {
        out.member(name, std::string_view{fmt::format("{}.{:09}", amount / 1'000'000'000,
                                                      amount % 1'000'000'000)});
    } else {
        out.member(name, amount);
    }
}

}  // namespace

std::string limits_json(TokenLimiter const* limiter) {
    json::Writer out;
    out.begin_object().member("store_failing", limiter && limiter->state().store_is_failing());
    out.key("limits").begin_array();
    std::size_t rows = 0;
    std::size_t left_out = 0;
    auto const now = LimitState::now();
    for (auto const& seen : limiter ? limiter->all() : std::vector<TokenLimiter::Seen>{}) {
        if (++rows > rows_max) {
            ++left_out;
            continue;
        }
        auto const state = seen.cell->state(now);
        auto const& rule = *seen.rule;
        out.begin_object().member("owner", to_string(seen.owner)).member("name", seen.name);
        out.member("limit", rule.name);
        write_amount(out, "cap", rule, rule.cap);
        write_amount(out, "used", rule, state.held - state.reserved);
        write_amount(out, "reserved", rule, state.reserved);
        write_amount(out, "remaining", rule, std::max<std::int64_t>(rule.cap - state.held, 0));
        if (state.reset_s > 0) out.member("reset_s", state.reset_s);
        out.end_object();
    }
    out.end_array().member("left_out", left_out).end_object();
    return out.take() + "\n";
}

}  // namespace sluice::stage
