// Nanoseconds per request walk, per unary answer and per stream event of the openai_chat dialect;
// and of the translated lane between both dialects. Calls src/dialect only.
#include <benchmark/benchmark.h>
#include <string>

#include "sluice/http.hpp"

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/common/translator.hpp"
#include "dialect/openai_chat/openai_chat.hpp"
#include "micro_bodies.hpp"

namespace {

using namespace sluice;

Codec const& chat() {
    return *dialect::openai_chat().row[static_cast<std::size_t>(Operation::chat)];
}

class Counter final : public FrameSink {
  public:
    void on_frame(Frame const& frame) override { bytes += frame.raw.size(); }
    std::size_t bytes = 0;
};

void request_walk(benchmark::State& state) {
    auto body = bench::request_body(static_cast<std::size_t>(state.range(0)));
    body.reserve(body.size() + http::Body::padding);
    bool ok = true;
    for (auto _ : state) ok = ok && chat().read_request(body).ok();
    if (!ok) state.SkipWithError("the body was refused");
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(request_walk)->Arg(1 << 10)->Arg(100 << 10);

void unary_answer(benchmark::State& state) {
    auto const body = bench::answer_body(static_cast<std::size_t>(state.range(0)));
    Counter sink;
    bool ok = true;
    for (auto _ : state) {
        auto const reader = chat().open_reader({});
        ok = ok && reader->feed(body, sink).ok() && reader->finish(sink).ok() &&
             reader->usage().reported;
    }
    if (!ok) state.SkipWithError("the answer was refused, or its usage not found");
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(unary_answer)->Arg(1 << 10)->Arg(100 << 10);

void stream_events(benchmark::State& state) {
    auto const events = static_cast<int>(state.range(0));
    std::string wire;
    for (int i = 0; i < events; ++i) wire += bench::stream_event(i);
    auto const reader = chat().open_reader({.streamed = true});
    Counter sink;
    bool ok = true;
    for (auto _ : state) ok = ok && reader->feed(wire, sink).ok();
    if (!ok || reader->fault()) state.SkipWithError("an event was refused");
    state.SetItemsProcessed(state.iterations() * events);
}
BENCHMARK(stream_events)->Arg(1)->Arg(64);

// The translated lane. `from`: of the request, or of the answer.
struct Pairing {
    Dialect const& from;
    Dialect const& to;
};
Pairing openai_to_anthropic() { return {dialect::openai_chat(), dialect::anthropic_messages()}; }
Pairing anthropic_to_openai() { return {dialect::anthropic_messages(), dialect::openai_chat()}; }

void translate_request(benchmark::State& state, Pairing pairing) {
    auto body = bench::request_body(static_cast<std::size_t>(state.range(0)));
    body.reserve(body.size() + http::Body::padding);
    bool ok = true;
    llm::TargetView target;
    target.model = "target-model";
    for (auto _ : state) {
        Losses losses;
        ok = ok && pairing.from.row[0]->read_request(body).ok();
        auto const request = pairing.from.row[0]->chat->read_chat(body);
        auto const written = pairing.to.row[0]->chat->write_chat(*request, target, losses);
        ok = ok && written.ok();
        benchmark::DoNotOptimize(written->data());
    }
    if (!ok) state.SkipWithError("the body was refused");
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK_CAPTURE(translate_request, openai_to_anthropic, openai_to_anthropic())
    ->Arg(1 << 10)
    ->Arg(100 << 10);
BENCHMARK_CAPTURE(translate_request, anthropic_to_openai, anthropic_to_openai())
    ->Arg(1 << 10)
    ->Arg(100 << 10);

void translate_answer(benchmark::State& state, Pairing pairing) {
    bool const is_openai = pairing.from.name == dialect::openai_chat().name;
    auto const body = is_openai ? bench::answer_body(1 << 10) : bench::message_body(1 << 10);
    Counter sink;
    bool ok = true;
    for (auto _ : state) {
        Losses losses;
        auto const reader = dialect::open_translator(*pairing.from.row[0]->chat,
                                                     *pairing.to.row[0]->chat, {}, losses);
        ok = ok && reader->feed(body, sink).ok() && reader->finish(sink).ok() && !reader->fault();
    }
    if (!ok) state.SkipWithError("the answer was refused");
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK_CAPTURE(translate_answer, openai_to_anthropic, openai_to_anthropic());
BENCHMARK_CAPTURE(translate_answer, anthropic_to_openai, anthropic_to_openai());

void translate_events(benchmark::State& state, Pairing pairing) {
    bool const is_openai = pairing.from.name == dialect::openai_chat().name;
    constexpr int events = 64;
    std::string wire;
    for (int i = 0; i < events; ++i) {
        wire += is_openai ? bench::stream_event(i) : bench::message_event(i);
    }
    Losses losses;
    dialect::TranslationOptions options;
    options.from_stream = options.to_stream = true;
    auto const reader = dialect::open_translator(*pairing.from.row[0]->chat,
                                                 *pairing.to.row[0]->chat, options, losses);
    Counter sink;
    bool ok = is_openai || reader->feed(bench::message_begin(), sink).ok();
    for (auto _ : state) ok = ok && reader->feed(wire, sink).ok();
    if (!ok || reader->fault()) state.SkipWithError("an event was refused");
    state.SetItemsProcessed(state.iterations() * events);
}
BENCHMARK_CAPTURE(translate_events, openai_to_anthropic, openai_to_anthropic());
BENCHMARK_CAPTURE(translate_events, anthropic_to_openai, anthropic_to_openai());

}  // namespace
