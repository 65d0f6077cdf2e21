#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "sluice/tokens.hpp"

namespace sluice::tokens {
namespace {

constexpr std::int64_t token_bytes_max = 128;  // the longest in any vocabulary we know

// Sixteen bytes at once: the compiler makes of it what the machine has.
using Block = std::uint8_t __attribute__((vector_size(16)));

// How many bytes are at or above each of the three marks. A character of two, three or four bytes
// begins with one byte at or above 0xC0, 0xE0, 0xF0; those that follow are below 0xC0.
struct Classes {
    std::int64_t beyond_ascii = 0;  // bytes >= 0x80
    std::int64_t leads = 0;         // bytes >= 0xC0: characters of two bytes and more
    std::int64_t leads_3 = 0;       // bytes >= 0xE0: of three and more
    std::int64_t leads_4 = 0;       // bytes >= 0xF0: of four
};

std::int64_t sum_of(Block block) noexcept {
    std::array<std::uint8_t, sizeof(Block)> lanes{};
    std::memcpy(lanes.data(), &block, sizeof block);
    std::int64_t sum = 0;
    for (auto const lane : lanes) sum += lane;
    return sum;
}

Block load(char const* from) noexcept {
    Block block;
    std::memcpy(&block, from, sizeof block);
    return block;
}

// A comparison gives 0 or all ones (-1) in each lane: subtracting it counts.
void add_blocks(char const* text, std::size_t blocks, Classes& out) noexcept {
    constexpr std::size_t run_max = 255;  // before a lane could overflow
    while (blocks > 0) {
        auto const run = std::min(blocks, run_max);
        Block ascii{}, two{}, three{}, four{};
        for (std::size_t i = 0; i < run; ++i) {
            Block const block = load(text + i * sizeof(Block));
            ascii -= reinterpret_cast<Block>(block >= 0x80);
            two -= reinterpret_cast<Block>(block >= 0xC0);
            three -= reinterpret_cast<Block>(block >= 0xE0);
            four -= reinterpret_cast<Block>(block >= 0xF0);
        }
        out.beyond_ascii += sum_of(ascii);
        out.leads += sum_of(two);
        out.leads_3 += sum_of(three);
        out.leads_4 += sum_of(four);
        text += run * sizeof(Block);
        blocks -= run;
    }
}

Classes classes_of(std::string_view text) noexcept {
    Classes classes;
    auto const blocks = text.size() / sizeof(Block);
    add_blocks(text.data(), blocks, classes);
    for (auto const c : text.substr(blocks * sizeof(Block))) {
        auto const byte = static_cast<std::uint8_t>(c);
        classes.beyond_ascii += byte >= 0x80 ? 1 : 0;
        classes.leads += byte >= 0xC0 ? 1 : 0;
        classes.leads_3 += byte >= 0xE0 ? 1 : 0;
        classes.leads_4 += byte >= 0xF0 ? 1 : 0;
    }
    return classes;
}

}  // namespace

Count count(std::string_view text) noexcept {
    if (text.empty()) return {0, 0, 0, true};
    auto const bytes = static_cast<std::int64_t>(text.size());
    auto const classes = classes_of(text);
    Count count;
    count.upper = bytes;
    count.lower = (bytes + token_bytes_max - 1) / token_bytes_max;
    // In quarters of a token: one per byte of ASCII; two per Latin, Cyrillic or Arabic letter; four
    // per character of the scripts with three bytes; eight per emoji.
    auto const four = classes.leads_4;
    auto const three = classes.leads_3 - classes.leads_4;
    auto const two = classes.leads - classes.leads_3;
    auto const quarters = (bytes - classes.beyond_ascii) + two * 2 + three * 4 + four * 8;
    count.estimate = std::clamp((quarters + 3) / 4, count.lower, count.upper);
    return count;
}

}  // namespace sluice::tokens
