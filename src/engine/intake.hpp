// read_request(): the body, one validating walk, then the route. In that order, so that an unknown
// and a forbidden model get the same answer and nothing is read for a caller who is not known.
#pragma once

#include "sluice/async.hpp"
#include "sluice/exchange.hpp"

#include "engine/route.hpp"

namespace sluice::engine {

// Sets x.principal. Under server.auth none there is nothing to check. Errors: those of
// stage::authenticate, too_many_auth_failures (429, before any hashing), address_not_allowed.
Result<void> authenticate(Exchange& x);

// Sets body, facts, route and deadline. Errors are the caller's (4xx), or overloaded (503).
Async<> read_request(Exchange& x, Codec const& codec);

// Counts bytes of a body, asked or answered, against the process-wide bound. False: it is passed;
// they count all the same until release_body().
bool hold_bytes(Exchange& x, std::int64_t bytes) noexcept;
// What a caller is told then: 503, and when to come again.
Error holds_too_much();

// Drops the body and gives its bytes back to the process-wide bound. Idempotent.
void release_body(Exchange& x) noexcept;

// The route of a model this caller may use. Error: model_not_found with the nearest names.
Result<Route const*> find_route(Exchange const& x, std::string_view model);

// What cancels the work upstream: the client, or under on_disconnect drain only the end of a drain.
Cancel& upstream_cancel(Exchange& x) noexcept;

}  // namespace sluice::engine
