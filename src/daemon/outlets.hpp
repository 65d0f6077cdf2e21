// What the daemon tells telemetry: the trace exporter made from config, figures of the Snapshot.
// Called by daemon.cpp.
#pragma once

#include <memory>
#include <vector>

#include "sluice/result.hpp"

#include "config/document.hpp"
#include "engine/snapshot.hpp"
#include "stage/limiter/budget_watch.hpp"
#include "telemetry/metrics.hpp"
#include "telemetry/trace/exporter.hpp"
#include "telemetry/webhook.hpp"

namespace sluice::daemon {

// Null: off.
Result<std::unique_ptr<telemetry::TraceExporter>> open_traces(config::Traces const& settings,
                                                              unsigned workers);

// Null: off.
std::unique_ptr<telemetry::Webhook> open_webhook(config::BudgetWebhook const& settings);

// `limiter`, `webhook`: null where there is none.
telemetry::LimitFigures limit_figures(stage::LimitState const& state,
                                      stage::TokenLimiter const* limiter,
                                      stage::BudgetWatch const& watch,
                                      telemetry::Webhook const* webhook);

std::vector<telemetry::CredentialFigures> credential_figures(engine::Snapshot const& snapshot);

}  // namespace sluice::daemon
