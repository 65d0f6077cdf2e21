// What the daemon tells telemetry: the trace exporter made from config, figures of the Snapshot.
// Called by daemon.cpp.
#pragma once

#include <memory>
#include <vector>

#include "sluice/result.hpp"

#include "config/document.hpp"
#include "engine/snapshot.hpp"
#include "telemetry/metrics.hpp"
#include "telemetry/trace/exporter.hpp"

namespace sluice::daemon {

// Null: off.
Result<std::unique_ptr<telemetry::TraceExporter>> open_traces(config::Traces const& settings,
                                                              unsigned workers);

std::vector<telemetry::CredentialFigures> credential_figures(engine::Snapshot const& snapshot);

}  // namespace sluice::daemon
