#include "guard/starts.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sluice::guard {
namespace {

constexpr std::size_t buckets_max = 16;
#if defined(__x86_64__)
constexpr std::size_t block_bytes = 32;

bool has_vectors() noexcept {
    static bool const has = __builtin_cpu_supports("avx2") != 0;
    return has;
}
#endif

ByteSet const& column_of(Lead const& lead, std::size_t column) noexcept {
    return column == 0 ? lead.before : lead.bytes[column - 1];
}

}  // namespace

// Leads that share a bit: what each column lets through is the product of the halves of their
// bytes.
struct Starts::Bucket {
    std::array<std::uint16_t, columns> low{};
    std::array<std::uint16_t, columns> high{};
    bool is_gone = false;

    explicit Bucket(Lead const& lead) {
        for (std::size_t column = 0; column < columns; ++column) {
            auto const& bytes = column_of(lead, column);
            for (unsigned byte = 0; byte < 256; ++byte) {
                if (!bytes[byte]) continue;
                low[column] = static_cast<std::uint16_t>(low[column] | 1U << (byte & 15));
                high[column] = static_cast<std::uint16_t>(high[column] | 1U << (byte >> 4));
            }
        }
    }

    void take(Bucket const& other) noexcept {
        for (std::size_t column = 0; column < columns; ++column) {
            low[column] |= other.low[column];
            high[column] |= other.high[column];
        }
    }

    [[nodiscard]] float frequency() const noexcept;
};

namespace {

// How often a byte is met that has one of these halves.
float frequency_of_halves(std::uint16_t low, std::uint16_t high) noexcept {
    // By the high half: sums over each half of the sixteen low ones.
    using Sums = std::array<std::array<float, 256>, 2>;
    static auto const sums = [] {
        std::array<Sums, 16> out{};
        for (unsigned byte = 0; byte < 256; ++byte) {
            auto const weight = static_cast<float>(frequency_of(ByteSet{}.set(byte)));
            auto const bit = byte & 7;
            auto& row = out[byte >> 4][byte >> 3 & 1];
            for (unsigned mask = 0; mask < 256; ++mask) row[mask] += (mask >> bit & 1) ? weight : 0;
        }
        return out;
    }();
    float sum = 0;
    for (; high != 0; high = static_cast<std::uint16_t>(high & (high - 1))) {
        auto const& row = sums[static_cast<std::size_t>(__builtin_ctz(high))];
        sum += row[0][low & 255] + row[1][low >> 8];
    }
    return sum;
}

}  // namespace

float Starts::Bucket::frequency() const noexcept {
    float product = 1;
    for (std::size_t column = 0; column < columns; ++column) {
        product *= frequency_of_halves(low[column], high[column]);
    }
    return product;
}

std::unique_ptr<Starts const> Starts::create(std::vector<Entry> entries) {
    // What another lead of the same rule covers is no lead of its own.
    for (std::size_t i = 0; i < entries.size();) {
        bool const is_covered =
            std::any_of(entries.begin(), entries.end(), [&](Entry const& other) {
                return &other != &entries[i] && other.rule == entries[i].rule &&
                       other.lead.covers(entries[i].lead);
            });
        if (is_covered) {
            entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(i));
        } else {
            ++i;
        }
    }
    if (entries.empty() || entries.size() > leads_max) return nullptr;
    std::unique_ptr<Starts> made{new Starts};
    made->words_ = (entries.size() + 63) / 64;
    made->exact_.assign((columns * 256 + 1) * made->words_, 0);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        made->rule_of_.push_back(entries[i].rule);
        made->exact_[columns * 256 * made->words_ + i / 64] |= std::uint64_t{1} << (i % 64);
        for (std::size_t column = 0; column < columns; ++column) {
            auto const& bytes = column_of(entries[i].lead, column);
            for (unsigned byte = 0; byte < 256; ++byte) {
                if (!bytes[byte]) continue;
                auto const row = (column * 256 + byte) * made->words_;
                made->exact_[row + i / 64] |= std::uint64_t{1} << (i % 64);
            }
        }
    }
    made->fill_buckets(entries);
    return made;
}

