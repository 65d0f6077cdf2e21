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
