// The errors of the upstream side, said in one place: what the caller may read (safe) and what the
// log says (phase and reason).
#pragma once

#include <string>
#include <string_view>

#include "sluice/async.hpp"
#include "sluice/error.hpp"

#include "net/cancelled.hpp"

namespace sluice::net {

inline Error cancelled(std::string_view phase, Cancel const& cancel) {
    auto error = cancelled_error(cancel);
    error.detail = std::string{phase} + ": cancelled";
    return error;
}

inline Error timed_out(std::string_view phase, std::string_view what = {}) {
    std::string detail{phase};
    detail += ": no answer in time";
    if (!what.empty()) detail.append(" from ").append(what);
    return upstream_error(ErrorCode::upstream_timeout, Retry::same, 504,
                          "the provider did not answer in time", std::move(detail));
}

// A wait that did not end with ready.
inline Error given_up(Wake wake, Cancel const& cancel, std::string_view phase,
                      std::string_view what = {}) {
    return wake == Wake::timeout ? timed_out(phase, what) : cancelled(phase, cancel);
}

inline Error unconnected(Retry retry, std::string_view phase, std::string_view why) {
    return upstream_error(ErrorCode::upstream_connect, retry, 502,
                          "could not connect to the provider",
                          std::string{phase}.append(": ").append(why));
}

inline Error reset_by_upstream(std::string_view phase, std::string_view why) {
    return upstream_error(ErrorCode::upstream_reset, Retry::same, 502,
                          "the provider closed the connection before its answer was complete",
                          std::string{phase}.append(": ").append(why));
}

}  // namespace sluice::net
