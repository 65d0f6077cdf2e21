// Limits as they are written down: what is wrong with one is told with its place.
#include <gmock/gmock.h>

#include "unit/config/support.hpp"

namespace sluice::config {
namespace {

std::string const around = R"(providers: {openai: {keys: {main: sk-abcdefgh12345}}}
routes: {a: {tiers: [openai/x]}}
keys: {t: {limits: standard, keys: {k: {value: "client-key-0123456789"}}}}
limits:
)";

TEST(LimitsConfig, AreReadWithTheirDefaults) {
    auto const loaded = load_text(around + "  standard: {rpm: 5, usd: {amount: 1.5, per: day}}\n",
                                  "x.yaml", with());
    EXPECT_EQ(told(loaded), "");
    ASSERT_TRUE(loaded.document.teams.at(0).limits);
    auto const& limits = *loaded.document.teams.at(0).limits;
    EXPECT_EQ(limits.rpm, 5);
    EXPECT_FALSE(limits.tpm);
    EXPECT_EQ(limits.usd.at(0).amount, 1'500'000'000);
    EXPECT_EQ(limits.usd.at(0).per, BudgetPeriod::day);
    EXPECT_EQ(limits.on_unbounded, OnUnbounded::cap);
    EXPECT_EQ(limits.on_store_down, OnStoreDown::open);
    EXPECT_EQ(limits.on_unpriced, OnUnpriced::refuse);
}

TEST(LimitsConfig, WhatIsWrongIsToldWithItsPlace) {
    struct Row {
        char const* settings;
        char const* told;
    };
    Row const rows[] = {
        {"{rpm: 0}", "x.yaml:5:19: error: limits.standard.rpm"},
        {"{rpm: 5, rmp: 5}", "x.yaml:5:22: error: limits.standard has no setting \"rmp\""},
        {"{tpm: -1}", "x.yaml:5:19: error: limits.standard.tpm"},
        {"{usd: {amount: 0, per: day}}", "x.yaml:5:28: error: limits.standard.usd"},
        {"{usd: {amount: 5, per: year}}", "x.yaml:5:36: error: limits.standard.usd"},
        {"{usd: {amount: 5, per: day, time_zone: Mars/Base}}", "x.yaml:5:52: error: "},
        {"{tokens: {per: day}}", "x.yaml:5:22: error: limits.standard.tokens"},
        {"{rpm: 5, on_unpriced: maybe}", "x.yaml:5:35: error: limits.standard.on_unpriced"},
        {"{rpm: 5, shares: {batch: 2}}", "x.yaml:5:38: error: limits.standard.shares.batch"},
        {"{rpm: 5, shares: {batch: 0.9, normal: 0.5}}", "gives batch a larger share than normal"},
        {"{}", "limits nothing"},
    };
    for (auto const& row : rows) {
        auto const errors = load_and_tell(around + "  standard: " + row.settings + "\n");
        EXPECT_THAT(errors, testing::HasSubstr(row.told)) << row.settings;
    }
}

TEST(LimitsConfig, ANameThatLeadsNowhereIsTold) {
    EXPECT_THAT(load_and_tell(around + "  standart: {rpm: 5}\n"),
                testing::AllOf(testing::HasSubstr("x.yaml:3:20: error: "),
                               testing::HasSubstr("names no class of limits; did you mean "
                                                  "\"standart\"")));
}

}  // namespace
}  // namespace sluice::config
