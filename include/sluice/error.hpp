// What went wrong, whose fault it is, and whether trying again can help.
// Errors are values on the data plane; exceptions are for start-up and libraries only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

enum class Origin : std::uint8_t { client, gateway, upstream };

// What the dispatch loop may do: give up, try the same target again, or go on to the next one.
enum class Retry : std::uint8_t { no, same, next };

enum class ErrorCode : std::uint8_t {
    // the caller's fault
    invalid_request,  // malformed HTTP, or a body that breaks a rule we state
    invalid_json,
    duplicate_member,
    unsupported_media_type,
    unsupported_encoding,
    head_too_large,
    body_too_large,
    request_timeout,  // the caller was too slow to send
    missing_api_key,
    invalid_api_key,
    expired_api_key,
    disabled_api_key,
    address_not_allowed,     // the key may not be used from there
    too_many_auth_failures,  // of this address: its keys are not looked at for a while
    override_not_allowed,    // x-sluice-* asks for more than the route gives
    rate_limit_exceeded,     // requests, tokens or concurrency of a limit of ours
    budget_exceeded,         // USD or tokens of a calendar period
    request_exceeds_limit,   // may use more than a limit is in all: it can never be served
    model_not_found,         // unknown or forbidden: one answer for both
    unknown_path,
    method_not_allowed,
    guardrail_blocked,  // a guard does not let the request or the model's answer pass
    client_closed,      // the caller went away; nobody reads the answer
    // ours
    overloaded,
    draining,
    ledger_unavailable,  // usage could not be recorded, and the operator wants none unrecorded
    limits_unavailable,  // budgets cannot be kept, and the operator wants no spending then
    internal,
    provider_unavailable,  // no usable target: unconfigured, benched or skipped
    upstream_credentials_exhausted,
    response_too_large,
    // the provider's
    upstream_connect,
    upstream_tls,
    upstream_timeout,
    upstream_reset,
    upstream_protocol,      // not HTTP, or an answer that breaks its own framing
    upstream_bad_response,  // HTTP fine, content unusable (garbage JSON, error in a 200)
    upstream_rate_limited,
    upstream_auth,          // 401/402/403 for our credential
    upstream_server_error,  // 5xx
    upstream_rejected,      // 4xx about this request: passed to the caller as it came
};

// Stable lower-case name, as it stands in answers, logs, records and docs/reference/errors.md.
std::string_view to_string(ErrorCode code) noexcept;
std::string_view to_string(Origin origin) noexcept;

struct Error {
    ErrorCode code = ErrorCode::internal;
    Origin origin = Origin::gateway;
    Retry retry = Retry::no;
    std::uint16_t http_status = 500;
    std::string message;              // safe for the caller: no secret, no upstream internals
    std::string detail;               // log only
    std::int64_t retry_after_ms = 0;  // 0 = nothing known; else told to the caller as Retry-After
};

inline Error client_error(ErrorCode code, std::uint16_t status, std::string message,
                          std::string detail = {}) {
    return {code, Origin::client, Retry::no, status, std::move(message), std::move(detail), 0};
}
inline Error gateway_error(ErrorCode code, std::uint16_t status, std::string message,
                           std::string detail = {}) {
    return {code, Origin::gateway, Retry::no, status, std::move(message), std::move(detail), 0};
}
inline Error upstream_error(ErrorCode code, Retry retry, std::uint16_t status, std::string message,
                            std::string detail = {}) {
    return {code, Origin::upstream, retry, status, std::move(message), std::move(detail), 0};
}

}  // namespace sluice
