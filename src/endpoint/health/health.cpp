#include "endpoint/health/health.hpp"

#include "codec/sha256.hpp"
#include "engine/answer.hpp"
#include "net/server_stream.hpp"
#include "stage/auth/authenticate.hpp"

namespace sluice::endpoint {

Async<> Healthz::run(Exchange& x) {
    co_return co_await engine::answer_json(x, 200, "{\"status\":\"ok\"}\n");
}

Async<> Readyz::run(Exchange& x) {
    auto const reason = probe_();
    if (reason.empty()) co_return co_await engine::answer_json(x, 200, "{\"status\":\"ready\"}\n");
    co_return co_await engine::refuse(
        x, gateway_error(ErrorCode::draining, 503, "Not ready: " + reason + "."));
}

Async<> MetricsPage::run(Exchange& x) {
    if (!token_.empty()) {
        auto const presented = stage::presented_key(x.client.head().headers);
        if (!codec::equal_in_constant_time(codec::sha256(presented),
                                           codec::sha256(token_.reveal()))) {
            co_return co_await engine::refuse(
                x, client_error(ErrorCode::invalid_api_key, 401,
                                "Send the admin token as 'Authorization: Bearer <token>'."));
        }
    }
    auto page = co_await scrape_(x.client.cancel());
    if (!page) co_return co_await engine::refuse(x, std::move(page).error());
    co_return co_await engine::answer_text(x, 200, "text/plain; version=0.0.4; charset=utf-8",
                                           std::move(*page));
}

}  // namespace sluice::endpoint
