// Metrics: what a record counts, sums over workers, bounded label sets, reading while writing.
#include "telemetry/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "a_record.hpp"
#include "telemetry/record_sink.hpp"

namespace sluice::telemetry {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(HistogramCells, AValueOnABoundIsInItsBucket) {
    static constexpr Bounds<3> bounds = {10, 20, 30};
    HistogramCells<3> cells{bounds};
    for (std::uint64_t const value : {0, 10, 11, 30, 31, 1000}) cells.observe(value);
    EXPECT_EQ(cells.count(0), 2u);
    EXPECT_EQ(cells.count(1), 1u);
    EXPECT_EQ(cells.count(2), 1u);
    EXPECT_EQ(cells.count(3), 2u);
    EXPECT_EQ(cells.sum(), 1082u);
}

TEST(LabelTable, FindsTheSameRowAgainAndTellsLabelsApart) {
    LabelTable<Cell, 2> table;
    table.find({"a", "bc"}).add(1);
    table.find({"ab", "c"}).add(10);
    table.find({"a", "bc"}).add(1);
    std::map<std::string, std::uint64_t> seen;
    table.for_each([&](auto const& labels, Cell const& cell) {
        seen[labels[0] + "|" + labels[1]] = cell.get();
    });
    EXPECT_EQ(seen, (std::map<std::string, std::uint64_t>{{"a|bc", 2}, {"ab|c", 10}}));
}

TEST(LabelTable, BeyondItsBoundEverythingNewIsOther) {
    auto const table = std::make_unique<LabelTable<Cell, 1>>();
    for (int i = 0; i < 1000; ++i) table->find({"label " + std::to_string(i)}).add();
    table->find({"label 0"}).add();
    std::size_t rows = 0;
    std::map<std::string, std::uint64_t> seen;
    table->for_each([&](auto const& labels, Cell const& cell) {
        ++rows;
        seen[labels[0]] = cell.get();
    });
    EXPECT_EQ(rows, rows_max + 1);
    EXPECT_EQ(seen["other"], 1000 - rows_max);
    EXPECT_EQ(seen["label 0"], 2u);
}

TEST(Metrics, ARecordIsCountedOnceInEachFamily) {
    Metrics metrics{2, "1.2.3", {}};
    metrics.worker_cells(0).on_finish(a_record());
    metrics.worker_cells(1).on_finish(a_record());  // summed, not repeated
    auto const text = metrics.scrape();
    for (char const* line : {
             "sluice_build_info{version=\"1.2.3\"} 1",
             "sluice_requests_total{surface=\"chat.completions\",route=\"chat-fast\",status="
             "\"2xx\"} 2",
             "sluice_request_duration_seconds_count{surface=\"chat.completions\",route=\"chat-"
             "fast\"} 2",
             "sluice_request_duration_seconds_bucket{surface=\"chat.completions\",route=\"chat-"
             "fast\",le=\"0.32\"} 0",
             "sluice_request_duration_seconds_bucket{surface=\"chat.completions\",route=\"chat-"
             "fast\",le=\"0.64\"} 2",
             "sluice_request_duration_seconds_bucket{surface=\"chat.completions\",route=\"chat-"
             "fast\",le=\"+Inf\"} 2",
             "sluice_time_to_first_token_seconds_sum{surface=\"chat.completions\",route=\"chat-"
             "fast\"} 0.02468",
             "sluice_overhead_seconds_bucket{le=\"0.001\"} 2",
             "sluice_auth_total{verdict=\"accepted\"} 2",
             "sluice_upstream_attempts_total{provider=\"local\",outcome=\"answered\"} 2",
             "sluice_upstream_attempts_total{provider=\"openai\",outcome=\"upstream_rate_limited\"}"
             " 2",
             "gen_ai_client_operation_duration_seconds_count{gen_ai_operation_name=\"chat\",gen_ai_"
             "provider_name=\"openai\",error_type=\"upstream_rate_limited\"} 2",
             "gen_ai_client_token_usage_sum{gen_ai_operation_name=\"chat\",gen_ai_provider_name="
             "\"local\",gen_ai_token_type=\"input\"} 200",
             "sluice_tokens_total{route=\"chat-fast\",provider=\"local\",kind=\"input\"} 200",
             "sluice_tokens_total{route=\"chat-fast\",provider=\"local\",kind=\"cache_read\"} 80",
             "sluice_tokens_total{route=\"chat-fast\",provider=\"local\",kind=\"output\"} 40",
         }) {
        EXPECT_THAT(text, HasSubstr(std::string{line} + "\n"));
    }
    EXPECT_THAT(text, Not(HasSubstr("kind=\"audio_input\"")));
}

TEST(Metrics, WhatGuardsLookedAtIsCountedByDirection) {
    auto record = a_record();
    record.guarded_in = 1000;
    Metrics metrics{2, "v", {}};
    metrics.worker_cells(0).on_finish(record);
    record.guarded_out = 70;
    metrics.worker_cells(1).on_finish(record);
    metrics.worker_cells(1).on_finish(a_record());  // no guard looked at it
    auto const text = metrics.scrape();
    for (char const* line : {"sluice_guardrail_scans_total{way=\"request\"} 2\n",
                             "sluice_guardrail_scanned_bytes_total{way=\"request\"} 2000\n",
                             "sluice_guardrail_scans_total{way=\"response\"} 1\n",
                             "sluice_guardrail_scanned_bytes_total{way=\"response\"} 70\n"}) {
        EXPECT_THAT(text, HasSubstr(line));
    }
}

TEST(Metrics, CostInUsdAndWhatHasNoPriceApart) {
    auto record = a_record();
    record.attempts[1].cost = 1'500'000'000'000;
    record.attempts[1].estimated = true;
    Metrics metrics{2, "v", {}};
    metrics.worker_cells(0).on_finish(record);
    metrics.worker_cells(1).on_finish(record);
    record.attempts[1].cost.reset();
    record.attempts[1].estimated = false;
    metrics.worker_cells(1).on_finish(record);
    auto const text = metrics.scrape();
    char const* const labels = "{route=\"chat-fast\",provider=\"local\"}";
    EXPECT_THAT(text, HasSubstr(std::string{"sluice_cost_usd_total"} + labels + " 3\n"));
    EXPECT_THAT(text, HasSubstr(std::string{"sluice_unpriced_attempts_total"} + labels + " 1\n"));
    EXPECT_THAT(text, HasSubstr(std::string{"sluice_estimated_attempts_total"} + labels + " 2\n"));
    EXPECT_THAT(text, Not(HasSubstr("sluice_cost_usd_total{route=\"chat-fast\",provider=\"openai")))
        << "an attempt without tokens has neither";
}

TEST(Metrics, AFurtherTargetIsAFallbackAndOneTriedBeforeARetry) {
    auto record = a_record();  // openai, then local
    record.attempts.push_back(record.attempts[0]);
    record.attempts.push_back(record.attempts[1]);
    Metrics metrics{1, "v", {}};
    metrics.worker_cells(0).on_finish(record);
    auto const text = metrics.scrape();
    EXPECT_THAT(text, HasSubstr("sluice_fallbacks_total{route=\"chat-fast\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("sluice_retries_total{route=\"chat-fast\"} 2\n"));
}

TEST(Metrics, TimeBetweenPiecesIsTheMeanOfAnAnswer) {
    auto record = a_record();
    record.attempts[1].chunks = 11;
    record.attempts[1].chunk_time = microseconds{300'000};
    Metrics metrics{1, "v", {}};
    metrics.worker_cells(0).on_finish(record);
    record.attempts[1].chunk_time = microseconds{0};  // came in one read: says nothing
    metrics.worker_cells(0).on_finish(record);
    auto const text = metrics.scrape();
    std::string const name = "gen_ai_client_operation_time_per_output_chunk_seconds";
    std::string const labels = "{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"local\"";
    EXPECT_THAT(text, HasSubstr(name + "_count" + labels + "} 1\n"));
    EXPECT_THAT(text, HasSubstr(name + "_bucket" + labels + ",le=\"0.02\"} 0\n"));
    EXPECT_THAT(text, HasSubstr(name + "_bucket" + labels + ",le=\"0.04\"} 1\n"));
}

TEST(Metrics, NothingAClientSentBecomesALabel) {
    auto record = a_record();
    record.model_asked = "canary-model";
    record.user = "canary-user";
    record.tags = {"canary-tag"};
    Metrics metrics{1, "v", {}};
    metrics.worker_cells(0).on_finish(record);
    EXPECT_THAT(metrics.scrape(), Not(HasSubstr("canary")));
}

TEST(Metrics, VerdictsAndErrors) {
    struct Case {
        char const* code;
        char const* verdict;
    };
    for (auto const& [code, verdict] :
         {Case{"missing_api_key", "missing"}, Case{"invalid_api_key", "invalid"},
          Case{"expired_api_key", "expired"}, Case{"disabled_api_key", "disabled"}}) {
        UsageRecord record;
        record.status = 401;
        record.error_code = code;
        record.error_origin = "client";
        Metrics metrics{1, "v", {}};
        metrics.worker_cells(0).on_finish(record);
        auto const text = metrics.scrape();
        EXPECT_THAT(text,
                    HasSubstr("sluice_auth_total{verdict=\"" + std::string{verdict} + "\"} 1\n"));
        EXPECT_THAT(text, HasSubstr("sluice_auth_total{verdict=\"accepted\"} 0\n"));
        EXPECT_THAT(text, HasSubstr("sluice_request_errors_total{code=\"" + std::string{code} +
                                    "\",origin=\"client\"} 1\n"));
    }
}

TEST(Metrics, StatusClasses) {
    Metrics metrics{1, "v", {}};
    for (std::uint16_t const status : {0, 100, 200, 301, 404, 503, 999}) {
        UsageRecord record;
        record.status = status;
        metrics.worker_cells(0).on_finish(record);
    }
    auto const text = metrics.scrape();
    for (char const* expected :
         {"none\"} 1", "1xx\"} 1", "2xx\"} 1", "3xx\"} 1", "4xx\"} 1", "5xx\"} 2"}) {
        EXPECT_THAT(text, HasSubstr(std::string{"status=\""} + expected + "\n"));
    }
}

TEST(Metrics, SourcesAreSummedAndShown) {
    MetricsSources sources;
    sources.workers = [] {
        net::WorkerStats one;
        one.requests_in_flight = 3;
        one.upstream_reuses = 5;
        return std::vector<net::WorkerStats>{one, one};
    };
    sources.ledger = [] {
        LedgerCounters ledger;
        ledger.written = 11;
        ledger.spilled = 12;
        ledger.dropped = 2;
        ledger.queued = 13;
        ledger.bytes = 14;
        ledger.rotations = 15;
        ledger.adopted = 16;
        ledger.failed = 17;
        ledger.spill_failed = 18;
        ledger.failing = true;
        return ledger;
    };
    sources.log_dropped = [] { return std::uint64_t{4}; };
    sources.config = [] {
        return ConfigFigures{.version = 3,
                             .loaded_at = Wall::time_point{seconds{1'795'350'784}},
                             .failures = 2,
                             .last_failed = true};
    };
    sources.credentials = [] {
        return std::vector<CredentialFigures>{{"openai", "one", true}, {"openai", "two", false}};
    };
    sources.traces = [] { return TraceCounters{.exported = 5, .dropped = 6, .failures = 7}; };
    Metrics const metrics{1, "v", sources};
    auto const text = metrics.scrape();
    EXPECT_THAT(text, HasSubstr("sluice_requests_in_flight 6\n"));
    EXPECT_THAT(text, HasSubstr("sluice_upstream_reuses_total 10\n"));
    EXPECT_THAT(text, HasSubstr("sluice_workers 2\n"));
    for (char const* line :
         {"sluice_worker_connections_open{worker=\"1\"} 0", "sluice_config_version 3",
          "sluice_config_last_reload_successful 0", "sluice_config_reload_failures_total 2",
          "sluice_credential_benched{provider=\"openai\",credential=\"one\"} 1",
          "sluice_credential_benched{provider=\"openai\",credential=\"two\"} 0",
          "sluice_trace_spans_exported_total 5", "sluice_trace_spans_dropped_total 6",
          "sluice_trace_export_failures_total 7"}) {
        EXPECT_THAT(text, HasSubstr(std::string{line} + "\n"));
    }
    EXPECT_THAT(text, HasSubstr("sluice_ledger_records_written_total 11\n"));
    for (auto const* line :
         {"records_dropped_total 2", "records_spilled_total 12", "queue_records 13",
          "bytes_written_total 14", "rotations_total 15", "spill_files_adopted_total 16",
          "write_failures_total 17", "spill_failures_total 18", "failing 1", "keeping 1"}) {
        EXPECT_THAT(text, HasSubstr(std::string{"\nsluice_ledger_"} + line + "\n"));
    }
    EXPECT_THAT(text, HasSubstr("sluice_log_lines_dropped_total 4\n"));
    EXPECT_THAT(text, Not(HasSubstr("process_resident_memory_bytes 0\n")));
    EXPECT_THAT(text, Not(HasSubstr("process_open_fds 0\n")));
}

TEST(Metrics, AScrapeMayRunWhileAWorkerCounts) {
    Metrics metrics{1, "v", {}};
    std::atomic<bool> done{false};
    std::thread worker{[&] {
        auto record = a_record();
        for (int i = 0; i < 5'000; ++i) {
            record.route = "route " + std::to_string(i % 300);
            metrics.worker_cells(0).on_finish(record);
        }
        done = true;
    }};
    std::size_t bytes = 0;
    while (!done) bytes = std::max(bytes, metrics.scrape().size());
    worker.join();
    EXPECT_THAT(metrics.scrape(), HasSubstr("route=\"other\",status=\"2xx\"} "));
}

TEST(RecordSink, CountsWithoutALedger) {
    Metrics metrics{1, "v", {}};
    RecordSink sink{0, metrics.worker_cells(0), nullptr};
    sink.record(a_record());
    EXPECT_THAT(metrics.scrape(), HasSubstr("sluice_auth_total{verdict=\"accepted\"} 1\n"));
}

}  // namespace
}  // namespace sluice::telemetry
