// What /admin/limits shows: every limit with its cap, what is used and reserved, when it is all
// there again. Called by the daemon's admin page; any thread.
#pragma once

#include <string>

#include "stage/limiter/token_limiter.hpp"

namespace sluice::stage {

// `limiter` null: nothing is limited.
std::string limits_json(TokenLimiter const* limiter);

}  // namespace sluice::stage
