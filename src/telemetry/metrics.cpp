// Sums the workers' cells into Prometheus families. A cold path: runs at each scrape.
#include "telemetry/metrics.hpp"

#include <map>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "telemetry/process_figures.hpp"

namespace sluice::telemetry {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr double us_per_second = 1e6;
constexpr auto pico_per_usd = static_cast<double>(pico_usd_per_usd);

// One family being summed over workers: a label set met again is added to, not repeated.
class Sum {
  public:
    Sum(MetricType type, std::string name, std::string help) {
        family_.type = type;
        family_.name = std::move(name);
        family_.help = std::move(help);
    }

    void count(Labels const& labels, std::uint64_t value) {
        at(labels).counter.value += static_cast<double>(value);
    }

    void amount(Labels const& labels, double value) { at(labels).counter.value += value; }

    template <std::size_t N>
    void histogram(Labels const& labels, HistogramCells<N> const& cells, double unit) {
        auto& into = at(labels).histogram;
        into.bucket.resize(N + 1);
        std::uint64_t cumulative = 0;
        for (std::size_t i = 0; i <= N; ++i) {
            cumulative += cells.count(i);
            into.bucket[i].cumulative_count += cumulative;
            into.bucket[i].upper_bound = i < N ? static_cast<double>(cells.bounds()[i]) / unit
                                               : std::numeric_limits<double>::infinity();
        }
        into.sample_count += cumulative;
        into.sample_sum += static_cast<double>(cells.sum()) / unit;
    }

    void level(Labels const& labels, double value) { at(labels).gauge.value = value; }

    void into(std::vector<MetricFamily>& families) && {
        for (auto& [labels, metric] : metrics_) {
            metric.label = labels;
            family_.metric.push_back(std::move(metric));
        }
        if (!family_.metric.empty()) families.push_back(std::move(family_));
    }

  private:
    ClientMetric& at(Labels const& labels) { return metrics_[labels]; }

