// The passes over a text that starts.hpp speaks of: by bytes, by halves, by whole bytes.
#include <algorithm>
#include <cstring>

#include "guard/starts.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#define SLUICE_WIDE "avx512f,avx512bw,avx512vbmi"
#endif

namespace sluice::guard {

// By buckets. Where the text ends, and before it begins, anything may stand.
unsigned Starts::may_begin(std::string_view text, std::size_t at) const noexcept {
    unsigned out = 0;
    for (std::size_t bank = 0; bank < banks; ++bank) {
        unsigned bits = 0xff;
        for (std::size_t column = 0; column < columns; ++column) {
            auto const place = at + column;  // one further than the byte
            if (place == 0) continue;
            if (place > text.size()) break;
            auto const byte = static_cast<unsigned char>(text[place - 1]);
            bits &= low_[bank][column][byte & 15] & high_[bank][column][byte >> 4];
        }
        out |= bits << (8 * bank);
    }
    return out;
}

void Starts::look_by_bytes(std::string_view text, std::size_t from, std::size_t to,
                           Places& out) const noexcept {
    out.count = 0;
    for (; from < to && out.count < places_at_once; ++from) {
        if (auto const bits = may_begin(text, from); bits != 0) out.add(from, bits);
    }
    out.next = from;
}

#if defined(__x86_64__)

namespace {

constexpr std::size_t block_bytes = 32;

using Table = std::array<std::uint8_t, 16>;
using Tables = std::array<std::array<Table, Lead::places + 1>, 2>;

// Bits of buckets that bytes may be of, by their low or their high halves.
[[gnu::target("avx2"), gnu::always_inline]] inline __m256i buckets_of(Table const& table,
                                                                      __m256i halves) noexcept {
    return _mm256_shuffle_epi8(
        _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<__m128i const*>(table.data()))),
        halves);
}

// Bits of buckets of the places of a block.
struct Found {
    alignas(block_bytes) std::array<std::uint8_t, block_bytes> first;
    alignas(block_bytes) std::array<std::uint8_t, block_bytes> second;

    [[nodiscard]] unsigned at(std::size_t i) const noexcept {
        return first[i] | static_cast<unsigned>(second[i]) << 8;
    }
};

// Bits of the places in the block where something may begin; only where there are some, `found` is
// written. Reads from the byte before `block` to the fourth behind it.
[[gnu::target("avx2"), gnu::always_inline]] inline std::uint32_t look_at(Tables const& low,
                                                                         Tables const& high,
                                                                         char const* block,
                                                                         Found& found) noexcept {
    auto const half = _mm256_set1_epi8(15);
    auto first = _mm256_set1_epi8(-1), second = first;
    for (std::size_t column = 0; column < Lead::places + 1; ++column) {
        __m256i bytes;
        std::memcpy(&bytes, block + column - 1, sizeof bytes);
        auto const lows = _mm256_and_si256(bytes, half);
        auto const highs = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half);
        first = _mm256_and_si256(first, _mm256_and_si256(buckets_of(low[0][column], lows),
                                                         buckets_of(high[0][column], highs)));
        second = _mm256_and_si256(second, _mm256_and_si256(buckets_of(low[1][column], lows),
                                                           buckets_of(high[1][column], highs)));
    }
    auto const none = _mm256_setzero_si256();
    auto const places = ~static_cast<std::uint32_t>(
        _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_or_si256(first, second), none)));
    if (places != 0) {
        _mm256_store_si256(reinterpret_cast<__m256i*>(found.first.data()), first);
        _mm256_store_si256(reinterpret_cast<__m256i*>(found.second.data()), second);
    }
    return places;
}

}  // namespace

// Whole blocks, none at an edge of the text. Says where it stopped: at `to`, or where fewer places
// than a block has are free.
[[gnu::target("avx2")]] std::size_t Starts::look_inside(std::string_view text, std::size_t from,
                                                        std::size_t to,
                                                        Places& out) const noexcept {
    Found found;
    for (; from < to && out.count + block_bytes <= places_at_once; from += block_bytes) {
        auto places = look_at(low_, high_, text.data() + from, found);
        for (; places != 0; places &= places - 1) {
            auto const i = static_cast<std::size_t>(__builtin_ctz(places));
            out.add(from + i, found.at(i));
        }
    }
    return from;
}

