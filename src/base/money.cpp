#include "sluice/money.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>

namespace sluice {

namespace {

constexpr int decimals = 12;
constexpr int decimals_min = 2;

std::string text_of(std::int64_t amount) {
    constexpr auto per_usd = static_cast<std::uint64_t>(pico_usd_per_usd);
    auto const bits = static_cast<std::uint64_t>(amount);
    auto const size = amount < 0 ? 0 - bits : bits;
    std::array<char, 32> text;
    auto* const end = text.data() + text.size() - 1;
    auto* at = text.data();
    if (amount < 0) *at++ = '-';
    auto* const point = std::to_chars(at, end, size / per_usd).ptr;
    // With a 1 in front, in whose place the point is put, all the decimals stand there.
    at = std::to_chars(point, end, per_usd + size % per_usd).ptr;
    *point = '.';
    while (at - point > 1 + decimals_min && at[-1] == '0') --at;
    return {text.data(), at};
}

// Ten times slower.
std::string wide_text_of(PicoUsdSum amount) {
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
    return is_narrow ? text_of(static_cast<std::int64_t>(amount)) : wide_text_of(amount);
}

}  // namespace sluice
