// Nanoseconds per ledger record, access line and trace as the threads beside the workers make them;
// and what a worker pays for counting a record and for a trace's ids. Calls src/telemetry and base.
#include <benchmark/benchmark.h>
#include <string>

#include "base/trace_context.hpp"
#include "telemetry/access_log.hpp"
#include "telemetry/metrics_cells.hpp"
#include "telemetry/record_json.hpp"
#include "telemetry/trace/otlp_json.hpp"

namespace {

using namespace sluice;

UsageRecord answered() {
    UsageRecord record;
    record.at = Wall::now();
    record.id = Ulid::next(record.at);
    record.team = "search";
    record.key = "api";
    record.surface = "chat.completions";
    record.route = "gpt-*";
    record.model_asked = "gpt-4o-mini";
    record.status = 200;
    record.completed = true;
    record.bytes_in = 1024;
    record.bytes_out = 1024;
    record.total = microseconds{812'345};
    auto& attempt = record.attempts.emplace_back();
    attempt.provider = "openai";
    attempt.model = "gpt-4o-mini";
    attempt.credential = "prod-1";
    attempt.outcome = "answered";
    attempt.status = 200;
    attempt.usage.input = 231;
    attempt.usage.output = 112;
    attempt.usage.reported = true;
    attempt.usage.raw.set_walked(
        R"({"prompt_tokens":231,"completion_tokens":112,"total_tokens":343,"prompt_tokens_details":)"
        R"({"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}})");
    return record;
}

void append_ledger_line(std::string& out, UsageRecord const& record) {
    static Ulid const run = Ulid::next(Wall::now());
    telemetry::append_record_line(out, record, run);
}

template <void (*append)(std::string&, UsageRecord const&)>
void line(benchmark::State& state) {
    auto const record = answered();
    std::string out;
    for (auto _ : state) {
        out.clear();
        append(out, record);
        benchmark::DoNotOptimize(out.data());
    }
    if (out.empty() || out.back() != '\n') state.SkipWithError("no whole line was made");
}
BENCHMARK(line<append_ledger_line>)->Name("ledger_line");
BENCHMARK(line<telemetry::append_access_json>)->Name("access_line_json");
BENCHMARK(line<telemetry::append_access_text>)->Name("access_line_text");

void count_record(benchmark::State& state) {
    auto const record = answered();
    auto const cells = std::make_unique<telemetry::MetricsCells>();
    for (auto _ : state) cells->on_finish(record);
    if (cells->lost.get() != 0) state.SkipWithError("records were lost");
}
BENCHMARK(count_record);

void trace_spans(benchmark::State& state) {
    auto record = answered();
    record.trace.trace = new_trace_id();
    std::string out;
    std::size_t spans = 0;
    for (auto _ : state) {
        out.clear();
        spans += telemetry::append_spans(out, record);
    }
    if (spans == 0) state.SkipWithError("no spans were made");
}
BENCHMARK(trace_spans);

// What a sampled request adds on its worker, beside the copy of its record.
void trace_ids(benchmark::State& state) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(new_trace_id());
        benchmark::DoNotOptimize(new_span_id());
        benchmark::DoNotOptimize(new_span_id());
    }
}
BENCHMARK(trace_ids);

void copy_of_a_record(benchmark::State& state) {
    auto const record = answered();
    for (auto _ : state) {
        UsageRecord copy = record;
        benchmark::DoNotOptimize(copy.attempts.data());
    }
}
BENCHMARK(copy_of_a_record);

void read_a_traceparent(benchmark::State& state) {
    std::string_view const text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (auto _ : state) {
        auto const context = read_traceparent(text);
        if (!context) state.SkipWithError("it is valid");
        benchmark::DoNotOptimize(context->trace);
    }
}
BENCHMARK(read_a_traceparent);

}  // namespace
