#include "dialect/openai_chat/error.hpp"

#include "sluice/json.hpp"

namespace sluice::dialect::openai {

namespace {

struct Wire {
    std::string_view type;
    std::string_view code;
};

Wire wire_of(Error const& error) noexcept {
    auto const name = to_string(error.code);
    switch (error.code) {
        case ErrorCode::missing_api_key:
        case ErrorCode::invalid_api_key:
        case ErrorCode::expired_api_key:
        case ErrorCode::disabled_api_key:
            return {"authentication_error", name};
        case ErrorCode::address_not_allowed:
        case ErrorCode::override_not_allowed:
            return {"permission_error", name};
        case ErrorCode::too_many_auth_failures:
        case ErrorCode::rate_limit_exceeded:
            return {"rate_limit_error", name};
        case ErrorCode::upstream_rate_limited:
            return {"rate_limit_error", "rate_limit_exceeded"};
        case ErrorCode::budget_exceeded:
            return {"insufficient_quota", name};
        case ErrorCode::request_exceeds_limit:
            return {"invalid_request_error", name};
        case ErrorCode::overloaded:
            return {"service_unavailable_error", "server_is_overloaded"};
        case ErrorCode::draining:
        case ErrorCode::ledger_unavailable:
        case ErrorCode::limits_unavailable:
        case ErrorCode::provider_unavailable:
            return {"service_unavailable_error", name};
        case ErrorCode::upstream_rejected:
            return {"invalid_request_error", name};
        case ErrorCode::upstream_server_error:
            if (error.http_status == 503 || error.http_status == 529) {
                return {"service_unavailable_error", name};
            }
            break;
        default:
            break;
    }
    return {error.origin == Origin::client ? "invalid_request_error" : "server_error", name};
}

}  // namespace

std::string write_error(Error const& error, std::string_view request_id) {
    auto const wire = wire_of(error);
    json::Writer out;
    out.begin_object().key("error").begin_object();
    out.member("message", error.message).member("type", wire.type);
    out.key("param").null();
    out.member("code", wire.code);
    if (!request_id.empty()) out.member("request_id", request_id);
    out.end_object().end_object();
    return out.take();
}

std::string write_stream_error(Error const& error, std::string_view request_id) {
    return "data: " + write_error(error, request_id) + "\n\n";
}

}  // namespace sluice::dialect::openai
