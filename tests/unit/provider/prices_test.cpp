// What an answer costs, to the pico-USD; and which price a model has.
#include "provider/prices.hpp"

#include <gtest/gtest.h>

namespace sluice::provider {
namespace {

config::TokenPrice gpt() {  // 2.50, 1.25 and 10 USD per million tokens
    config::TokenPrice price;
    price.input = 2'500'000;
    price.cache_read = 1'250'000;
    price.output = 10'000'000;
    return price;
}

Price plain() {
    Price price;
    static_cast<config::TokenPrice&>(price.rates) = gpt();
    return price;
}

llm::Usage used(std::int64_t input, std::int64_t output) {
    llm::Usage usage;
    usage.input = input;
    usage.output = output;
    return usage;
}

TEST(CostOf, IsTokensTimesPrice) {
    EXPECT_EQ(cost_of(plain(), used(1'000'000, 0)), 2'500'000'000'000);
    EXPECT_EQ(cost_of(plain(), used(11, 7)), 11 * 2'500'000 + 7 * 10'000'000);
    EXPECT_EQ(cost_of(plain(), used(0, 0)), 0);
}

TEST(CostOf, ChargesEachTokenOnce) {
    auto usage = used(1000, 100);
    usage.cache_read = 400;
    usage.reasoning = 60;  // of output: at its price
    EXPECT_EQ(cost_of(plain(), usage), 600 * 2'500'000LL + 400 * 1'250'000LL + 100 * 10'000'000LL);
    usage.cache_write = 100;  // no price of its own: as input
    EXPECT_EQ(cost_of(plain(), usage), 600 * 2'500'000LL + 400 * 1'250'000LL + 100 * 10'000'000LL);
    usage.cache_read = 5000;  // more than there are: a provider's slip must not make it negative
    EXPECT_EQ(cost_of(plain(), usage), 1000 * 1'250'000LL + 100 * 10'000'000LL);
}

TEST(CostOf, WhatIsKeptForAnHourHasAPriceOfItsOwn) {
    auto price = plain();
    price.rates.cache_write = 3'000'000;
    auto usage = used(1000, 0);
    usage.cache_write = 500;
    usage.cache_write_1h = 200;  // of the 500
    EXPECT_EQ(cost_of(price, usage), std::nullopt);
    price.rates.cache_write_1h = 5'000'000;
    EXPECT_EQ(cost_of(price, usage), 500 * 2'500'000LL + 300 * 3'000'000LL + 200 * 5'000'000LL);
    usage.cache_write_1h = 900;  // never more than was written at all
    EXPECT_EQ(cost_of(price, usage), 500 * 2'500'000LL + 500 * 5'000'000LL);
}

TEST(CostOf, IsUnknownWhereAPriceIsMissing) {
    auto usage = used(1000, 100);
    usage.audio_input = 1;
    EXPECT_EQ(cost_of(plain(), usage), std::nullopt);
    usage = used(1000, 100);
    usage.audio_output = 1;
    EXPECT_EQ(cost_of(plain(), usage), std::nullopt);
    Price embedding;
    embedding.rates.input = 20'000;
    EXPECT_EQ(cost_of(embedding, used(1000, 0)), 20'000'000);
    EXPECT_EQ(cost_of(embedding, used(1000, 1)), std::nullopt);
    EXPECT_EQ(cost_of(Price{}, used(1, 0)), std::nullopt);
}

TEST(CostOf, GoesByTheServiceTier) {
    auto price = plain();
    config::TokenPrice fast = gpt();
    fast.input = 5'000'000;
    price.rates.service_tiers["priority"] = fast;
    auto usage = used(10, 0);
    for (auto const* tier : {"", "default", "standard", "auto"}) {
        usage.service_tier = tier;
        EXPECT_EQ(cost_of(price, usage), 25'000'000) << tier;
    }
    usage.service_tier = "priority";
    EXPECT_EQ(cost_of(price, usage), 50'000'000);
    usage.service_tier = "scale";
    EXPECT_EQ(cost_of(price, usage), std::nullopt);
}

TEST(CostOf, GoesByTheLengthOfThePrompt) {
    auto price = plain();
    config::LongPrompt far;
    far.above = 1000;
    far.input = 5'000'000;
    far.output = 15'000'000;
    price.rates.long_prompt = far;
    EXPECT_EQ(cost_of(price, used(1000, 1)), 1000 * 2'500'000LL + 10'000'000);
    EXPECT_EQ(cost_of(price, used(1001, 1)), 1001 * 5'000'000LL + 15'000'000)
        << "the whole request";
    price.rates.service_tiers["flex"] = gpt();
    auto usage = used(1001, 1);
    usage.service_tier = "flex";
    EXPECT_EQ(cost_of(price, usage), std::nullopt) << "nobody said what both together cost";
}

TEST(CostOf, SaturatesInsteadOfOverflowing) {
    Price dear;
    dear.rates.input = std::int64_t{1} << 40;
    EXPECT_EQ(cost_of(dear, used(std::int64_t{1} << 40, 0)), std::numeric_limits<PicoUsd>::max());
}

config::ModelPrice named(std::string name, std::vector<std::string> names, std::int64_t input) {
    config::ModelPrice price;
    price.name = std::move(name);
    price.names = std::move(names);
    price.input = input;
    return price;
}

TEST(Prices, FindTheMostSpecificName) {
    config::PriceList const list{"openai",
                                 "2026-08-21",
                                 {named("gpt-*", {}, 1), named("gpt-4o*", {}, 2),
                                  named("gpt-4o", {"gpt-4o-2024-08-06"}, 3), named("*", {}, 9)}};
    auto const prices = make_prices("up", "openai", {}, {list});
    auto const input_of = [&](char const* model) { return prices.find(model)->rates.input; };
    EXPECT_EQ(input_of("gpt-4o"), 3);
    EXPECT_EQ(input_of("gpt-4o-2024-08-06"), 3);
    EXPECT_EQ(input_of("gpt-4o-mini"), 2);
    EXPECT_EQ(input_of("gpt-5"), 1);
    EXPECT_EQ(input_of("o3"), 9);
    EXPECT_EQ(prices.find("gpt-4o")->version, "openai/gpt-4o@2026-08-21");
}

TEST(Prices, OfTheOperatorComeFirst) {
    config::PriceList const list{"openai", "2026-08-21", {named("gpt-4o", {}, 3)}};
    std::vector<config::ModelPrice> const own = {named("up/gpt-*", {}, 7), named("down/*", {}, 8)};
    auto const prices = make_prices("up", "openai", own, {list});
    EXPECT_EQ(prices.find("gpt-4o")->rates.input, 7) << "a glob of the operator's beats the list";
    EXPECT_EQ(prices.find("gpt-4o")->version, "config/up/gpt-*");
    EXPECT_EQ(prices.find("o3"), nullptr);
    EXPECT_EQ(make_prices("up", "none", {}, {list}).find("gpt-4o"), nullptr);
}

}  // namespace
}  // namespace sluice::provider
