// Money: whole pico-USD (1e-12 USD) in 64 bits for one request, 128 bits for sums. No binary
// floating point touches an amount.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace sluice {

// 64 bits hold up to 9.2 million USD: more than one request can cost.
using PicoUsd = std::int64_t;
__extension__ typedef __int128 PicoUsdSum;

inline constexpr PicoUsd pico_usd_per_usd = 1'000'000'000'000;

// Saturates: an amount that does not fit is the largest there is, never a wrong small one.
constexpr PicoUsd to_pico_usd(PicoUsdSum sum) noexcept {
    constexpr PicoUsdSum most = std::numeric_limits<PicoUsd>::max();
    constexpr PicoUsdSum least = std::numeric_limits<PicoUsd>::min();
    return static_cast<PicoUsd>(sum > most ? most : sum < least ? least : sum);
}

// "12.345600000001": decimal USD, exact, without trailing zeros but with at least two decimals.
std::string to_usd_text(PicoUsdSum amount);

}  // namespace sluice
