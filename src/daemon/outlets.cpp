#include "daemon/outlets.hpp"

#include "base/version.hpp"
#include "telemetry/trace/collector.hpp"

namespace sluice::daemon {

Result<std::unique_ptr<telemetry::TraceExporter>> open_traces(config::Traces const& settings,
                                                              unsigned workers) {
    std::unique_ptr<telemetry::TraceExporter> exporter;
    if (settings.endpoint.empty()) return exporter;
    telemetry::CollectorOptions collector;
    collector.url = settings.endpoint;
    collector.headers = settings.headers;
    collector.tls_ca = settings.tls_ca;
    collector.timeout = milliseconds{settings.timeout_ms};
    auto opened = telemetry::Collector::open(std::move(collector));
    if (!opened) return std::move(opened).error();
    telemetry::ExporterOptions options;
    options.service_name = settings.service_name;
    options.resource = settings.resource;
    options.version = std::string{version()};
    return std::make_unique<telemetry::TraceExporter>(std::move(*opened), workers,
                                                      std::move(options));
}

std::unique_ptr<telemetry::Webhook> open_webhook(config::BudgetWebhook const& settings) {
    if (settings.url.empty()) return nullptr;
    telemetry::WebhookOptions options;
    options.url = settings.url;
    options.secret = settings.secret;
    options.timeout = milliseconds{settings.timeout_ms};
    options.attempts_max = settings.attempts_max;
    return std::make_unique<telemetry::Webhook>(std::move(options));
}

telemetry::LimitFigures limit_figures(stage::LimitState const& state,
                                      stage::TokenLimiter const* limiter,
                                      stage::BudgetWatch const& watch,
                                      telemetry::Webhook const* webhook) {
    constexpr std::array<char const*, stage::limit_kind_count> kinds = {
        "concurrency", "requests", "tokens", "token_budget", "usd_budget", "tokens_per_request"};
    constexpr double nano_per_usd = 1e9;
    auto const seen = state.figures();
    telemetry::LimitFigures figures;
    for (std::size_t i = 0; i < stage::owner_kind_count; ++i) {
        for (std::size_t j = 0; j < kinds.size(); ++j) {
            if (seen.refused[i][j] == 0) continue;
            figures.refused.push_back({std::string{to_string(static_cast<stage::OwnerKind>(i))},
                                       kinds[j], seen.refused[i][j]});
        }
    }
    auto const now = stage::LimitState::now();
    for (auto const& each : limiter ? limiter->all() : std::vector<stage::TokenLimiter::Seen>{}) {
        if (!each.rule->is_budget() || !each.rule->cell) continue;
        auto const held = each.cell->state(now);
        figures.budgets.push_back(
            {std::string{to_string(each.owner)}, each.name, each.rule->name,
             static_cast<double>(held.held - held.reserved) / static_cast<double>(each.rule->cap)});
    }
    figures.warnings = watch.warnings();
    figures.overshoot_tokens = seen.overshoot_tokens;
    figures.overshoot_usd = static_cast<double>(seen.overshoot_nano_usd) / nano_per_usd;
    figures.leases_expired = seen.leases_expired;
    figures.owners_named = seen.owners_named;
    figures.store_failing = seen.store_failing;
    if (webhook) {
        auto const counters = webhook->counters();
        figures.webhooks_sent = counters.sent;
        figures.webhooks_failed = counters.failed;
        figures.webhooks_dropped = counters.dropped;
    }
    return figures;
}

std::vector<telemetry::CredentialFigures> credential_figures(engine::Snapshot const& snapshot) {
    std::vector<telemetry::CredentialFigures> all;
    auto const now = Steady::now();
    for (auto const& provider : snapshot.providers) {
        for (auto const& credential : provider->credentials) {
            all.push_back({provider->name, credential.name, credential.health->is_benched(now)});
        }
    }
    return all;
}

}  // namespace sluice::daemon
