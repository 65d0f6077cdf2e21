#include "dialect/anthropic/error.hpp"

#include "sluice/json.hpp"

namespace sluice::dialect::anthropic {
namespace {

// The types an SDK of this dialect knows; `code` beside it is sluice's own name.
std::string_view type_of(Error const& error) noexcept {
    switch (error.code) {
        case ErrorCode::missing_api_key:
        case ErrorCode::invalid_api_key:
        case ErrorCode::expired_api_key:
        case ErrorCode::disabled_api_key:
            return "authentication_error";
        case ErrorCode::address_not_allowed:
        case ErrorCode::override_not_allowed:
            return "permission_error";
        case ErrorCode::model_not_found:
        case ErrorCode::unknown_path:
            return "not_found_error";
        case ErrorCode::body_too_large:
            return "request_too_large";
        case ErrorCode::upstream_rate_limited:
        case ErrorCode::too_many_auth_failures:
            return "rate_limit_error";
        case ErrorCode::overloaded:
        case ErrorCode::draining:
        case ErrorCode::ledger_unavailable:
        case ErrorCode::limits_unavailable:
        case ErrorCode::provider_unavailable:
            return "overloaded_error";
        case ErrorCode::upstream_timeout:
        case ErrorCode::request_timeout:
            return "timeout_error";
        default:
            break;
    }
    switch (error.http_status) {
        case 401:
            return "authentication_error";
        case 403:
            return "permission_error";
        case 404:
            return "not_found_error";
        case 413:
            return "request_too_large";
        case 429:
            return "rate_limit_error";
        case 503:
        case 529:
            return "overloaded_error";
        case 504:
            return "timeout_error";
        default:
            break;
    }
    bool const is_request = error.http_status >= 400 && error.http_status < 500;
    return is_request ? "invalid_request_error" : "api_error";
}

}  // namespace

std::string write_error(Error const& error, std::string_view request_id) {
    json::Writer out;
    out.begin_object().member("type", "error").key("error").begin_object();
    out.member("type", type_of(error)).member("message", error.message);
    out.member("code", to_string(error.code)).end_object();
    if (!request_id.empty()) out.member("request_id", request_id);
    out.end_object();
    return out.take();
}

std::string write_stream_error(Error const& error, std::string_view request_id) {
    return "event: error\ndata: " + write_error(error, request_id) + "\n\n";
}

}  // namespace sluice::dialect::anthropic
