// GET /admin/routes: the routes of the running configuration, in the order in which a model name is
// matched, with their tiers, targets and bounds.
#pragma once

#include <string>

#include "engine/snapshot.hpp"

namespace sluice::endpoint {

std::string routes_json(engine::Snapshot const& snapshot, Steady::time_point now);

}  // namespace sluice::endpoint
