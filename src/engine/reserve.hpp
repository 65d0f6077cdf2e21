// What a request and each of its attempts reserve of the limits, when there are any. Called by the
// endpoint before the plan, by dispatch and finish; calls the Snapshot's Limiter.
#pragma once

#include "sluice/exchange.hpp"

#include "engine/route.hpp"

namespace sluice::engine {

// Key, team, route, user, tags. Errors are for the caller: 429 and what it says.
Result<void> reserve_request(Exchange& x);
// Provider, credential (may be null), target. Errors: see Limiter::begin_attempt.
Result<void> reserve_attempt(Exchange& x, Target const& target,
                             provider::Credential const* credential);
// The attempt at the end of the record (and its siblings) has failed: what it held is settled with
// what it used.
void settle_attempt(Exchange& x) noexcept;

// Sets the cost of an attempt, where its price is known.
void reckon_cost(Exchange const& x, AttemptRecord& attempt);

}  // namespace sluice::engine
