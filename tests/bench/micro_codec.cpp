// Nanoseconds per event and per body of the codec machines, over text shaped like recorded bodies.
// Pure: no socket, no file. `bench_micro` (Google Benchmark's options apply). Calls src/codec only.
#include <benchmark/benchmark.h>
#include <string>

#include "codec/chunked.hpp"
#include "codec/json_walk.hpp"
#include "codec/sse.hpp"
#include "micro_bodies.hpp"

namespace {

using namespace sluice;

void chunked_decoder(benchmark::State& state) {
    auto const chunks = static_cast<int>(state.range(0));
    std::string wire;
    for (int i = 0; i < chunks; ++i) {
        auto const event = bench::stream_event(i);
        wire.append(codec::ChunkHead(event.size()).view()).append(event).append(codec::chunk_end);
    }
    codec::ChunkedDecoder decoder;
    for (auto _ : state) {
        std::size_t payload = 0;
        decoder.feed(wire, [&](std::string_view piece) { payload += piece.size(); });
        benchmark::DoNotOptimize(payload);
    }
    if (decoder.has_failed()) state.SkipWithError("the decoder refused the chunks");
    state.SetItemsProcessed(state.iterations() * chunks);
}
BENCHMARK(chunked_decoder)->Arg(1)->Arg(64);

void sse_framer(benchmark::State& state) {
    auto const events = static_cast<int>(state.range(0));
    std::string wire;
    for (int i = 0; i < events; ++i) wire += bench::stream_event(i);
    codec::SseFramer framer(1 << 20);
    std::size_t frames = 0;
    for (auto _ : state) framer.feed(wire, [&](codec::SseFrame const&) { ++frames; });
    if (frames != static_cast<std::size_t>(state.iterations() * events))
        state.SkipWithError("frames are missing");
    state.SetItemsProcessed(state.iterations() * events);
}
BENCHMARK(sse_framer)->Arg(1)->Arg(64);

void json_check(benchmark::State& state) {
    auto const body = bench::request_body(static_cast<std::size_t>(state.range(0)));
    bool ok = true;
    for (auto _ : state) ok = ok && codec::check_json(body).ok;
    if (!ok) state.SkipWithError("the body was refused");
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(json_check)->Arg(1 << 10)->Arg(100 << 10);

void utf8_check(benchmark::State& state) {
    auto const body = bench::request_body(static_cast<std::size_t>(state.range(0)));
    bool ok = true;
    for (auto _ : state) ok = ok && codec::is_valid_utf8(body);
    if (!ok) state.SkipWithError("the body was refused");
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(utf8_check)->Arg(1 << 10)->Arg(100 << 10);

}  // namespace
