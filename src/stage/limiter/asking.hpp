// Asking: one decision about a request or an attempt: which owners' rules concern it, how much is
// asked of each, and what a refusal or the caller's figures say. On the stack of token_limiter.cpp;
// its lists are the worker's.
#pragma once

#include <string_view>

#include "sluice/exchange.hpp"

#include "stage/limiter/ask_list.hpp"
#include "stage/limiter/demand.hpp"
#include "stage/limiter/limit_state.hpp"

namespace sluice::stage {

// What `used` says of a kind.
std::int64_t of_kind(store::Used const& used, store::LimitKind kind) noexcept;

class Asking {
  public:
    // Of the worker's lists, one at a time.
    Asking(LimitState& state, Exchange const& x);
    Asking(Asking const&) = delete;
    Asking& operator=(Asking const&) = delete;

    void add(Rules const* rules) {
        if (rules) add(*rules, {});
    }
    // `value` names the owner where the rules are per value.
    void add(Rules const& rules, std::string_view value);

    // Error: a budget that cannot be kept where that is asked for, or an owner has no cell.
    [[nodiscard]] Result<void> check_store() const;
    [[nodiscard]] bool bounds_output() const noexcept;
    // The longest answer that every cap has room for, for an open request whose answer is bounded.
    void bound_output(Demand& demand, TokenBound const& bound) const noexcept;
    // Error: a request that is too large for one of the owners in any case.
    [[nodiscard]] Result<void> check_request(Demand const& demand) const;

    // What can be used at most, or likely. Where the proof goes beyond the cap and the estimate
    // does not, the whole cap is reserved: such a request runs alone.
    void fill(Amounts const& amounts) noexcept;
    // What attempts before have used and nobody reserved. What asks for nothing is left out.
    void fill_beyond(store::Used const& bound, store::Used const& likely) noexcept;

    [[nodiscard]] Error refused(store::Denied const& denied, store::Moment now) const;
    // The tightest of each kind.
    void write_figures(RateLimitFigures& figures, store::Moment now) const noexcept;

    [[nodiscard]] AskList const& list() const noexcept { return list_; }
    [[nodiscard]] bool needs_demand() const noexcept { return needs_demand_; }
    // Who wants no target without a price; null: nobody.
    [[nodiscard]] Rules const* unpriced_by() const noexcept { return unpriced_by_; }
    // Of the asks about tokens or money: is there any, and does any go by what is likely?
    [[nodiscard]] bool has_tokens() const noexcept { return has_tokens_; }
    [[nodiscard]] bool has_likely() const noexcept { return has_likely_; }

  private:
    struct RuleOf {
        Rules const& rules;
        Rule const& rule;
    };
    [[nodiscard]] RuleOf rule_of(std::size_t ask) const;  // an index of list_.asks
    // One by one: where cells are named, or only some are asked.
    void add_each(Rules const& rules, std::string_view value);
    store::LimitCell* named_cell(Rule const& rule, std::string_view value, std::uint64_t& hash);

    LimitState& state_;
    AskList& list_;
    NameHashes& names_;
    Priority priority_;
    bool counts_only_;
    bool needs_demand_ = false;
    bool must_be_kept_ = false;
    bool is_incomplete_ = false;
    bool has_tokens_ = false;
    bool has_likely_ = false;
    Rules const* unpriced_by_ = nullptr;
};

}  // namespace sluice::stage
