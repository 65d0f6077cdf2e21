// Prices: exact figures, the lists that are built in, and what is refused.
#include "config/price.hpp"

#include <algorithm>
#include <fstream>
#include <gmock/gmock.h>

#include "unit/config/support.hpp"

namespace sluice::config {
namespace {

using testing::HasSubstr;

std::string const base =
    "providers: {up: {kind: openai_compatible, base_url: \"http://127.0.0.1:1\"}}\n";

std::optional<std::int64_t> input_of(std::string const& figure) {
    auto const loaded =
        load_text(base + "prices: {up/m: {input: " + figure + "}}\n", "x.yaml", with());
    if (!loaded.ok()) return std::nullopt;
    return loaded.document.prices.at(0).input;
}

TEST(PriceFigures, AreExact) {
    EXPECT_EQ(input_of("2.50"), 2'500'000);
    EXPECT_EQ(input_of("0"), 0);
    EXPECT_EQ(input_of("0.000001"), 1);
    EXPECT_EQ(input_of("0.075"), 75'000);
    EXPECT_EQ(input_of("3.125"), 3'125'000);
    EXPECT_EQ(input_of("1000000"), 1'000'000'000'000);
    EXPECT_EQ(input_of("\"0.15\""), 150'000);
}

TEST(PriceFigures, ThatAreNoneAreRefused) {
    for (auto const* bad :
         {"-1", "1e-6", "0.0000001", "1000001", "1.", ".5", "free", "1,5", "''"}) {
        EXPECT_EQ(input_of(bad), std::nullopt) << bad;
    }
    auto const told = load_and_tell(base + "prices: {up/m: {input: 1e-6}}\n");
    EXPECT_THAT(told, HasSubstr("USD per million tokens"));
    EXPECT_THAT(told, HasSubstr("x.yaml:2:24"));
}

TEST(Prices, NeedAProviderAndAList) {
    EXPECT_THAT(
        load_and_tell(base + "prices: {upp/m: {input: 1}}\n"),
        HasSubstr("names the provider \"upp\", which is not defined; did you mean \"up\"?"));
    EXPECT_THAT(load_and_tell(base + "prices: {m: {input: 1}}\n"), HasSubstr("provider/model"));
    EXPECT_THAT(load_and_tell("providers: {up: {kind: openai_compatible, base_url: "
                              "\"http://127.0.0.1:1\", prices: opena}}\n"),
                HasSubstr("names the price list \"opena\", which is not there; did you mean"));
}

TEST(PriceLists, AreBuiltIn) {
    std::vector<Problem> problems;
    auto const lists = read_price_lists("", problems);
    EXPECT_TRUE(problems.empty()) << to_text(problems.front());
    ASSERT_EQ(lists.size(), 2U);
    for (auto const& list : lists) {
        EXPECT_EQ(list.as_of.size(), 10U);
        EXPECT_GE(list.models.size(), 20U);
        for (auto const& model : list.models) {
            EXPECT_TRUE(model.input || model.output) << list.name << "/" << model.name;
        }
    }
    auto const& openai = lists[1].name == "openai" ? lists[1] : lists[0];
    auto const found = std::find_if(openai.models.begin(), openai.models.end(),
                                    [](auto const& m) { return m.name == "gpt-4o-mini"; });
    ASSERT_NE(found, openai.models.end());
    EXPECT_EQ(found->input, 150'000);
    EXPECT_EQ(found->cache_read, 75'000);
    EXPECT_EQ(found->output, 600'000);
}

TEST(PriceLists, OfKindsAreTheirs) {
    auto const loaded =
        load_text("providers: {openai: {keys: {a: sk-abcdefgh12345}}}\n", "x.yaml", with());
    EXPECT_EQ(loaded.document.provider("openai")->prices, "openai");
}

}  // namespace
}  // namespace sluice::config
