// Held: what one request holds of its limits, from admit() to finish(). A member of its Exchange;
// the rules are its Snapshot's, the cells LimitState's: both outlive it. Called by
// token_limiter.cpp.
#pragma once

#include <vector>

#include "sluice/blocks.hpp"
#include "sluice/limiter.hpp"
#include "sluice/usage_record.hpp"

#include "stage/limiter/demand.hpp"
#include "stage/limiter/learned.hpp"
#include "stage/limiter/rules.hpp"
#include "store/memory/limit.hpp"

namespace sluice::stage {

class Held final : public HeldLimits, public InBlock {
  public:
    Demand demand;
    bool has_demand = false;
    TokenBound bound;  // of the attempt that is under way, or of all at first
    Learned* learned = nullptr;
    store::Grant owners;
    store::Grant attempt;
    bool has_tokens = false;                      // the owners limit tokens or money
    bool has_likely = false;                      // and some of them by what is likely
    store::Used used_bound, used_likely;          // of attempts that have ended
    Rules const* unpriced_by = nullptr;           // of the owners
    store::Used pending_bound, pending_likely;    // of it, not reserved beyond the first yet
    store::Used reserved_bound, reserved_likely;  // by the owners, for overshoot
    std::size_t ended = 0;                        // attempts whose use is in used_*
    bool was_sent = false;

    // One more attempt has ended: the records since the last.
    void take(std::vector<AttemptRecord> const& records) noexcept;
    // What was pending is reserved now.
    void reserve_pending() noexcept;
    // The answers that were reported teach the route.
    void teach(std::vector<AttemptRecord> const& records) const noexcept;
};

}  // namespace sluice::stage
