// What guards cost: over prompts of prose with dates, numbers and addresses, and per delta of a
// stream. The default set: secrets, email, phone, iban, credit_card. Calls src/guard only.
#include <benchmark/benchmark.h>
#include <string>

#include "guard/filter.hpp"
#include "guard/request_texts.hpp"
#include "micro_bodies.hpp"

namespace {

using namespace sluice;
using namespace sluice::guard;

GuardSet const& guards(bool has_pattern) {
    static auto const book = [] {
        Guard plain;
        plain.name = "pii";
        plain.detect = {"secrets", "email", "phone", "iban", "credit_card"};
        plain.action = Action::redact;
        Guard house;
        house.name = "house";
        house.patterns = {"(?i)project (aurora|borealis)"};
        house.action = Action::redact;
        auto made = GuardBook::create({plain, house});
        (void)(*made)->add(1);
        (void)(*made)->add(3);
        return std::move(*made);
    }();
    return *book->find(has_pattern ? 3 : 1);
}

void guard_request(benchmark::State& state) {
    auto const body = bench::request_body(static_cast<std::size_t>(state.range(0)));
    bool passed = true;
    for (auto _ : state) {
        GuardRun run(guards(state.range(1) != 0));
        Patches patches;
        passed = passed && guard_body(run, body, patches) == Outcome::pass && patches.empty();
    }
    if (!passed) state.SkipWithError("something was found");
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(guard_request)
    ->Args({1 << 10, 0})
    ->Args({100 << 10, 0})
    ->Args({1 << 10, 1})
    ->Args({100 << 10, 1});

void guard_delta(benchmark::State& state) {
    GuardRun run(guards(state.range(0) != 0));
    Filter filter(run, Way::response, Syntax::text);
    std::string out;
    for (auto _ : state) {
        out.clear();
        (void)filter.feed(" invoice", out);
        benchmark::DoNotOptimize(out);
    }
}
BENCHMARK(guard_delta)->Arg(0)->Arg(1);

}  // namespace