    MetricFamily family_;
    std::map<Labels, ClientMetric> metrics_;
};

void add_single(std::vector<MetricFamily>& families, MetricType type, std::string name,
                std::string help, double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    families.push_back({std::move(name), std::move(help), type, {std::move(metric)}});
}

void add_counter(std::vector<MetricFamily>& families, std::string name, std::string help,
                 std::uint64_t value) {
    add_single(families, MetricType::Counter, std::move(name), std::move(help),
               static_cast<double>(value));
}

void add_gauge(std::vector<MetricFamily>& families, std::string name, std::string help,
               double value) {
    add_single(families, MetricType::Gauge, std::move(name), std::move(help), value);
}

constexpr std::string_view status_class_names[status_class_count] = {"none", "1xx", "2xx",
                                                                     "3xx",  "4xx", "5xx"};
constexpr std::string_view token_kind_names[token_kind_count] = {
    "input", "cache_read", "cache_write", "audio_input", "output", "reasoning", "audio_output"};
constexpr std::string_view auth_verdict_names[auth_verdict_count] = {
    "accepted", "missing", "invalid", "expired", "disabled", "throttled", "wrong_address"};

using AllCells = std::vector<std::unique_ptr<MetricsCells>>;

void add_requests(std::vector<MetricFamily>& families, AllCells const& all) {
    Sum total{MetricType::Counter, "sluice_requests_total",
              "Requests finished, by status class; none = the caller was gone before a status."};
    Sum duration{MetricType::Histogram, "sluice_request_duration_seconds",
                 "From a request's head to the end of its answer."};
    Sum first_token{MetricType::Histogram, "sluice_time_to_first_token_seconds",
                    "From a request's head to the first byte of its answer."};
    Sum retries{MetricType::Counter, "sluice_retries_total",
                "Attempts at a target that had been tried for the same request."};
    Sum fallbacks{MetricType::Counter, "sluice_fallbacks_total",
                  "Attempts at a further target after another had failed."};
    Sum losses{MetricType::Counter, "sluice_losses_total",
               "Parts of requests and answers that the other dialect had no place for."};
    for (auto const& cells : all) {
        cells->requests.for_each([&](auto const& labels, RequestRow const& row) {
            Labels const base = {{"surface", labels[0]}, {"route", labels[1]}};
            for (std::size_t i = 0; i < status_class_count; ++i) {
                if (row.by_status_class[i].get() == 0) continue;
                auto with_class = base;
                with_class.push_back({"status", std::string{status_class_names[i]}});
                total.count(with_class, row.by_status_class[i].get());
            }
            duration.histogram(base, row.duration, us_per_second);
            first_token.histogram(base, row.first_token, us_per_second);
            retries.count({{"route", labels[1]}}, row.retries.get());
            fallbacks.count({{"route", labels[1]}}, row.fallbacks.get());
            losses.count({{"route", labels[1]}}, row.losses.get());
        });
    }
    std::move(total).into(families);
    std::move(duration).into(families);
    std::move(first_token).into(families);
    std::move(retries).into(families);
    std::move(fallbacks).into(families);
    std::move(losses).into(families);
}

void add_attempts(std::vector<MetricFamily>& families, AllCells const& all) {
    Sum total{MetricType::Counter, "sluice_upstream_attempts_total",
              "Attempts at providers, by outcome: answered or the error's code."};
    Sum duration{MetricType::Histogram, "gen_ai_client_operation_duration_seconds",
                 "Attempts at providers, from start to end."};
    for (auto const& cells : all) {
        cells->attempts.for_each([&](auto const& labels, AttemptRow const& row) {
            std::uint64_t count = 0;
            for (std::size_t i = 0; i <= row.duration.bounds().size(); ++i) {
                count += row.duration.count(i);
            }
            bool const answered = labels[2].empty();
            total.count({{"provider", labels[1]}, {"outcome", answered ? "answered" : labels[2]}},
                        count);
            Labels with_type = {{"gen_ai_operation_name", labels[0]},
                                {"gen_ai_provider_name", labels[1]}};
            if (!answered) with_type.push_back({"error_type", labels[2]});
            duration.histogram(with_type, row.duration, us_per_second);
        });
    }
    std::move(total).into(families);
    std::move(duration).into(families);
}

void add_providers(std::vector<MetricFamily>& families, AllCells const& all) {
    Sum first_chunk{MetricType::Histogram, "gen_ai_client_operation_time_to_first_chunk_seconds",
                    "From a request written to a provider to the first byte of its answer."};
    Sum per_chunk{MetricType::Histogram, "gen_ai_client_operation_time_per_output_chunk_seconds",
                  "Time between two pieces of a streamed answer: the mean of each answer."};
    Sum usage{MetricType::Histogram, "gen_ai_client_token_usage",
              "Tokens per attempt, as reported or estimated."};
    for (auto const& cells : all) {
        cells->providers.for_each([&](auto const& labels, ProviderRow const& row) {
            Labels const base = {{"gen_ai_operation_name", labels[0]},
                                 {"gen_ai_provider_name", labels[1]}};
            first_chunk.histogram(base, row.first_chunk, us_per_second);
            per_chunk.histogram(base, row.per_chunk, us_per_second);
            auto input = base;
            input.push_back({"gen_ai_token_type", "input"});
            usage.histogram(input, row.input, 1);
            auto output = base;
            output.push_back({"gen_ai_token_type", "output"});
            usage.histogram(output, row.output, 1);
        });
    }
    std::move(first_chunk).into(families);
    std::move(per_chunk).into(families);
    std::move(usage).into(families);
}

void add_usage(std::vector<MetricFamily>& families, AllCells const& all) {
    Sum total{MetricType::Counter, "sluice_tokens_total",
              "Tokens by kind; input and output include the other kinds."};
    Sum cost{MetricType::Counter, "sluice_cost_usd_total",
             "What the tokens cost by the price list, in USD; unpriced attempts are not in it."};
    Sum unpriced{MetricType::Counter, "sluice_unpriced_attempts_total",
                 "Attempts that used tokens of a model without a known price."};
    Sum estimated{MetricType::Counter, "sluice_estimated_attempts_total",
                  "Attempts whose tokens are an estimate: the provider had not reported any."};
    for (auto const& cells : all) {
        cells->usage.for_each([&](auto const& labels, UsageRow const& row) {
            Labels const base = {{"route", labels[0]}, {"provider", labels[1]}};
            cost.amount(base, static_cast<double>(row.cost_pico_usd.get()) / pico_per_usd);
            unpriced.count(base, row.unpriced.get());
            estimated.count(base, row.estimated.get());
            for (std::size_t kind = 0; kind < token_kind_count; ++kind) {
                if (row.by_kind[kind].get() == 0) continue;
                total.count({{"route", labels[0]},
                             {"provider", labels[1]},
                             {"kind", std::string{token_kind_names[kind]}}},
                            row.by_kind[kind].get());
            }
        });
    }
    std::move(total).into(families);
    std::move(cost).into(families);
    std::move(unpriced).into(families);
    std::move(estimated).into(families);
}

void add_gateway(std::vector<MetricFamily>& families, AllCells const& all) {
    Sum errors{MetricType::Counter, "sluice_request_errors_total",
               "Requests that ended in an error, by its code and whose fault it was."};
    Sum auth{MetricType::Counter, "sluice_auth_total", "Callers' credentials, by verdict."};
    Sum guards{MetricType::Counter, "sluice_guardrail_matches_total",
               "What guardrails found, by their action; (unscannable): parts that could not be "
               "read and passed, (overflow): what was too long to hold."};
    Sum overhead{MetricType::Histogram, "sluice_overhead_seconds",
                 "Time of a request that was not spent waiting on providers."};
    Sum gone{MetricType::Counter, "sluice_client_gone_total",
             "Requests whose caller went away before the end."};
    Sum lost{MetricType::Counter, "sluice_metrics_lost_total",
             "Requests that could not be counted: out of memory."};
    for (auto const& cells : all) {
        cells->errors.for_each([&](auto const& labels, Cell const& count) {
            errors.count({{"code", labels[0]}, {"origin", labels[1]}}, count.get());
        });
        cells->guards.for_each([&](auto const& labels, Cell const& count) {
            guards.count({{"guardrail", labels[0]}, {"action", labels[1]}, {"way", labels[2]}},
                         count.get());
        });
        for (std::size_t i = 0; i < auth_verdict_count; ++i) {
            auth.count({{"verdict", std::string{auth_verdict_names[i]}}}, cells->auth[i].get());
        }
        overhead.histogram({}, cells->overhead, us_per_second);
        gone.count({}, cells->client_gone.get());
        lost.count({}, cells->lost.get());
    }
    std::move(errors).into(families);
    std::move(guards).into(families);
    std::move(auth).into(families);
    std::move(overhead).into(families);
    std::move(gone).into(families);
    std::move(lost).into(families);
}

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

class Metrics::Collector final : public prometheus::Collectable {
  public:
    Collector(AllCells const& cells, std::string version, MetricsSources sources)
        : cells_(cells), version_(std::move(version)), sources_(std::move(sources)) {}

