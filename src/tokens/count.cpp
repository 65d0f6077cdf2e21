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

// Of the bytes of eight lanes: pairs, then all by one multiplication.
std::int64_t sum_of(std::uint64_t lanes) noexcept {
    constexpr std::uint64_t pairs = 0x00FF'00FF'00FF'00FF;
    auto const sums = (lanes & pairs) + ((lanes >> 8) & pairs);
    return static_cast<std::int64_t>((sums * 0x0001'0001'0001'0001) >> 48);
}

std::int64_t sum_of(Block block) noexcept {
    std::array<std::uint64_t, 2> halves{};
    std::memcpy(halves.data(), &block, sizeof block);
    return sum_of(halves[0]) + sum_of(halves[1]);
}

bool is_ascii(Block block) noexcept {
    std::array<std::uint64_t, 2> halves{};
    std::memcpy(halves.data(), &block, sizeof block);
    return ((halves[0] | halves[1]) & 0x8080'8080'8080'8080) == 0;
}

Block load(char const* from) noexcept {
    Block block;
    std::memcpy(&block, from, sizeof block);
    return block;
}

// Lanes of counts, for a few blocks: a comparison gives 0 or all ones (-1) in each lane, so
// subtracting it counts.
struct Lanes {
    Block ascii{}, two{}, three{}, four{};

    void add(Block block) noexcept {
        ascii -= reinterpret_cast<Block>(block >= 0x80);
        two -= reinterpret_cast<Block>(block >= 0xC0);
        three -= reinterpret_cast<Block>(block >= 0xE0);
        four -= reinterpret_cast<Block>(block >= 0xF0);
    }
    void flush(Classes& out) noexcept {
        out.beyond_ascii += sum_of(ascii);
        out.leads += sum_of(two);
        out.leads_3 += sum_of(three);
        out.leads_4 += sum_of(four);
        *this = {};
    }
};

// Four blocks at a time. Most texts are ASCII in most of them: that is seen at once.
void add_runs(char const* text, std::size_t runs, Classes& out) noexcept {
    constexpr std::size_t added_max = 63;  // runs, before a lane could overflow
    Lanes lanes;
    std::size_t added = 0;
    for (; runs > 0; --runs, text += 4 * sizeof(Block)) {
        Block const one = load(text), two = load(text + 16), three = load(text + 32),
                    four = load(text + 48);
        if (is_ascii(one | two | three | four)) continue;
        lanes.add(one);
        lanes.add(two);
        lanes.add(three);
        lanes.add(four);
        if (++added < added_max) continue;
        lanes.flush(out);
        added = 0;
    }
    if (added > 0) lanes.flush(out);
}

Classes classes_of(std::string_view text) noexcept {
    Classes classes;
    auto const runs = text.size() / (4 * sizeof(Block));
    add_runs(text.data(), runs, classes);
    for (auto const c : text.substr(runs * 4 * sizeof(Block))) {
        auto const byte = static_cast<std::uint8_t>(c);
        if (byte < 0x80) continue;
        ++classes.beyond_ascii;
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
