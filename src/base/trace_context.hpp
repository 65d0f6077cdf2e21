// W3C Trace Context (https://www.w3.org/TR/trace-context/): `traceparent` and `tracestate` read and
// written, new ids. Called by engine; the ids' randomness is the thread's own.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sluice/trace.hpp"

namespace sluice {

TraceId new_trace_id();  // never all zero
SpanId new_span_id();

inline bool is_set(TraceId const& id) noexcept { return id != TraceId{}; }
inline bool is_set(SpanId const& id) noexcept { return id != SpanId{}; }

// Lower-case hex.
void append_hex(std::string& out, TraceId const& id);
void append_hex(std::string& out, SpanId const& id);

// trace, parent and sampled; nullopt when it is not valid, which means: as if there were none.
std::optional<TraceContext> read_traceparent(std::string_view text) noexcept;
// "00-<trace>-<span>-01".
std::string to_traceparent(TraceId const& trace, SpanId const& span, bool sampled);

inline constexpr std::size_t tracestate_bytes_max = 512;
// At most 32 members "key=value" of printable ASCII, at most tracestate_bytes_max; else it is
// dropped whole, as the specification allows.
bool is_tracestate(std::string_view text) noexcept;

}  // namespace sluice