    [[nodiscard]] std::vector<MetricFamily> Collect() const override {
        std::vector<MetricFamily> families;
        add_single(families, MetricType::Gauge, "sluice_build_info", "Always 1.", 1,
                   {{"version", version_}});
        add_requests(families, cells_);
        add_gateway(families, cells_);
        add_attempts(families, cells_);
        add_providers(families, cells_);
        add_usage(families, cells_);
        if (sources_.workers) add_connections(families, sources_.workers());
        if (sources_.ledger) add_ledger(families, sources_.ledger());
        if (sources_.projection) add_projection(families, sources_.projection());
        if (sources_.config) add_config(families, sources_.config());
        if (sources_.credentials) add_credentials(families, sources_.credentials());
        if (sources_.limits) add_limits(families, sources_.limits());
        if (sources_.traces) add_traces(families, sources_.traces());
        if (sources_.log_dropped) {
            add_counter(families, "sluice_log_lines_dropped_total",
                        "Lines of the process log lost because its queue was full.",
                        sources_.log_dropped());
        }
        add_process(families, read_process_figures());
        return families;
    }

  private:
    AllCells const& cells_;
    std::string const version_;
    MetricsSources const sources_;
};

Metrics::Metrics(unsigned workers, std::string version, MetricsSources sources) {
    for (unsigned i = 0; i < workers; ++i) cells_.push_back(std::make_unique<MetricsCells>());
    collector_ = std::make_unique<Collector>(cells_, std::move(version), std::move(sources));
}

Metrics::~Metrics() = default;

std::string Metrics::scrape() const {
    return prometheus::TextSerializer{}.Serialize(collector_->Collect());
}

}  // namespace sluice::telemetry
