// TokenLimiter: the rules of a Snapshot and what is decided by them, for each request and attempt.
// The one implementation of sluice/limiter.hpp. Immutable; what it counts is LimitState's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sluice/limiter.hpp"

#include "stage/limiter/limit_state.hpp"
#include "stage/limiter/owners.hpp"
#include "stage/limiter/rules.hpp"

namespace sluice::stage {

class Held;

class TokenLimiter final : public Limiter {
  public:
    // `state` outlives it. Error: for the operator.
    static Result<std::shared_ptr<TokenLimiter>> create(config::Document const& document,
                                                        std::shared_ptr<LimitState> state);

    Result<void> admit(Exchange& x, TokenBound const& bound) const override;
    Result<void> begin_attempt(Exchange& x, std::span<LimitRules const* const> rules,
                               TokenBound const& bound) const override;
    void end_attempt(Exchange& x) const noexcept override;
    void finish(Exchange& x) const noexcept override;

    // The rules of providers, credentials and targets; null: none. Names as in config.
    [[nodiscard]] std::shared_ptr<Rules const> provider(std::string const& name) const;
    [[nodiscard]] std::shared_ptr<Rules const> credential(std::string const& provider,
                                                          std::string const& name) const;
    [[nodiscard]] std::shared_ptr<Rules const> target(std::string const& provider,
                                                      std::string const& model) const;

    // Every cell there is now, for people. Any thread; slow.
    struct Seen {
        OwnerKind owner;
        std::string name;
        Rule const* rule;
        store::LimitCell* cell;
    };
    [[nodiscard]] std::vector<Seen> all() const;
    [[nodiscard]] bool is_empty() const noexcept { return owners_.all().empty(); }
    [[nodiscard]] LimitState& state() const noexcept { return *state_; }

  private:
    explicit TokenLimiter(std::shared_ptr<LimitState> state) : state_(std::move(state)) {}
    [[nodiscard]] Held& held_by(Exchange& x) const;
    [[nodiscard]] Result<void> reserve_beyond(Exchange& x, Held& held, store::Moment now) const;

    std::shared_ptr<LimitState> const state_;
    Owners owners_;
};

}  // namespace sluice::stage
