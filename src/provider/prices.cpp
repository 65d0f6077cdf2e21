#include "provider/prices.hpp"

#include <algorithm>

#include "sluice/principal.hpp"

namespace sluice::provider {
namespace {

using Rate = std::optional<std::int64_t>;

// Adds up; unknown from the first kind of token on that has no price.
class Sum {
  public:
    void add(std::int64_t tokens, Rate rate) noexcept {
        if (tokens <= 0) return;
        if (!rate) {
            is_known_ = false;
        } else {
            pico_ += PicoUsdSum{tokens} * *rate;
        }
    }
    [[nodiscard]] std::optional<PicoUsd> total() const noexcept {
        if (!is_known_) return std::nullopt;
        return to_pico_usd(pico_);
    }

  private:
    PicoUsdSum pico_ = 0;
    bool is_known_ = true;
};

bool is_plain_tier(std::string_view tier) noexcept {
    return tier.empty() || tier == "default" || tier == "standard" || tier == "auto";
}

// Null: the tier has no price, or none for a prompt of this length.
config::TokenPrice const* rates_for(config::ModelPrice const& price,
                                    llm::Usage const& usage) noexcept {
    bool const is_long = price.long_prompt && usage.input > price.long_prompt->above;
    if (is_plain_tier(usage.service_tier)) {
        return is_long ? static_cast<config::TokenPrice const*>(&*price.long_prompt) : &price;
    }
    if (is_long) return nullptr;
    auto const found = price.service_tiers.find(usage.service_tier);
    return found == price.service_tiers.end() ? nullptr : &found->second;
}

llm::ModelRules rules_of(config::ModelTraits const& traits) {
    llm::ModelRules rules;
    if (traits.output_max > 0) rules.output_tokens_max = traits.output_max;
    rules.takes_sampling = traits.sampling;
    rules.takes_prefill = traits.prefill;
    using Thinking = config::ModelTraits::Thinking;
    rules.thinking = traits.thinking == Thinking::none     ? llm::ThinkingStyle::none
                     : traits.thinking == Thinking::budget ? llm::ThinkingStyle::budget
                                                           : llm::ThinkingStyle::effort;
    rules.takes_schema = traits.schema;
    return rules;
}

void note_dearest(Price& price, config::TokenPrice const& rates) noexcept {
    for (auto const& rate : {rates.input, rates.cache_read, rates.cache_write, rates.cache_write_1h,
                             rates.audio_input}) {
        price.input_max = std::max(price.input_max, rate.value_or(0));
    }
    for (auto const& rate : {rates.output, rates.audio_output}) {
        price.output_max = std::max(price.output_max, rate.value_or(0));
    }
}

}  // namespace

std::optional<PicoUsd> cost_of(Price const& price, llm::Usage const& usage) noexcept {
    auto const* rates = rates_for(price.rates, usage);
    if (!rates) return std::nullopt;
    auto const as_input = [rates](Rate rate) { return rate ? rate : rates->input; };
    // What a provider counts twice is not charged twice: the parts never exceed their total.
    auto const read = std::clamp<std::int64_t>(usage.cache_read, 0, usage.input);
    auto const written = std::clamp<std::int64_t>(usage.cache_write, 0, usage.input - read);
    auto const kept = std::clamp<std::int64_t>(usage.cache_write_1h, 0, written);
    auto const heard = std::clamp<std::int64_t>(usage.audio_input, 0, usage.input - read - written);
    auto const spoken = std::clamp<std::int64_t>(usage.audio_output, 0, usage.output);
    Sum sum;
    sum.add(usage.input - read - written - heard, rates->input);
    sum.add(read, as_input(rates->cache_read));
    sum.add(written - kept, as_input(rates->cache_write));
    sum.add(kept, rates->cache_write_1h);
    sum.add(heard, rates->audio_input);
    sum.add(usage.output - spoken, rates->output);
    sum.add(spoken, rates->audio_output);
    return sum.total();
}

void PriceTable::add(config::ModelPrice const& rates, std::string const& version) {
    auto made = std::make_shared<Price>(Price{rates, rules_of(rates.traits), 0, 0, version});
    note_dearest(*made, rates);
    if (rates.long_prompt) note_dearest(*made, *rates.long_prompt);
    for (auto const& [tier, tier_rates] : rates.service_tiers) note_dearest(*made, tier_rates);
    std::shared_ptr<Price const> const price = std::move(made);
    add_name(rates.name, price);
    for (auto const& name : rates.names) add_name(name, price);
}

void PriceTable::add_name(std::string const& name, std::shared_ptr<Price const> const& price) {
    auto const star = name.find('*');
    if (star == std::string::npos) {
        exact_.emplace(name, price);
        exact_sizes_ |= bit_of(name);
        return;
    }
    auto const before = [star](Glob const& other) { return other.head < star; };
    globs_.insert(std::find_if(globs_.begin(), globs_.end(), before), {name, star, price});
}

bool PriceTable::Glob::matches(std::string_view model) const noexcept {
    auto const tail = pattern.size() - head - 1;
    return model.size() >= head + tail && model.compare(0, head, pattern.data(), head) == 0 &&
           model.compare(model.size() - tail, tail, pattern.data() + head + 1, tail) == 0;
}

Price const* PriceTable::find(std::string_view model) const noexcept {
    if ((exact_sizes_ & bit_of(model)) != 0) {
        if (auto const found = exact_.find(model); found != exact_.end()) {
            return found->second.get();
        }
    }
    for (auto const& glob : globs_) {
        if (glob.matches(model)) return glob.price.get();
    }
    return nullptr;
}

Prices make_prices(std::string const& provider, std::string const& list,
                   std::vector<config::ModelPrice> const& own,
                   std::vector<config::PriceList> const& lists) {
    Prices prices;
    for (auto const& price : own) {
        auto const slash = price.name.find('/');
        if (price.name.substr(0, slash) != provider) continue;
        auto rates = price;
        rates.name = price.name.substr(slash + 1);
        prices.own.add(rates, "config/" + price.name);
    }
    for (auto const& known : lists) {
        if (known.name != list) continue;
        for (auto const& rates : known.models) {
            prices.listed.add(rates, known.name + "/" + rates.name + "@" + known.as_of);
        }
    }
    return prices;
}

}  // namespace sluice::provider
