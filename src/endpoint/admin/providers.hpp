// GET /admin/providers: each provider of the running configuration with its credentials and the
// targets that lead to it: open, benched or skipped and for how long, the class of the last error,
// how many calls, how quick the latest were.
#pragma once

#include <string>

#include "engine/snapshot.hpp"

namespace sluice::endpoint {

std::string providers_json(engine::Snapshot const& snapshot, Steady::time_point now);

}  // namespace sluice::endpoint