// A block beside an edge of the text, or of what is asked for, is looked at in a copy. Where bytes
// are missing the tables of halves decide by those that are there.
[[gnu::target("avx2")]] void Starts::look_at_edge(std::string_view text, std::size_t from,
                                                  std::size_t count, Places& out) const noexcept {
    std::array<char, 1 + block_bytes + Lead::places> copy{};
    auto const before = from == 0 ? std::size_t{0} : std::size_t{1};
    auto const bytes = std::min(text.size() - from + before, copy.size() - 1 + before);
    std::memcpy(copy.data() + 1 - before, text.data() + from - before, bytes);
    Found found;
    auto const seen = look_at(low_, high_, copy.data() + 1, found);
    auto const sure = text.size() - std::min(text.size(), Lead::places - 1);
    std::uint32_t edges = from == 0 ? 1 : 0;
    for (auto at = std::max(from, sure); at < from + count; ++at) edges |= 1U << (at - from);
    auto places = seen | edges;
    if (count < block_bytes) places &= (1U << count) - 1;
    for (; places != 0; places &= places - 1) {
        auto const i = static_cast<std::size_t>(__builtin_ctz(places));
        bool const is_edge = (edges >> i & 1) != 0;
        auto const bits = is_edge ? may_begin(text, from + i) : found.at(i);
        if (bits != 0) out.add(from + i, bits);
    }
}

void Starts::look_by_halves(std::string_view text, std::size_t from, std::size_t to,
                            Places& out) const noexcept {
    out.count = 0;
    while (from < to && out.count + block_bytes <= places_at_once) {
        auto const behind = text.size() - std::min(text.size(), Lead::places - 1);
        auto const end = std::min(to, behind);
        if (from > 0 && from + block_bytes <= end) {
            auto const blocks = (end - from) / block_bytes;
            from = look_inside(text, from, from + blocks * block_bytes, out);
        } else {
            auto const count = std::min(to - from, block_bytes);
            look_at_edge(text, from, count, out);
            from += count;
        }
    }
    out.next = from;
}

namespace {

// Which of 64 places, the first of which is the place `at` of the text, are places of the text.
std::uint64_t lanes_of(std::string_view text, std::ptrdiff_t at) noexcept {
    auto lanes = ~std::uint64_t{0};
    if (at < 0) lanes &= lanes << 1;  // the one before the text
    auto const left = static_cast<std::ptrdiff_t>(text.size()) - at;
    if (left < 64) lanes &= left > 0 ? ~std::uint64_t{0} >> (64 - left) : 0;
    return lanes;
}

using Whole = std::array<std::array<std::array<std::uint8_t, 128>, Lead::places + 1>, 2>;
using Beyond = std::array<std::array<std::uint8_t, Lead::places + 1>, 2>;

// Bits of buckets of 64 places.
struct Wide {
    __m512i first, second;
};

[[gnu::target(SLUICE_WIDE), gnu::always_inline]] inline __m512i buckets_of_ascii(
    std::array<std::uint8_t, 128> const& table, __m512i bytes) noexcept {
    return _mm512_permutex2var_epi8(_mm512_load_si512(table.data()), bytes,
                                    _mm512_load_si512(table.data() + 64));
}

// What stands before a text or behind it, where there are no `lanes`, fits all.
[[gnu::target(SLUICE_WIDE), gnu::always_inline]] inline __m512i buckets_of_any(
    std::array<std::uint8_t, 128> const& table, std::uint8_t beyond, __m512i bytes,
    std::uint64_t lanes) noexcept {
    auto const bits =
        _mm512_mask_mov_epi8(buckets_of_ascii(table, bytes), _mm512_movepi8_mask(bytes),
                             _mm512_set1_epi8(static_cast<char>(beyond)));
    return _mm512_mask_mov_epi8(_mm512_set1_epi8(-1), lanes, bits);
}

[[gnu::target(SLUICE_WIDE), gnu::always_inline]] inline Wide look_at_any(
    Whole const& ascii, Beyond const& beyond, std::string_view text, std::size_t from) noexcept {
    Wide found{_mm512_set1_epi8(-1), _mm512_set1_epi8(-1)};
    for (std::size_t column = 0; column < Lead::places + 1; ++column) {
        auto const at = static_cast<std::ptrdiff_t>(from + column) - 1;
        auto const lanes = lanes_of(text, at);
        auto const bytes = _mm512_maskz_loadu_epi8(lanes, text.data() + at);
        found.first = _mm512_and_si512(
            found.first, buckets_of_any(ascii[0][column], beyond[0][column], bytes, lanes));
        found.second = _mm512_and_si512(
            found.second, buckets_of_any(ascii[1][column], beyond[1][column], bytes, lanes));
    }
    return found;
}

template <std::size_t Column>
[[gnu::target(SLUICE_WIDE), gnu::always_inline]] inline Wide narrowed(Wide found,
                                                                      Whole const& ascii,
                                                                      char const* block) noexcept {
    auto const bytes = _mm512_loadu_si512(block + Column - 1);
    return {_mm512_and_si512(found.first, buckets_of_ascii(ascii[0][Column], bytes)),
            _mm512_and_si512(found.second, buckets_of_ascii(ascii[1][Column], bytes))};
}

// Precondition: all of it is ASCII and inside the text, with the byte before and the four behind.
// Written out, so that the tables stay in registers from block to block.
[[gnu::target(SLUICE_WIDE), gnu::always_inline]] inline Wide look_at_ascii(
    Whole const& ascii, char const* block) noexcept {
    static_assert(Lead::places == 5);
    Wide found{_mm512_set1_epi8(-1), _mm512_set1_epi8(-1)};
    found = narrowed<0>(found, ascii, block);
    found = narrowed<1>(found, ascii, block);
    found = narrowed<2>(found, ascii, block);
    found = narrowed<3>(found, ascii, block);
    found = narrowed<4>(found, ascii, block);
    return narrowed<5>(found, ascii, block);
}

}  // namespace

