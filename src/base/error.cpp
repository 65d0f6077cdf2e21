// Names of error codes and origins, as they stand in answers, logs, records and docs.
#include "sluice/error.hpp"

#include <stdexcept>

#include "sluice/result.hpp"

namespace sluice {

std::string_view to_string(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::invalid_request:
            return "invalid_request";
        case ErrorCode::invalid_json:
            return "invalid_json";
        case ErrorCode::duplicate_member:
            return "duplicate_member";
        case ErrorCode::unsupported_media_type:
            return "unsupported_media_type";
        case ErrorCode::unsupported_encoding:
            return "unsupported_encoding";
        case ErrorCode::head_too_large:
            return "head_too_large";
        case ErrorCode::body_too_large:
            return "body_too_large";
        case ErrorCode::request_timeout:
            return "request_timeout";
        case ErrorCode::missing_api_key:
            return "missing_api_key";
        case ErrorCode::invalid_api_key:
            return "invalid_api_key";
        case ErrorCode::expired_api_key:
            return "expired_api_key";
        case ErrorCode::disabled_api_key:
            return "disabled_api_key";
        case ErrorCode::address_not_allowed:
            return "address_not_allowed";
        case ErrorCode::too_many_auth_failures:
            return "too_many_auth_failures";
        case ErrorCode::override_not_allowed:
            return "override_not_allowed";
        case ErrorCode::rate_limit_exceeded:
            return "rate_limit_exceeded";
        case ErrorCode::budget_exceeded:
            return "budget_exceeded";
        case ErrorCode::request_exceeds_limit:
            return "request_exceeds_limit";
        case ErrorCode::model_not_found:
            return "model_not_found";
        case ErrorCode::unknown_path:
            return "unknown_path";
        case ErrorCode::method_not_allowed:
            return "method_not_allowed";
        case ErrorCode::guardrail_blocked:
            return "guardrail_blocked";
        case ErrorCode::client_closed:
            return "client_closed";
        case ErrorCode::overloaded:
            return "overloaded";
        case ErrorCode::draining:
            return "draining";
        case ErrorCode::ledger_unavailable:
            return "ledger_unavailable";
        case ErrorCode::limits_unavailable:
            return "limits_unavailable";
        case ErrorCode::internal:
            return "internal";
        case ErrorCode::provider_unavailable:
            return "provider_unavailable";
        case ErrorCode::upstream_credentials_exhausted:
            return "upstream_credentials_exhausted";
        case ErrorCode::response_too_large:
            return "response_too_large";
        case ErrorCode::upstream_connect:
            return "upstream_connect";
        case ErrorCode::upstream_tls:
            return "upstream_tls";
        case ErrorCode::upstream_timeout:
            return "upstream_timeout";
        case ErrorCode::upstream_reset:
            return "upstream_reset";
        case ErrorCode::upstream_protocol:
            return "upstream_protocol";
        case ErrorCode::upstream_bad_response:
            return "upstream_bad_response";
        case ErrorCode::upstream_rate_limited:
            return "upstream_rate_limited";
        case ErrorCode::upstream_auth:
            return "upstream_auth";
        case ErrorCode::upstream_server_error:
            return "upstream_server_error";
        case ErrorCode::upstream_rejected:
            return "upstream_rejected";
    }
    return "internal";
}

std::string_view to_string(Origin origin) noexcept {
    switch (origin) {
        case Origin::client:
            return "client";
        case Origin::gateway:
            return "gateway";
        case Origin::upstream:
            return "upstream";
    }
    return "gateway";
}

ErrorBox::ErrorBox(Error error) : error_(new Error(std::move(error))) {}

void ErrorBox::throw_empty() { throw std::logic_error("a result without an error"); }

Error* ErrorBox::copy_of(Error const& error) { return new Error(error); }

void ErrorBox::destroy(Error* error) noexcept { delete error; }

}  // namespace sluice
