// Nanoseconds to reserve and settle what a request of a limited team takes, alone and with a second
// thread on the same cells; and to bound the tokens of a prompt. Calls src/store/memory,
// src/tokens.
#include <benchmark/benchmark.h>
#include <string>

#include "sluice/tokens.hpp"

#include "store/memory/limit.hpp"

namespace {

using namespace sluice;
using namespace sluice::store;

struct HotTeam {
    LimitCell gauge{LimitCell::Gauged{}}, requests{LimitCell::Windowed{}},
        tokens{LimitCell::Windowed{}};
    BudgetSlot slot;
    LimitCell budget{slot, Period::month, nullptr};
};

// The whole way of a request: concurrency, rpm, tpm and a USD budget of one team.
void reserve_and_settle(benchmark::State& state) {
    static HotTeam team;
    Leases leases;
    Ulid const id = Ulid::next(Wall::now());
    constexpr std::int64_t most = 1'000'000'000;
    std::array<Ask, 4> const asks{Ask{&team.gauge, LimitKind::concurrency, 1, most},
                                  {&team.requests, LimitKind::requests, 1, most},
                                  {&team.tokens, LimitKind::tokens, 1000, most},
                                  {&team.budget, LimitKind::usd_budget, 1000, most}};
    std::int64_t refused = 0;
    for (auto _ : state) {
        auto got = leases.reserve(id, asks, {1'000'000, 1'790'000'000}, 600);
        if (auto* grant = std::get_if<Grant>(&got)) {
            grant->settle({0, 0, 0});
        } else {
            ++refused;
        }
    }
    if (refused != 0) state.SkipWithError("a reservation was refused");
}
BENCHMARK(reserve_and_settle)->Name("limits_reserve_settle")->ThreadRange(1, 2)->UseRealTime();

void refuse(benchmark::State& state) {
    LimitCell tokens{LimitCell::Windowed{}};
    Leases leases;
    std::array<Ask, 1> const asks{Ask{&tokens, LimitKind::tokens, 1000, 1500}};
    Ulid const id = Ulid::next(Wall::now());
    auto held = leases.reserve(id, asks, {1'000'000, 0}, 600);
    for (auto _ : state) {
        auto got = leases.reserve(id, asks, {1'000'000, 0}, 600);
        if (std::holds_alternative<Grant>(got)) state.SkipWithError("it fitted");
    }
}
BENCHMARK(refuse)->Name("limits_refuse");

void count_tokens(benchmark::State& state) {
    std::string text;
    while (text.size() < 1024) text += "What is the capital of France? \xC3\xA9\xE4\xBD\xA0 ";
    text.resize(1024);
    for (auto _ : state) benchmark::DoNotOptimize(tokens::count(text));
}
BENCHMARK(count_tokens)->Name("tokens_count_1KB");

}  // namespace
