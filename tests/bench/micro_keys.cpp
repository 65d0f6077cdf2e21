// Nanoseconds to find out who calls: among 10,000 keys, one that is there and one that is not; and
// the hash alone. Calls src/stage/auth.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <string>

#include "codec/sha256.hpp"
#include "stage/auth/yaml_directory.hpp"

namespace {

using namespace sluice;

constexpr int key_count = 10'000;

std::string secret_of(int key) { return fmt::format("sk-{:040}", key); }

stage::YamlDirectory const& directory() {
    static stage::YamlDirectory const made = [] {
        config::Team team;
        team.name = "search";
        for (int i = 0; i < key_count; ++i) {
            auto& key = team.keys.emplace_back();
            key.team = team.name;
            key.name = fmt::format("key-{}", i);
            key.hashes.push_back(codec::to_hex(codec::sha256(secret_of(i))));
        }
        return stage::YamlDirectory({team});
    }();
    return made;
}

void find_key(benchmark::State& state) {
    auto const& keys = directory();
    auto const secret = secret_of(7'777);
    auto const now = Wall::now();
    bool ok = true;
    for (auto _ : state) ok = ok && keys.find(secret, now, false).ok();
    if (!ok) state.SkipWithError("the key is there");
}
BENCHMARK(find_key)->Name("key_lookup_10k");

void refuse_key(benchmark::State& state) {
    auto const& keys = directory();
    auto const secret = secret_of(key_count);
    auto const now = Wall::now();
    bool found = false;
    for (auto _ : state) found = found || keys.find(secret, now, false).ok();
    if (found) state.SkipWithError("there is no such key");
}
BENCHMARK(refuse_key)->Name("key_refused_10k");

void hash_key(benchmark::State& state) {
    auto const secret = secret_of(7'777);
    for (auto _ : state) benchmark::DoNotOptimize(codec::sha256(secret));
}
BENCHMARK(hash_key)->Name("key_sha256");

}  // namespace
