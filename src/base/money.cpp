#include "sluice/money.hpp"

#include <algorithm>

namespace sluice {

std::string to_usd_text(PicoUsdSum amount) {
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

}  // namespace sluice
