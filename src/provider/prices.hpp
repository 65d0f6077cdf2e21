// What a provider's models cost. Compiled from config at load, immutable; asked by engine/finish
// for each attempt, on the worker. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sluice/llm/target.hpp"
#include "sluice/llm/usage.hpp"
#include "sluice/money.hpp"

#include "config/price.hpp"

namespace sluice::provider {

struct Price {
    config::ModelPrice rates;
    llm::ModelRules rules;
    // The dearest a token can be, whatever its kind, the tier, the prompt's length. 0: no price.
    PicoUsd input_max = 0;
    PicoUsd output_max = 0;
    std::string version;  // "openai/gpt-4o@2026-08-21"; "config/openai/gpt-4o" for the operator's
};

// What `usage` costs; nullopt: it holds a kind of token, or is of a service tier, that has no
// price. A sum that does not fit saturates.
std::optional<PicoUsd> cost_of(Price const& price, llm::Usage const& usage) noexcept;

// Prices by model: exact names first, then globs, the one with the longest text
// before its '*' first. What was added first wins where two are equal.
class PriceTable {
  public:
    // Adds an entry under its names; `rates.name` is a model's name or glob.
    void add(config::ModelPrice const& rates, std::string const& version);
    // Null: not known.
    [[nodiscard]] Price const* find(std::string_view model) const noexcept;

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept {
            return std::hash<std::string_view>{}(s);
        }
    };
    struct Glob {
        std::string pattern;
        std::size_t head;  // bytes before the '*'
        [[nodiscard]] bool matches(std::string_view model) const noexcept;
        std::shared_ptr<Price const> price;
    };
    static std::uint64_t bit_of(std::string_view name) noexcept {
        return std::uint64_t{1} << std::min<std::size_t>(name.size(), 63);
    }
    void add_name(std::string const& name, std::shared_ptr<Price const> const& price);

    std::unordered_map<std::string, std::shared_ptr<Price const>, Hash, std::equal_to<>> exact_;
    std::uint64_t exact_sizes_ = 0;  // a bit for each size of a name in exact_; the last: or more
    std::vector<Glob> globs_;
};

// Those of one provider: the operator's own, and where these are silent, those of its list.
struct Prices {
    PriceTable own;
    PriceTable listed;

    [[nodiscard]] Price const* find(std::string_view model) const noexcept {
        auto const* found = own.find(model);
        return found ? found : listed.find(model);
    }
};

Prices make_prices(std::string const& provider, std::string const& list,
                   std::vector<config::ModelPrice> const& own,
                   std::vector<config::PriceList> const& lists);

}  // namespace sluice::provider