// The two that cost least together become one, until they fit.
void Starts::fill_buckets(std::vector<Entry> const& entries) {
    std::vector<Bucket> buckets;
    for (auto const& entry : entries) buckets.emplace_back(entry.lead);
    auto const count = buckets.size();
    std::vector<float> alone;
    for (auto const& bucket : buckets) alone.push_back(bucket.frequency());
    auto const price = [&](std::size_t a, std::size_t b) {
        auto both = buckets[a];
        both.take(buckets[b]);
        return both.frequency() - alone[a] - alone[b];
    };
    struct Nearest {
        std::size_t other = 0;
        float price = std::numeric_limits<float>::infinity();
    };
    std::vector<Nearest> nearest(count);
    auto const find_nearest = [&](std::size_t a) {
        nearest[a] = {};
        for (std::size_t b = a + 1; b < count; ++b) {
            if (buckets[b].is_gone) continue;
            auto const cost = price(a, b);
            if (cost < nearest[a].price) nearest[a] = {b, cost};
        }
    };
    for (std::size_t a = 0; a < count; ++a) find_nearest(a);
    for (auto left = count; left > buckets_max; --left) {
        std::size_t best = count;
        for (std::size_t a = 0; a < count; ++a) {
            if (buckets[a].is_gone) continue;
            if (best == count || nearest[a].price < nearest[best].price) best = a;
        }
        auto const gone = nearest[best].other;
        buckets[best].take(buckets[gone]);
        buckets[gone].is_gone = true;
        alone[best] = buckets[best].frequency();
        for (std::size_t a = 0; a < count; ++a) {
            if (buckets[a].is_gone) continue;
            bool const is_stale = a == best || nearest[a].other == gone || nearest[a].other == best;
            if (is_stale) {
                find_nearest(a);
            } else if (a < best) {
                auto const cost = price(a, best);
                if (cost < nearest[a].price) nearest[a] = {best, cost};
            }
        }
    }
    std::size_t index = 0;
    for (auto const& bucket : buckets) {
        if (bucket.is_gone) continue;
        auto& low = low_[index / 8];
        auto& high = high_[index / 8];
        auto const bit = 1U << (index % 8);
        for (std::size_t column = 0; column < columns; ++column) {
            for (unsigned half = 0; half < 16; ++half) {
                if ((bucket.low[column] >> half & 1) != 0) {
                    low[column][half] = static_cast<std::uint8_t>(low[column][half] | bit);
                }
                if ((bucket.high[column] >> half & 1) != 0) {
                    high[column][half] = static_cast<std::uint8_t>(high[column][half] | bit);
                }
            }
        }
        ++index;
    }
}

// By buckets. Where the text ends, and before it begins, anything may stand.
bool Starts::may_begin(std::string_view text, std::size_t at) const noexcept {
    for (std::size_t bank = 0; bank < banks; ++bank) {
        unsigned bits = 0xff;
        for (std::size_t column = 0; column < columns; ++column) {
            auto const place = at + column;  // one further than the byte
            if (place == 0) continue;
            if (place > text.size()) break;
            auto const byte = static_cast<unsigned char>(text[place - 1]);
            bits &= low_[bank][column][byte & 15] & high_[bank][column][byte >> 4];
        }
        if (bits != 0) return true;
    }
    return false;
}

void Starts::look_slowly(std::string_view text, std::size_t from, std::size_t to,
                         Places& out) const {
    out.count = 0;
    for (; from < to && out.count < places_at_once; ++from) {
        if (may_begin(text, from)) out.at[out.count++] = static_cast<std::uint32_t>(from);
    }
    out.next = from;
}

#if defined(__x86_64__)

namespace {

using Table = std::array<std::uint8_t, 16>;
using Tables = std::array<std::array<Table, Lead::places + 1>, 2>;

// Bits of buckets that bytes may be of, by their low or their high halves.
[[gnu::target("avx2"), gnu::always_inline]] inline __m256i buckets_of(Table const& table,
                                                                      __m256i halves) noexcept {
    return _mm256_shuffle_epi8(
        _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<__m128i const*>(table.data()))),
        halves);
}

// Bits of the places in the block where something may begin. Reads from the byte before `block` to
// the third behind it.
[[gnu::target("avx2"), gnu::always_inline]] inline std::uint32_t hits(Tables const& low,
                                                                      Tables const& high,
                                                                      char const* block) noexcept {
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
    return ~static_cast<std::uint32_t>(
        _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_or_si256(first, second), none)));
}

}  // namespace

// Whole blocks, none at an edge of the text. Says where it stopped: at `to`, or where fewer places
// than a block has are free.
[[gnu::target("avx2")]] std::size_t Starts::look_inside(std::string_view text, std::size_t from,
                                                        std::size_t to,
                                                        Places& out) const noexcept {
    for (; from < to && out.count + block_bytes <= places_at_once; from += block_bytes) {
        out.add(from, hits(low_, high_, text.data() + from));
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
    auto bits = hits(low_, high_, copy.data() + 1);
    if (count < block_bytes) bits &= (std::uint32_t{1} << count) - 1;
    auto const see = [&](std::size_t at) {
        auto const bit = std::uint32_t{1} << (at - from);
        bits = may_begin(text, at) ? bits | bit : bits & ~bit;
    };
    if (from == 0) see(0);
    auto const sure = text.size() - std::min(text.size(), Lead::places - 1);
    for (auto at = std::max(from, sure); at < from + count; ++at) see(at);
    out.add(from, bits);
}

void Starts::look(std::string_view text, std::size_t from, std::size_t to, Places& out) const {
    if (!has_vectors()) return look_slowly(text, from, to, out);
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

#else

void Starts::look(std::string_view text, std::size_t from, std::size_t to, Places& out) const {
    look_slowly(text, from, to, out);
}

#endif

}  // namespace sluice::guard
