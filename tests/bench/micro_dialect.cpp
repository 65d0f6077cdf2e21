// Nanoseconds per request walk, per unary answer and per stream event of the openai_chat dialect.
// Calls src/dialect only.
#include <benchmark/benchmark.h>
#include <string>

#include "sluice/http.hpp"

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

}  // namespace
