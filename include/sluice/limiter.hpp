// Limiter: what the engine asks before a request is served and before each attempt, and tells at
// the end. Implemented by stage/limiter, made by daemon/build; null in a Snapshot where nothing is
// limited. Every call is on the worker of the exchange, without an await.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "sluice/money.hpp"
#include "sluice/result.hpp"

namespace sluice {

struct Exchange;

// The limits of one owner (a provider, a credential, a target), compiled. Known to the limiter
// only.
class LimitRules {
  public:
    virtual ~LimitRules() = default;
};

// What a token can cost at most, and how long an answer can be, at a target or at any of a route's.
struct TokenBound {
    std::int64_t output_max = 0;  // of one answer, in tokens; 0: not known
    PicoUsd input_price = 0;      // of a token
    PicoUsd output_price = 0;
    std::int64_t requests = 1;  // that one attempt sends: each has the prompt and one answer if > 1
    bool has_priced = false;  // of a target at least the price is known
    bool has_unpriced = false;
};

// What a caller is told of its limits: the tightest of each kind.
struct RateLimitFigures {
    struct One {
        std::int64_t limit = 0;  // 0: there is none
        std::int64_t remaining = 0;
        std::int64_t reset_s = 0;  // until all of it is there again
    };
    One requests;
    One tokens;
    std::int64_t now_unix_s = 0;
};

// What one request holds. A member of its Exchange.
class HeldLimits {
  public:
    virtual ~HeldLimits() = default;

    RateLimitFigures figures;
    // The longest answer in tokens, to be set upstream: the caller did not say one.
    std::optional<std::int64_t> output_cap;
};

class Limiter {
  public:
    virtual ~Limiter() = default;

    // Reserves for the team, key, route, user and tags; all or nothing. `bound`: of all targets
    // that may be tried. Errors: rate_limit_exceeded, budget_exceeded, request_exceeds_limit,
    // limits_unavailable.
    virtual Result<void> admit(Exchange& x, TokenBound const& bound) const = 0;
    // Reserves for one attempt: `rules` of its provider, credential and target, nulls among them;
    // and, where attempts before have used something, what this one may use beyond. Errors as
    // above; Retry::next: another target may have room, Retry::no: it is the caller's limits.
    virtual Result<void> begin_attempt(Exchange& x, std::span<LimitRules const* const> rules,
                                       TokenBound const& bound) const = 0;
    // The attempt has failed; its records, the last ones, say what it used.
    virtual void end_attempt(Exchange& x) const noexcept = 0;
    // Settles all that is held with what the record says.
    virtual void finish(Exchange& x) const noexcept = 0;
};

}  // namespace sluice
