// What choose() makes of a model name right now, and why: the tiers of the matching route with each
// target's standing and its share of the requests, and one order in which targets would be tried.
//
// Called by `sluice routes explain`. Calls choose() and standing_of(), as the data path does.
#pragma once

#include <string_view>
#include <vector>

#include "sluice/principal.hpp"
#include "sluice/result.hpp"

#include "engine/plan.hpp"
#include "engine/snapshot.hpp"

namespace sluice::engine {

struct ExplainedTarget {
    Target const* target = nullptr;
    Standing standing = Standing::open;
    double share = 0;  // how often it is the first of its tier; 0 when it is not open
};

struct Explanation {
    Route const* route = nullptr;
    std::vector<std::vector<ExplainedTarget>> tiers;
    Plan plan;  // one draw of the dice
};

// `principal` may be null: no key is asked about. Errors: model_not_found where no route matches or
// the key may not use it; those of choose().
Result<Explanation> explain(Snapshot const& snapshot, std::string_view model, Operation operation,
                            Principal const* principal, Dice& dice, Steady::time_point now);

}  // namespace sluice::engine
