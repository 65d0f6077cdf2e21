#include "guard/starts.hpp"

#include <algorithm>
#include <limits>

namespace sluice::guard {
namespace {

constexpr std::size_t buckets_max = 16;
constexpr int sweeps = 1;

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
    made->fill_whole(entries, buckets);
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

void Starts::fill_whole(std::vector<Entry> const& entries, std::vector<Bucket> const& buckets) {
    for (std::size_t i = 0; i < buckets.size(); ++i) {
        auto const bit = static_cast<std::uint8_t>(1U << (i % 8));
        for (auto const entry : buckets[i].entries) {
            for (std::size_t column = 0; column < columns; ++column) {
                auto const& bytes = column_of(entries[entry].lead, column);
                for (unsigned byte = 0; byte < 256; ++byte) {
                    if (!bytes[byte]) continue;
                    auto& bits = byte < 128 ? ascii_[i / 8][column][byte] : beyond_[i / 8][column];
                    bits |= bit;
                }
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

}  // namespace sluice::guard
