#include "sluice/money.hpp"

#include <cstdint>
#include <gtest/gtest.h>
#include <limits>

namespace sluice {
namespace {

TEST(Money, IsWrittenAsExactDecimalUsd) {
    EXPECT_EQ(to_usd_text(0), "0.00");
    EXPECT_EQ(to_usd_text(pico_usd_per_usd), "1.00");
    EXPECT_EQ(to_usd_text(1), "0.000000000001");
    EXPECT_EQ(to_usd_text(2'500'000), "0.0000025");
    EXPECT_EQ(to_usd_text(pico_usd_per_usd / 10 * 125), "12.50");
    EXPECT_EQ(to_usd_text(-1'230'000'000'000), "-1.23");
    EXPECT_EQ(to_usd_text(PicoUsdSum{pico_usd_per_usd} * pico_usd_per_usd * 1000),
              "1000000000000000.00");
    // On both sides of 64 bits.
    PicoUsdSum const most = std::numeric_limits<std::int64_t>::max();
    PicoUsdSum const least = std::numeric_limits<std::int64_t>::min();
    EXPECT_EQ(to_usd_text(most), "9223372.036854775807");
    EXPECT_EQ(to_usd_text(most + 1), "9223372.036854775808");
    EXPECT_EQ(to_usd_text(least), "-9223372.036854775808");
    EXPECT_EQ(to_usd_text(least - 1), "-9223372.036854775809");
}

TEST(Money, SaturatesWhereItDoesNotFit) {
    auto const most = std::numeric_limits<PicoUsd>::max();
    EXPECT_EQ(to_pico_usd(PicoUsdSum{most} * 2), most);
    EXPECT_EQ(to_pico_usd(PicoUsdSum{-1} * most * 2), std::numeric_limits<PicoUsd>::min());
    EXPECT_EQ(to_pico_usd(-7), -7);
}

}  // namespace
}  // namespace sluice
