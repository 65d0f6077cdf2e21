// Nanoseconds per event of the halves of a translation, each dialect by itself: what reads a
// streamed answer, what writes one, and the same of whole answers and of requests. Calls
// src/dialect only.
#include <benchmark/benchmark.h>
#include <string>

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/openai_chat/openai_chat.hpp"
#include "micro_bodies.hpp"

namespace {

using namespace sluice;

constexpr int events_each = 64;

struct Side {
    Dialect const& dialect;
    bool is_openai;

    [[nodiscard]] Codec const& codec() const { return *dialect.row[0]; }
    [[nodiscard]] ChatMachines const& chat() const { return *codec().chat; }
    [[nodiscard]] std::string stream() const {
        std::string wire;
        for (int i = 0; i < events_each; ++i)
            wire += is_openai ? bench::stream_event(i) : bench::message_event(i);
        return wire;
    }
    // What comes before the first of them.
    [[nodiscard]] std::string begin() const { return is_openai ? "" : bench::message_begin(); }
    [[nodiscard]] std::string answer() const {
        return is_openai ? bench::answer_body(1 << 10) : bench::message_body(1 << 10);
    }
};

Side openai() { return {dialect::openai_chat(), true}; }
Side anthropic() { return {dialect::anthropic_messages(), false}; }

class Counter final : public llm::EventSink {
  public:
    void on_event(llm::Event const& event) override {
        deltas += event.kind == llm::EventKind::delta;
    }
    std::int64_t deltas = 0;
};

class FrameCounter final : public FrameSink {
  public:
    void on_frame(Frame const& frame) override { bytes += frame.raw.size(); }
    std::size_t bytes = 0;
};

// The lane that passes frames on; of openai, see stream_events.
void pass_events(benchmark::State& state, Side side) {
    auto const wire = side.stream();
    auto const reader = side.codec().open_reader({.streamed = true});
    FrameCounter sink;
    bool ok = reader->feed(side.begin(), sink).ok();
    for (auto _ : state) ok = ok && reader->feed(wire, sink).ok();
    if (!ok || reader->fault()) state.SkipWithError("an event was refused");
    state.SetItemsProcessed(state.iterations() * events_each);
}
BENCHMARK_CAPTURE(pass_events, anthropic, anthropic());

void read_events(benchmark::State& state, Side side) {
    auto const wire = side.stream();
    auto const reader = side.chat().open_events(1 << 20);
    Counter sink;
    bool ok = reader->feed(side.begin(), sink).ok();
    for (auto _ : state) ok = ok && reader->feed(wire, sink).ok();
    if (!ok || sink.deltas != state.iterations() * events_each)
        state.SkipWithError("an event was refused, or deltas are missing");
    state.SetItemsProcessed(state.iterations() * events_each);
}
BENCHMARK_CAPTURE(read_events, openai, openai());
BENCHMARK_CAPTURE(read_events, anthropic, anthropic());

void write_events(benchmark::State& state, Side side) {
    auto const writer = side.chat().open_writer({.model = "m", .id = "id"});
    llm::Event begin, open, delta;
    begin.kind = llm::EventKind::begin;
    open.kind = llm::EventKind::open;
    delta.kind = llm::EventKind::delta;
    delta.text.json = R"(" word 17 of it")";
    writer->on_event(begin);
    writer->on_event(open);
    std::size_t bytes = 0;
    for (auto _ : state) {
        writer->on_event(delta);
        bytes += writer->out.size();
        writer->out.clear();
    }
    if (bytes < static_cast<std::size_t>(state.iterations()) * 40)
        state.SkipWithError("nothing was written");
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(write_events, openai, openai());
BENCHMARK_CAPTURE(write_events, anthropic, anthropic());

void read_answer(benchmark::State& state, Side side) {
    auto const body = side.answer();
    bool ok = true;
    for (auto _ : state) ok = ok && side.chat().read_answer(body).ok();
    if (!ok) state.SkipWithError("the answer was refused");
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK_CAPTURE(read_answer, openai, openai());
BENCHMARK_CAPTURE(read_answer, anthropic, anthropic());

void write_answer(benchmark::State& state, Side side) {
    auto const body = side.answer();
    auto const answer = side.chat().read_answer(body);
    if (!answer) return state.SkipWithError("the answer was refused");
    std::size_t bytes = 0;
    for (auto _ : state) {
        Losses losses;
        bytes = side.chat().write_answer(*answer, {}, losses).size();
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}
BENCHMARK_CAPTURE(write_answer, openai, openai());
BENCHMARK_CAPTURE(write_answer, anthropic, anthropic());

void read_request(benchmark::State& state, Side side) {
    auto body = bench::request_body(1 << 10);
    body.reserve(body.size() + http::Body::padding);
    bool ok = side.codec().read_request(body).ok();
    for (auto _ : state) ok = ok && side.chat().read_chat(body).ok();
    if (!ok) state.SkipWithError("the body was refused");
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK_CAPTURE(read_request, openai, openai());
BENCHMARK_CAPTURE(read_request, anthropic, anthropic());

void write_request(benchmark::State& state, Side side) {
    auto body = bench::request_body(1 << 10);
    body.reserve(body.size() + http::Body::padding);
    auto const request = side.chat().read_chat(body);
    if (!request) return state.SkipWithError("the body was refused");
    llm::TargetView target;
    target.model = "target-model";
    std::size_t bytes = 0;
    for (auto _ : state) {
        Losses losses;
        auto const written = side.chat().write_chat(*request, target, losses);
        bytes = written ? written->size() : 0;
    }
    if (bytes < body.size() / 2) state.SkipWithError("the request was not written");
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}
BENCHMARK_CAPTURE(write_request, openai, openai());
BENCHMARK_CAPTURE(write_request, anthropic, anthropic());

}  // namespace
