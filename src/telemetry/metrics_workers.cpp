// What the workers' cells hold, summed into families. See metric_families.hpp.
#include "telemetry/metric_families.hpp"

namespace sluice::telemetry {
namespace {

constexpr double us_per_second = 1e6;
constexpr auto pico_per_usd = static_cast<double>(pico_usd_per_usd);

constexpr std::string_view status_class_names[status_class_count] = {"none", "1xx", "2xx",
                                                                     "3xx",  "4xx", "5xx"};
constexpr std::string_view token_kind_names[token_kind_count] = {
    "input", "cache_read", "cache_write", "audio_input", "output", "reasoning", "audio_output"};
constexpr std::string_view auth_verdict_names[auth_verdict_count] = {
    "accepted", "missing", "invalid", "expired", "disabled", "throttled", "wrong_address"};

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
    Sum scanned{MetricType::Counter, "sluice_guardrail_scans_total",
                "Bodies of requests and answers of providers that guardrails looked at."};
    Sum scanned_bytes{MetricType::Counter, "sluice_guardrail_scanned_bytes_total",
                      "The bytes of these bodies and answers."};
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
        for (bool const is_request : {true, false}) {
            auto const& row = is_request ? cells->guarded_requests : cells->guarded_answers;
            Labels const way = {{"way", is_request ? "request" : "response"}};
            scanned.count(way, row.bodies.get());
            scanned_bytes.count(way, row.bytes.get());
        }
        for (std::size_t i = 0; i < auth_verdict_count; ++i) {
            auth.count({{"verdict", std::string{auth_verdict_names[i]}}}, cells->auth[i].get());
        }
        overhead.histogram({}, cells->overhead, us_per_second);
        gone.count({}, cells->client_gone.get());
        lost.count({}, cells->lost.get());
    }
    std::move(errors).into(families);
    std::move(guards).into(families);
    std::move(scanned).into(families);
    std::move(scanned_bytes).into(families);
    std::move(auth).into(families);
    std::move(overhead).into(families);
    std::move(gone).into(families);
    std::move(lost).into(families);
}

}  // namespace

void add_worker_cells(std::vector<MetricFamily>& families, AllCells const& all) {
    add_requests(families, all);
    add_gateway(families, all);
    add_attempts(families, all);
    add_providers(families, all);
    add_usage(families, all);
}

}  // namespace sluice::telemetry
