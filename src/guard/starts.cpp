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
constexpr int sweeps = 1;
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
    std::vector<std::size_t> entries;
    bool is_gone = false;

    Bucket() = default;
    Bucket(Lead const& lead, std::size_t entry) : entries{entry} {
        for (std::size_t column = 0; column < columns; ++column) {
            auto const& bytes = column_of(lead, column);
            for (unsigned byte = 0; byte < 256; ++byte) {
                if (!bytes[byte]) continue;
                low[column] = static_cast<std::uint16_t>(low[column] | 1U << (byte & 15));
                high[column] = static_cast<std::uint16_t>(high[column] | 1U << (byte >> 4));
            }
        }
    }

    void take(Bucket const& other) {
        for (std::size_t column = 0; column < columns; ++column) {
            low[column] |= other.low[column];
            high[column] |= other.high[column];
        }
        entries.insert(entries.end(), other.entries.begin(), other.entries.end());
    }

    [[nodiscard]] float frequency_with(Bucket const& other) const noexcept;
    [[nodiscard]] float frequency() const noexcept { return frequency_with(*this); }
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

float Starts::Bucket::frequency_with(Bucket const& other) const noexcept {
    float product = 1;
    for (std::size_t column = 0; column < columns; ++column) {
        product *=
            frequency_of_halves(static_cast<std::uint16_t>(low[column] | other.low[column]),
                                static_cast<std::uint16_t>(high[column] | other.high[column]));
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
    auto const buckets = cluster(entries);
    made->fill_halves(buckets);
    made->fill_exact(entries, buckets);
    return made;
}

// The two that cost least together become one, until they fit.
std::vector<Starts::Bucket> Starts::cluster(std::vector<Entry> const& entries) {
    std::vector<Bucket> buckets;
    for (std::size_t i = 0; i < entries.size(); ++i) buckets.emplace_back(entries[i].lead, i);
    auto const count = buckets.size();
    std::vector<float> alone;
    for (auto const& bucket : buckets) alone.push_back(bucket.frequency());
    auto const price = [&](std::size_t a, std::size_t b) {
        return buckets[a].frequency_with(buckets[b]) - alone[a] - alone[b];
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
    std::erase_if(buckets, [](Bucket const& bucket) { return bucket.is_gone; });
    for (int sweep = 0; sweep < sweeps; ++sweep) settle(entries, buckets);
    return buckets;
}

// Each lead goes to the bucket where it costs least, the others being as they are.
void Starts::settle(std::vector<Entry> const& entries, std::vector<Bucket>& buckets) {
    for (std::size_t entry = 0; entry < entries.size(); ++entry) {
        auto const has = [entry](Bucket const& bucket) {
            return std::find(bucket.entries.begin(), bucket.entries.end(), entry) !=
                   bucket.entries.end();
        };
        auto const home = std::find_if(buckets.begin(), buckets.end(), has);
        if (home->entries.size() == 1) continue;
        Bucket const alone(entries[entry].lead, entry);
        Bucket rest;
        for (auto const other : home->entries) {
            if (other != entry) rest.take(Bucket(entries[other].lead, other));
        }
        auto* best = &*home;
        auto least = home->frequency() - rest.frequency();
        for (auto& bucket : buckets) {
            if (&bucket == &*home) continue;
            auto const price = bucket.frequency_with(alone) - bucket.frequency();
            if (price >= least) continue;
            least = price;
            best = &bucket;
        }
        if (best == &*home) continue;
        *home = std::move(rest);
        best->take(alone);
    }
}

void Starts::fill_halves(std::vector<Bucket> const& buckets) {
    for (std::size_t i = 0; i < buckets.size(); ++i) {
        auto& low = low_[i / 8];
        auto& high = high_[i / 8];
        auto const bit = 1U << (i % 8);
        auto const add = [bit](std::uint8_t& bits, bool is_set) {
            if (is_set) bits = static_cast<std::uint8_t>(bits | bit);
        };
        for (std::size_t column = 0; column < columns; ++column) {
            for (unsigned half = 0; half < 16; ++half) {
                add(low[column][half], (buckets[i].low[column] >> half & 1) != 0);
                add(high[column][half], (buckets[i].high[column] >> half & 1) != 0);
            }
        }
    }
}

void Starts::fill_exact(std::vector<Entry> const& entries, std::vector<Bucket> const& buckets) {
    words_ = (entries.size() + 63) / 64;
    exact_.assign((columns * 256 + 1) * words_, 0);
    for (std::size_t i = 0; i < buckets.size(); ++i) {
        auto ordered = buckets[i].entries;
        std::sort(ordered.begin(), ordered.end());
        for (auto const entry : ordered) {
            auto const word = rule_of_.size() / 64;
            auto const bit = std::uint64_t{1} << (rule_of_.size() % 64);
            rule_of_.push_back(entries[entry].rule);
            words_of_[i] = static_cast<std::uint8_t>(words_of_[i] | 1U << word);
            exact_[columns * 256 * words_ + word] |= bit;
            for (std::size_t column = 0; column < columns; ++column) {
                auto const& bytes = column_of(entries[entry].lead, column);
                for (unsigned byte = 0; byte < 256; ++byte) {
                    if (bytes[byte]) exact_[(column * 256 + byte) * words_ + word] |= bit;
                }
            }
        }
    }
}

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

void Starts::look_slowly(std::string_view text, std::size_t from, std::size_t to,
                         Places& out) const {
    out.count = 0;
    for (; from < to && out.count < places_at_once; ++from) {
        if (auto const bits = may_begin(text, from); bits != 0) out.add(from, bits);
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
