// The caller's limits as headers, the way this dialect's SDKs look for them:
// anthropic-ratelimit-*, times as RFC 3339. Pure; called
// for each answer of a limited request.
#pragma once

#include "sluice/http.hpp"
#include "sluice/limiter.hpp"

namespace sluice::dialect::anthropic {

void add_rate_limits(RateLimitFigures const& figures, http::HeaderBlock& headers);

}  // namespace sluice::dialect::anthropic
