#include "engine/tracing.hpp"

#include <algorithm>

#include "base/trace_context.hpp"
#include "engine/snapshot.hpp"
#include "net/server_stream.hpp"

namespace sluice::engine {
namespace {

constexpr std::uint64_t two_to_56 = std::uint64_t{1} << 56;

// The last 7 bytes of a trace id are its random part (W3C Trace Context level 2), so that services
// with the same ratio sample the same traces.
bool is_drawn(TraceId const& id, std::uint64_t sample) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 9; i < id.size(); ++i) value = value << 8 | id[i];
    return value < sample;
}

// Several fields are one list. Invalid or too long: none.
std::string tracestate_of(http::HeaderView headers) {
    std::string joined;
    for (auto const& field : headers) {
        if (!http::iequals(field.name, "tracestate") || field.value.empty()) continue;
        if (joined.size() + field.value.size() >= tracestate_bytes_max) return {};
        if (!joined.empty()) joined += ',';
        joined += field.value;
    }
    return is_tracestate(joined) ? joined : std::string{};
}

}  // namespace

std::uint64_t TracePolicy::to_sample(double ratio) noexcept {
    return static_cast<std::uint64_t>(std::clamp(ratio, 0.0, 1.0) * static_cast<double>(two_to_56));
}

void begin_trace(Exchange& x) {
    auto const& policy = x.snapshot.trace;
    auto const& headers = x.client.head().headers;
    auto& trace = x.record.trace;
    if (auto const given = headers.get("traceparent"); !given.empty()) {
        if (auto parsed = read_traceparent(given)) {
            trace = std::move(*parsed);
            trace.state = tracestate_of(headers);
        }
    }
    if (!policy.is_on) {
        // Nobody would see the spans: the caller's ids are kept for the logs, and for providers.
        trace.span = trace.parent;
        return;
    }
    bool const has_parent = is_set(trace.trace);
    if (!has_parent) trace.trace = new_trace_id();
    trace.span = new_span_id();
    if (!has_parent || !policy.follows_parent) {
        trace.sampled = is_drawn(trace.trace, policy.sample_of_2_56);
    }
}

void begin_attempt_trace(Exchange const& x, provider::Provider const& provider,
                         AttemptRecord& attempt) {
    if (!x.snapshot.trace.is_on) return;
    attempt.span = new_span_id();
    if (!x.record.trace.sampled) return;
    attempt.system = provider.system;
    attempt.server_address = provider.endpoint.host;
    attempt.server_port = provider.endpoint.port;
}

void add_trace_headers(Exchange const& x, AttemptRecord const& attempt,
                       http::HeaderBlock& headers) {
    auto const& trace = x.record.trace;
    if (!x.snapshot.trace.propagates || !is_set(trace.trace)) return;
    auto const& span = is_set(attempt.span) ? attempt.span : trace.span;
    headers.add_trusted("traceparent", to_traceparent(trace.trace, span, trace.sampled));
    if (!trace.state.empty()) headers.add("tracestate", trace.state);
}

}  // namespace sluice::engine
