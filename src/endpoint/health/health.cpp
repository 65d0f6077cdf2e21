#include "endpoint/health/health.hpp"

#include "engine/answer.hpp"
#include "engine/snapshot.hpp"
#include "net/server_stream.hpp"
#include "stage/auth/admin_token.hpp"

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
    auto allowed = stage::authorize_admin(x.snapshot.admin_token, x.client.head().headers);
    if (!allowed) co_return co_await engine::refuse(x, std::move(allowed).error());
    auto page = co_await scrape_(x.client.cancel());
    if (!page) co_return co_await engine::refuse(x, std::move(page).error());
    co_return co_await engine::answer_text(x, 200, "text/plain; version=0.0.4; charset=utf-8",
                                           std::move(*page));
}

}  // namespace sluice::endpoint
