// Any text as a configuration: the loader ends, tells problems with places in the text, and shows
// no value of the environment. Seeds: config/sluice.yaml and config/examples/.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/load.hpp"
#include "config/prose.hpp"

namespace {

constexpr std::size_t input_bytes_max = 16 * 1024;
constexpr char const* canary = "canary7f3a91c2d4";

void require(bool is_true) {
    if (!is_true) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace sluice::config;
    if (size > input_bytes_max) return 0;
    std::string_view const text(reinterpret_cast<char const*>(data), size);
    if (text.find(canary) != text.npos) return 0;
    LoadOptions options;
    options.env = [](std::string const& name) -> std::optional<std::string> {
        // Settings of their own, which would fail every document.
        if (name.starts_with("SLUICE_") || name.starts_with("OTEL_")) return std::nullopt;
        return canary;
    };
    options.read_file = [](std::string const&) { return std::optional<std::string>(canary); };
    auto const loaded = load_text(text, "f", options);
    for (auto const& problem : loaded.problems) {
        auto const told = to_text(problem);
        require(told.find(canary) == told.npos);
        require(problem.place.line >= 1 && problem.place.column >= 1);
    }
    if (loaded.ok()) {
        require(!loaded.document.server.listeners.empty());
        for (auto const& route : loaded.document.routes) {
            require(!route.tiers.empty());
            for (auto const& tier : route.tiers) {
                require(!tier.targets.empty());
                for (auto const& target : tier.targets) {
                    require(target.weight >= 1);
                    require(loaded.document.provider(target.provider) != nullptr);
                }
            }
        }
        for (auto const& team : loaded.document.teams) {
            for (auto const& key : team.keys) {
                require(!key.hashes.empty());
                for (auto const& hash : key.hashes) require(hash.size() == 64);
            }
        }
    }
    return 0;
}
