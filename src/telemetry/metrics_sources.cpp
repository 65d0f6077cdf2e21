// The families of what is asked of others at each scrape, and of the process. See
// metric_families.hpp.
#include "telemetry/metric_families.hpp"
#include "telemetry/process_figures.hpp"

namespace sluice::telemetry {
namespace {

void add_connections(std::vector<MetricFamily>& families,
                     std::vector<net::WorkerStats> const& workers) {
    net::WorkerStats sum;
    Sum each{MetricType::Gauge, "sluice_worker_connections_open",
             "Connections of callers by the worker that serves them."};
    for (std::size_t i = 0; i < workers.size(); ++i) {
        auto const& stats = workers[i];
        each.level({{"worker", std::to_string(i)}}, static_cast<double>(stats.connections_open));
        sum.connections_open += stats.connections_open;
        sum.connections_accepted += stats.connections_accepted;
        sum.connections_refused += stats.connections_refused;
        sum.connections_refused_address += stats.connections_refused_address;
        sum.connections_refused_proxy += stats.connections_refused_proxy;
        sum.accept_pauses += stats.accept_pauses;
        sum.slow_heads += stats.slow_heads;
        sum.slow_bodies += stats.slow_bodies;
        sum.slow_readers += stats.slow_readers;
        sum.requests_in_flight += stats.requests_in_flight;
        sum.upstream_open += stats.upstream_open;
        sum.upstream_idle += stats.upstream_idle;
        sum.upstream_connects += stats.upstream_connects;
        sum.upstream_reuses += stats.upstream_reuses;
        sum.tasks_running += stats.tasks_running;
    }
    auto const gauge = [&](char const* name, char const* help, std::uint64_t value) {
        add_gauge(families, name, help, static_cast<double>(value));
    };
    gauge("sluice_requests_in_flight", "Requests being served.", sum.requests_in_flight);
    gauge("sluice_connections_open", "Connections of callers.", sum.connections_open);
    std::move(each).into(families);
    add_counter(families, "sluice_connections_accepted_total", "Connections of callers accepted.",
                sum.connections_accepted);
    Sum refused{MetricType::Counter, "sluice_connections_refused_total",
                "Connections of callers refused: too many open, too many of one address, no PROXY "
                "header of a trusted proxy."};
    refused.count({{"reason", "total"}}, sum.connections_refused);
    refused.count({{"reason", "address"}}, sum.connections_refused_address);
    refused.count({{"reason", "proxy_header"}}, sum.connections_refused_proxy);
    std::move(refused).into(families);
    Sum slow{MetricType::Counter, "sluice_slow_clients_total",
             "Callers cut because they sent or took too slowly, by what was under way."};
    slow.count({{"phase", "head"}}, sum.slow_heads);
    slow.count({{"phase", "body"}}, sum.slow_bodies);
    slow.count({{"phase", "answer"}}, sum.slow_readers);
    std::move(slow).into(families);
    add_counter(families, "sluice_accept_pauses_total",
                "Times a worker far above the mean left new connections to the others.",
                sum.accept_pauses);
    gauge("sluice_upstream_connections_open", "Connections to providers, idle ones included.",
          sum.upstream_open);
    gauge("sluice_upstream_connections_idle", "Connections to providers kept for reuse.",
          sum.upstream_idle);
    add_counter(families, "sluice_upstream_connects_total", "Connections to providers made.",
                sum.upstream_connects);
    add_counter(families, "sluice_upstream_reuses_total", "Attempts that used a kept connection.",
                sum.upstream_reuses);
    gauge("sluice_tasks_running", "Detached tasks of the workers.", sum.tasks_running);
    gauge("sluice_workers", "Worker threads.", workers.size());
}

void add_ledger(std::vector<MetricFamily>& families, LedgerCounters const& ledger) {
    auto const count = [&](char const* name, char const* help, std::uint64_t value) {
        add_counter(families, name, help, value);
    };
    auto const gauge = [&](char const* name, char const* help, double value) {
        add_gauge(families, name, help, value);
    };
    count("sluice_ledger_records_written_total", "Usage records written to the ledger.",
          ledger.written);
    count("sluice_ledger_records_spilled_total",
          "Usage records written to emergency files, as the ledger could not be.", ledger.spilled);
    count("sluice_ledger_records_dropped_total",
          "Usage records lost: neither could be written and the queue was full.", ledger.dropped);
    count("sluice_ledger_bytes_written_total", "Bytes written to the ledger.", ledger.bytes);
    count("sluice_ledger_rotations_total", "Ledger files begun in place of another.",
          ledger.rotations);
    count("sluice_ledger_write_failures_total",
          "Writes to the ledger that failed; by itself no loss.", ledger.failed);
    count("sluice_ledger_spill_failures_total", "Writes to emergency files that failed.",
          ledger.spill_failed);
    count("sluice_ledger_spill_files_adopted_total",
          "Emergency files moved to the ledger's directory.", ledger.adopted);
    gauge("sluice_ledger_queue_records", "Usage records that are in no file yet.",
          static_cast<double>(ledger.queued));
    gauge("sluice_ledger_failing",
          "1 while the ledger cannot be written, or a write does not come back.",
          ledger.failing ? 1 : 0);
    gauge("sluice_ledger_keeping", "0 while usage records cannot be kept at all.",
          ledger.keeping ? 1 : 0);
    count("sluice_access_log_failed_total", "Batches of access lines that could not be written.",
          ledger.access_failed);
}

void add_projection(std::vector<MetricFamily>& families, ProjectionFigures const& figures) {
    add_counter(families, "sluice_projection_records_total",
                "Usage records taken from the ledger into the database.", figures.records);
    add_counter(families, "sluice_projection_duplicates_total",
                "Lines of the ledger whose record was in the database already.",
                figures.duplicates);
    add_counter(families, "sluice_projection_bad_lines_total",
                "Lines of the ledger that are no record.", figures.bad_lines);
    add_counter(families, "sluice_projection_failures_total",
                "Tries to write the usage database that failed; it catches up later.",
                figures.failures);
    add_counter(families, "sluice_ledger_files_deleted_total",
                "Ledger files deleted because they were old enough.", figures.files_deleted);
    add_gauge(families, "sluice_projection_pending_bytes",
              "Bytes of the ledger that are not in the database yet.",
              static_cast<double>(figures.pending_bytes));
    add_gauge(families, "sluice_projection_failing",
              "1 while the usage database cannot be written.", figures.failing ? 1 : 0);
}

void add_config(std::vector<MetricFamily>& families, ConfigFigures const& config) {
    auto const loaded = std::chrono::duration<double>(config.loaded_at.time_since_epoch());
    add_gauge(families, "sluice_config_version",
              "Counts the configurations taken over since the start, the first included.",
              static_cast<double>(config.version));
    add_gauge(families, "sluice_config_loaded_timestamp_seconds",
              "When the configuration in force was taken over.", loaded.count());
    add_gauge(families, "sluice_config_last_reload_successful",
              "0 while the newest configuration was refused and the one before it is in force.",
              config.last_failed ? 0 : 1);
    add_counter(families, "sluice_config_reload_failures_total", "Reloads that were refused.",
                config.failures);
}

void add_credentials(std::vector<MetricFamily>& families,
                     std::vector<CredentialFigures> const& credentials) {
    Sum benched{MetricType::Gauge, "sluice_credential_benched",
                "1 while a provider's credential is left alone: refused or rate limited."};
    for (auto const& credential : credentials) {
        benched.level({{"provider", credential.provider}, {"credential", credential.name}},
                      credential.is_benched ? 1 : 0);
    }
    std::move(benched).into(families);
}

void add_traces(std::vector<MetricFamily>& families, TraceCounters const& traces) {
    add_counter(families, "sluice_trace_spans_exported_total", "Spans the collector took.",
                traces.exported);
    add_counter(families, "sluice_trace_spans_dropped_total",
                "Spans given up: the queue was full, or the collector refused them or was away.",
                traces.dropped);
    add_counter(families, "sluice_trace_export_failures_total",
                "Requests to the trace collector that failed.", traces.failures);
}

void add_limits(std::vector<MetricFamily>& families, LimitFigures const& limits) {
    Sum refused{MetricType::Counter, "sluice_limit_refused_total",
                "Requests and attempts that a limit had no room for."};
    for (auto const& each : limits.refused) {
        refused.count({{"owner", each.owner}, {"limit", each.limit}}, each.count);
    }
    Sum used{MetricType::Gauge, "sluice_budget_used_ratio",
             "Spent of a budget in its period, 0 to 1; what is reserved is not in it."};
    for (auto const& each : limits.budgets) {
        used.level({{"owner", each.owner}, {"name", each.name}, {"limit", each.limit}},
                   each.used_ratio);
    }
    Sum warnings{MetricType::Counter, "sluice_budget_warnings_total",
                 "Budgets that were found to be so far spent."};
    constexpr std::array<char const*, 3> levels = {"50", "80", "100"};
    for (std::size_t i = 0; i < levels.size(); ++i) {
        warnings.count({{"percent", levels[i]}}, limits.warnings[i]);
    }
    add_counter(families, "sluice_limit_overshoot_tokens_total",
                "Tokens that were used beyond what was reserved.", limits.overshoot_tokens);
    add_single(families, MetricType::Counter, "sluice_limit_overshoot_usd_total",
               "USD that were used beyond what was reserved.", limits.overshoot_usd);
    add_counter(families, "sluice_limit_leases_expired_total",
                "Reservations that were not settled in time and count in full.",
                limits.leases_expired);
    add_gauge(families, "sluice_limit_owners_named", "Cells of end users and tags that are kept.",
              static_cast<double>(limits.owners_named));
    add_gauge(families, "sluice_budget_store_failing", "1 while budgets cannot be written to disk.",
              limits.store_failing ? 1 : 0);
    Sum webhooks{MetricType::Counter, "sluice_webhook_messages_total",
                 "Messages to telemetry.budget_webhook, by what became of them."};
    webhooks.count({{"outcome", "sent"}}, limits.webhooks_sent);
    webhooks.count({{"outcome", "failed_try"}}, limits.webhooks_failed);
    webhooks.count({{"outcome", "dropped"}}, limits.webhooks_dropped);
    for (auto* sum : {&refused, &used, &warnings, &webhooks}) std::move(*sum).into(families);
}

void add_process(std::vector<MetricFamily>& families, ProcessFigures const& figures) {
    add_single(families, MetricType::Counter, "process_cpu_seconds_total",
               "CPU time used, user and system.", figures.cpu_seconds);
    add_gauge(families, "process_resident_memory_bytes", "Resident memory.",
              static_cast<double>(figures.resident_bytes));
    add_gauge(families, "process_open_fds", "Open file descriptors.",
              static_cast<double>(figures.open_fds));
}

}  // namespace

void add_sources(std::vector<MetricFamily>& families, MetricsSources const& sources) {
    if (sources.workers) add_connections(families, sources.workers());
    if (sources.ledger) add_ledger(families, sources.ledger());
    if (sources.projection) add_projection(families, sources.projection());
    if (sources.config) add_config(families, sources.config());
    if (sources.credentials) add_credentials(families, sources.credentials());
    if (sources.limits) add_limits(families, sources.limits());
    if (sources.traces) add_traces(families, sources.traces());
    if (sources.log_dropped) {
        add_counter(families, "sluice_log_lines_dropped_total",
                    "Lines of the process log lost because its queue was full.",
                    sources.log_dropped());
    }
    add_process(families, read_process_figures());
}

}  // namespace sluice::telemetry
