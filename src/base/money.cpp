#include "sluice/money.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace sluice {

namespace {

// `N`: 64 bits where they do, which is divided ten times quicker than 128.
template <class N>
std::string digits_of(N amount) {
    constexpr int decimals = 12;
    constexpr int decimals_min = 2;
    bool const negative = amount < 0;
    std::string text;  // backwards
    int place = 0;
    bool significant = false;
    while (amount != 0 || place <= decimals) {
        auto const digit = static_cast<int>(amount % 10);
        amount /= 10;
        significant = significant || digit != 0 || place >= decimals - decimals_min;
        if (place == decimals) text += '.';
        if (significant) text += static_cast<char>('0' + (digit < 0 ? -digit : digit));
        ++place;
    }
    if (negative) text += '-';
    std::reverse(text.begin(), text.end());
    return text;
}

}  // namespace

std::string to_usd_text(PicoUsdSum amount) {
    using Narrow = std::numeric_limits<std::int64_t>;
    bool const is_narrow = amount >= Narrow::min() && amount <= Narrow::max();
    return is_narrow ? digits_of(static_cast<std::int64_t>(amount)) : digits_of(amount);
}

}  // namespace sluice
