// What a caller may ask for beside its body: x-sluice-timeout-ms (the whole request) and
// x-sluice-retries (attempts after the first). Less than the route gives always holds; more needs
// may_override on the key. None of these headers goes upstream: header_policy names what does.
#pragma once

#include <optional>

#include "sluice/exchange.hpp"
#include "sluice/http.hpp"
#include "sluice/result.hpp"

namespace sluice::engine {

struct Overrides {
    std::optional<milliseconds> timeout;
    std::optional<int> retries;
};

// Error: invalid_request, which names the header and what it takes.
Result<Overrides> read_overrides(http::HeaderView headers);

// Sets deadline and attempts_max, once the route is known. Error: override_not_allowed.
Result<void> apply_overrides(Exchange& x, Overrides const& overrides);

}  // namespace sluice::engine
