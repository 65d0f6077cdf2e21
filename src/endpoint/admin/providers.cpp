#include "endpoint/admin/providers.hpp"

#include <set>

#include "sluice/json.hpp"

#include "base/timestamp.hpp"

namespace sluice::endpoint {
namespace {

using provider::CallStats;
using provider::Credential;
using provider::Provider;

std::int64_t to_ms(Steady::duration d) {
    return std::chrono::duration_cast<milliseconds>(d).count();
}

void write_stats(json::Writer& out, CallStats const& stats) {
    auto const report = stats.report();
    out.member("calls", report.calls).member("failures", report.failures);
    if (report.last_error) {
        out.member("last_error", to_string(*report.last_error));
        std::string at;
        append_timestamp(at, report.last_error_at);
        out.member("last_error_at", at);
    }
    if (report.samples == 0) return;
    out.key("first_byte_ms").begin_object();
    out.member("p50", static_cast<double>(report.p50.count()) / 1000);
    out.member("p95", static_cast<double>(report.p95.count()) / 1000);
    out.member("samples", report.samples).end_object();
}

void write_credential(json::Writer& out, Credential const& credential, Steady::time_point now) {
    out.begin_object().member("name", credential.name).member("weight", credential.weight);
    bool const is_benched = credential.health->is_benched(now);
    out.member("state", is_benched ? "benched" : "open");
    if (is_benched) out.member("for_ms", to_ms(credential.health->benched_until() - now));
    if (credential.stats) write_stats(out, *credential.stats);
    out.end_object();
}

// Routes that name the same model of a provider share its health and its figures.
void write_targets(json::Writer& out, Provider const& provider, engine::Snapshot const& snapshot,
                   Steady::time_point now) {
    std::set<CallStats const*> seen;
    for (auto const& route : snapshot.routes.all()) {
        for (auto const& tier : route.tiers) {
            for (auto const& target : tier.targets) {
                if (target.provider != &provider) continue;
                if (!seen.insert(target.stats.get()).second) continue;
                out.begin_object();
                out.key("model");
                if (target.model.empty()) out.null();
                if (!target.model.empty()) out.string(target.model);
                auto const skipped_until = target.health->skipped_until(now);
                out.member("state", skipped_until ? "skipped" : "open");
                if (skipped_until) out.member("for_ms", to_ms(*skipped_until - now));
                if (target.stats) write_stats(out, *target.stats);
                out.end_object();
            }
        }
    }
}

}  // namespace

std::string providers_json(engine::Snapshot const& snapshot, Steady::time_point now) {
    json::Writer out;
    out.begin_object().key("providers").begin_array();
    for (auto const& provider : snapshot.providers) {
        out.begin_object().member("name", provider->name);
        out.member("scheme", provider->endpoint.scheme);
        if (!provider->is_mock) out.member("host", provider->endpoint.host_header);
        out.member("available", provider->is_available());
        out.key("credentials").begin_array();
        for (auto const& credential : provider->credentials) write_credential(out, credential, now);
        out.end_array().key("targets").begin_array();
        write_targets(out, *provider, snapshot, now);
        out.end_array().end_object();
    }
    out.end_array().end_object();
    return out.take() + "\n";
}

}  // namespace sluice::endpoint
