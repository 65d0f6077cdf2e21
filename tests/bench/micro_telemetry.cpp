// Nanoseconds per ledger record and access line, as the ledger's threads make them. Calls
// src/telemetry only.
#include <benchmark/benchmark.h>
#include <string>

#include "telemetry/access_log.hpp"
#include "telemetry/record_json.hpp"

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
    attempt.usage.raw =
        R"({"prompt_tokens":231,"completion_tokens":112,"total_tokens":343,"prompt_tokens_details":)"
        R"({"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}})";
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

}  // namespace
