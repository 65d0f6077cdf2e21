#include "engine/answer.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "engine/guarding.hpp"
#include "engine/snapshot.hpp"
#include "net/server_stream.hpp"

namespace sluice::engine {
namespace {

void add_cors(Exchange const& x, http::HeaderBlock& headers) {
    auto const* cors = x.snapshot.cors.get();
    if (!cors) return;
    auto const origin = x.client.head().headers.get("origin");
    if (origin.empty()) return;
    for (auto const& allowed : cors->allow_origins) {
        if (allowed != "*" && allowed != origin) continue;
        headers.add("access-control-allow-origin", allowed == "*" ? "*" : origin);
        headers.add("access-control-expose-headers", "*");
        if (allowed != "*") headers.add("vary", "origin");
        return;
    }
}

}  // namespace

void add_answer_headers(Exchange const& x, http::HeaderBlock& headers) {
    headers.add_trusted("x-sluice-request-id", x.record.id.view());
    auto const own = x.dialect->request_id_header;
    if (!own.empty()) headers.add_trusted(own, x.record.id.view());
    auto const& wanted = x.snapshot.answer_headers;
    if (wanted.route && x.route) headers.add("x-sluice-route", x.route->name);
    if (!x.record.attempts.empty()) {
        auto const& last = x.record.attempts.back();
        if (wanted.provider) headers.add("x-sluice-provider", last.provider);
        if (wanted.model) headers.add("x-sluice-model", last.model);
        if (wanted.attempts) {
            headers.add("x-sluice-attempts", fmt::format_int(x.record.attempts.size()).c_str());
        }
    }
    if (x.limits && x.dialect->add_rate_limits) {
        x.dialect->add_rate_limits(x.limits->figures, headers);
    }
    if (!x.losses.empty()) headers.add("x-sluice-losses", x.losses.joined());
    if (x.guards && !x.guards->tallies.empty()) {
        headers.add("x-sluice-guardrails", guards_header(x));
    }
    add_cors(x, headers);
}

void note(Exchange& x, Error const& error) {
    x.record.error_code = to_string(error.code);
    x.record.error_origin = to_string(error.origin);
    if (x.record.status == 0) x.record.status = error.http_status;
    if (error.code == ErrorCode::client_closed) return;
    if (error.origin != Origin::client) {
        log::warn("request {} failed: {} ({}) {}", x.record.id.view(), to_string(error.code),
                  error.http_status, error.detail.empty() ? error.message : error.detail);
    } else {
        log::debug("request {} refused: {} ({}) {}", x.record.id.view(), to_string(error.code),
                   error.http_status, error.detail);
    }
}

Async<> refuse(Exchange& x, Error error, std::string_view allow) {
    if (error.http_status == 529) error.http_status = x.dialect->overloaded_status;
    if (x.client.head_sent()) {
        note(x, error);
        if (!x.record.streamed) {
            x.client.abort();
            co_return Result<void>{};
        }
        std::string const frame = x.dialect->write_stream_error(error, x.record.id.view());
        std::string_view const pieces[] = {frame};
        co_return co_await x.client.write(pieces, true);
    }
    x.record.status = error.http_status;
    note(x, error);
    http::HeaderBlock headers;
    headers.add("content-type", "application/json");
    add_answer_headers(x, headers);
    headers.add("x-sluice-error-origin", to_string(error.origin));
    if (error.http_status == 401) headers.add("www-authenticate", "Bearer");
    if (!allow.empty()) headers.add("allow", allow);
    if (error.retry_after_ms > 0) {
        headers.add("retry-after", fmt::format_int((error.retry_after_ms + 999) / 1000).c_str());
    }
    std::string const body = x.dialect->write_error(error, x.record.id.view());
    co_return co_await x.client.respond(error.http_status, headers, std::string_view{body});
}

Async<> answer_text(Exchange& x, std::uint16_t status, std::string_view content_type,
                    std::string body) {
    x.record.status = status;
    http::HeaderBlock headers;
    headers.add("content-type", content_type);
    add_answer_headers(x, headers);
    auto sent = co_await x.client.respond(status, headers, std::string_view{body});
    x.record.completed = sent.ok();
    co_return sent;
}

Async<> answer_json(Exchange& x, std::uint16_t status, std::string body) {
    co_return co_await answer_text(x, status, "application/json", std::move(body));
}

}  // namespace sluice::engine
