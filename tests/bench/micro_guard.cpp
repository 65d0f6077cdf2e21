// What guards cost: over prompts of prose with dates, numbers and addresses, and per delta of a
// stream. The default set: secrets, email, phone, iban, credit_card; and with one and twenty
// patterns of an operator's. Calls src/guard only.
#include <benchmark/benchmark.h>
#include <string>

#include "guard/filter.hpp"
#include "guard/request_texts.hpp"
#include "micro_bodies.hpp"

namespace {

using namespace sluice;
using namespace sluice::guard;

// 0, 1 or 20 patterns beside the default set.
GuardSet const& guards(std::int64_t patterns) {
    static auto const book = [] {
        Guard plain;
        plain.name = "pii";
        plain.detect = {"secrets", "email", "phone", "iban", "credit_card"};
        plain.action = Action::redact;
        Guard house;
        house.name = "house";
        house.patterns = {"(?i)project (aurora|borealis)"};
        house.action = Action::redact;
        Guard many = house;
        many.name = "many";
        for (char const* const pattern :
             {"CASE-[0-9]{6,9}", "(?i)confidential", "(?i)internal only", "ACME-[A-Z]{2}[0-9]{4}",
              "(?i)merger with [a-z]{3,20}", "EMP[0-9]{7}", "(?i)codename [a-z]{3,12}",
              "[A-Z]{2}[0-9]{6}[A-Z]", "(?i)patient (id|number) [0-9]{5,9}", "MRN ?[0-9]{6,8}",
              "(?i)salary of [0-9,.]{4,12}", "db-prod-[0-9]{1,3}", "(?i)do not distribute",
              "\\bK-[0-9]{4}\\b", "(?i)term sheet", "build\\.corp\\.example",
              "INV/[0-9]{4}/[0-9]{4}", "(?i)layoffs?", "VIN [A-HJ-NPR-Z0-9]{17}"}) {
            many.patterns.emplace_back(pattern);
        }
        auto made = GuardBook::create({plain, house, many});
        for (GuardBook::Mask const mask : {1, 3, 5}) (void)(*made)->add(mask);
        return std::move(*made);
    }();
    return *book->find(patterns == 0 ? 1 : patterns == 1 ? 3 : 5);
}

void guard_request(benchmark::State& state) {
    auto const body = bench::request_body(static_cast<std::size_t>(state.range(0)));
    bool passed = true;
    for (auto _ : state) {
        GuardRun run(guards(state.range(1)));
        Patches patches;
        passed = passed && guard_body(run, body, patches) == Outcome::pass && patches.empty();
    }
    if (!passed) state.SkipWithError("something was found");
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(guard_request)->ArgsProduct({{1 << 10, 100 << 10, 1 << 20, 8 << 20}, {0, 1, 20}});

void guard_delta(benchmark::State& state) {
    GuardRun run(guards(state.range(0)));
    Filter filter(run, Way::response, Syntax::text);
    std::string out;
    for (auto _ : state) {
        out.clear();
        (void)filter.feed(" invoice", out);
        benchmark::DoNotOptimize(out);
    }
}
BENCHMARK(guard_delta)->Arg(0)->Arg(1)->Arg(20);

}  // namespace
