// Trace identity of a request and its attempts (W3C Trace Context,
// https://www.w3.org/TR/trace-context/).
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace sluice {

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;

struct TraceContext {
    TraceId trace{};  // all zero: none
    SpanId span{};    // the request's own span
    SpanId parent{};  // the caller's span from `traceparent`; all zero: the request is the root
    bool sampled = false;
    std::string state;  // the caller's `tracestate`, bounded; "" = none
};

}  // namespace sluice
