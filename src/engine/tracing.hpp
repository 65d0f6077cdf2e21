// The trace identity of an exchange: from the caller's `traceparent`, or new; whether it is
// sampled; and what a provider is told of it. Called by front_door and attempt; calls
// base/trace_context.
#pragma once

#include <cstdint>

#include "sluice/exchange.hpp"
#include "sluice/http.hpp"

#include "provider/provider.hpp"

namespace sluice::engine {

struct TracePolicy {
    bool is_on = false;                // spans are exported
    bool follows_parent = true;        // a caller's decision to sample or not holds
    bool propagates = false;           // traceparent and tracestate go to providers
    std::uint64_t sample_of_2_56 = 0;  // so many of 2^56 traces that begin here are sampled

    static std::uint64_t to_sample(double ratio) noexcept;
};

// Fills x.record.trace. Off and without a traceparent: one look at the headers.
void begin_trace(Exchange& x);
// Names the attempt's span, and says where the provider is; only when it is traced.
void begin_attempt_trace(Exchange const& x, provider::Provider const& provider,
                         AttemptRecord& attempt);
void add_trace_headers(Exchange const& x, AttemptRecord const& attempt, http::HeaderBlock& headers);

}  // namespace sluice::engine