[[gnu::target(SLUICE_WIDE)]] void Starts::look_whole(std::string_view text, std::size_t from,
                                                     std::size_t to, Places& out) const noexcept {
    constexpr std::size_t wide_bytes = 64;
    alignas(wide_bytes) std::array<std::uint8_t, wide_bytes> first, second;
    out.count = 0;
    for (; from < to && out.count + wide_bytes <= places_at_once;
         from += std::min(wide_bytes, to - from)) {
        auto const* const block = text.data() + from;
        bool is_ascii = from > 0 && from + wide_bytes + Lead::places - 1 <= text.size();
        if (is_ascii) {
            auto const ends = _mm512_or_si512(_mm512_loadu_si512(block - 1),
                                              _mm512_loadu_si512(block + Lead::places - 1));
            is_ascii = _mm512_movepi8_mask(ends) == 0;
        }
        auto const found =
            is_ascii ? look_at_ascii(ascii_, block) : look_at_any(ascii_, beyond_, text, from);
        auto const either = _mm512_or_si512(found.first, found.second);
        auto places = _mm512_test_epi8_mask(either, either);
        if (to - from < wide_bytes) places &= (std::uint64_t{1} << (to - from)) - 1;
        if (places == 0) continue;
        _mm512_store_si512(first.data(), found.first);
        _mm512_store_si512(second.data(), found.second);
        for (; places != 0; places &= places - 1) {
            auto const i = static_cast<std::size_t>(__builtin_ctzll(places));
            out.add(from + i, first[i] | static_cast<unsigned>(second[i]) << 8);
        }
    }
    out.next = from;
}

Starts::Pass Starts::best_pass() noexcept {
    static auto const best = [] {
        bool const is_wide =
            __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi");
        if (is_wide) return Pass::whole;
        return __builtin_cpu_supports("avx2") ? Pass::halves : Pass::bytes;
    }();
    return best;
}

void Starts::look(Pass pass, std::string_view text, std::size_t from, std::size_t to,
                  Places& out) const {
    switch (pass) {
        case Pass::bytes:
            return look_by_bytes(text, from, to, out);
        case Pass::halves:
            return look_by_halves(text, from, to, out);
        case Pass::whole:
            return look_whole(text, from, to, out);
    }
}

#else

Starts::Pass Starts::best_pass() noexcept { return Pass::bytes; }

void Starts::look(Pass, std::string_view text, std::size_t from, std::size_t to,
                  Places& out) const {
    look_by_bytes(text, from, to, out);
}

#endif

}  // namespace sluice::guard
