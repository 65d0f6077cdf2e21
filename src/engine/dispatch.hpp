// dispatch(): tries the plan's targets until one speaks. No byte has reached the caller before, so
// failing over is always legal here.
#pragma once

#include "engine/attempt.hpp"
#include "engine/plan.hpp"

namespace sluice::engine {

// Each round visits every target once: its credentials first, then the next target. Between rounds
// it waits, with jitter, at least as long as Retry-After says. `attempts_max` bounds all of it.
// Errors: the last attempt's, or upstream_credentials_exhausted.
Async<std::unique_ptr<Answer>> dispatch(Exchange& x, Codec const& codec, Plan const& plan);

}  // namespace sluice::engine
