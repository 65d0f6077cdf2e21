#include "guard/lead.hpp"

#include "guard/matcher.hpp"

namespace sluice::guard {
namespace {

// Of ten thousand bytes of English prose with many numbers and names, about: buckets are made by
// it.
constexpr unsigned letter_weight[26] = {600, 110, 210, 310, 950, 160, 150, 420, 510,
                                        15,  60,  300, 180, 510, 560, 140, 10,  440,
                                        470, 680, 210, 75,  150, 15,  150, 10};
constexpr unsigned space_weight = 1600;
constexpr unsigned digit_weight = 60;
constexpr unsigned upper_weight = 15;
constexpr unsigned mark_weight = 20;
constexpr unsigned other_weight = 3;

constexpr unsigned weight_of(unsigned byte) noexcept {
    auto const c = static_cast<char>(byte);
    if (is_lower(c)) return letter_weight[byte - 'a'];
    if (is_digit(c)) return digit_weight;
    if (is_upper(c)) return upper_weight;
    if (c == ' ') return space_weight;
    return byte > ' ' && byte < 0x7f ? mark_weight : other_weight;
}

constexpr unsigned total_weight() noexcept {
    unsigned sum = 0;
    for (unsigned byte = 0; byte < 256; ++byte) sum += weight_of(byte);
    return sum;
}

}  // namespace

ByteSet any_byte() noexcept { return ByteSet{}.set(); }

ByteSet bytes_of(std::string_view bytes) noexcept {
    ByteSet out;
    for (char const c : bytes) out.set(static_cast<unsigned char>(c));
    return out;
}

ByteSet bytes_in(std::string_view ranges) noexcept {
    ByteSet out;
    for (std::size_t at = 0; at < ranges.size(); ++at) {
        auto const first = static_cast<unsigned char>(ranges[at]);
        bool const is_range = at + 2 < ranges.size() && ranges[at + 1] == '-';
        auto const last = is_range ? static_cast<unsigned char>(ranges[at += 2]) : first;
        for (unsigned byte = first; byte <= last; ++byte) out.set(byte);
    }
    return out;
}

ByteSet word_bytes() noexcept { return bytes_in("A-Za-z0-9_"); }

Lead Lead::of(std::initializer_list<ByteSet> sets, ByteSet const& before) {
    Lead lead;
    lead.bytes.fill(any_byte());
    lead.before = before;
    std::size_t place = 0;
    for (auto const& set : sets) {
        if (place < places) lead.bytes[place++] = set;
    }
    return lead;
}

double frequency_of(ByteSet const& bytes) noexcept {
    unsigned sum = 0;
    for (unsigned byte = 0; byte < 256; ++byte) sum += bytes[byte] ? weight_of(byte) : 0;
    return static_cast<double>(sum) / total_weight();
}

double Lead::frequency() const noexcept {
    auto product = frequency_of(before);
    for (auto const& set : bytes) product *= frequency_of(set);
    return product;
}

bool Lead::covers(Lead const& other) const noexcept {
    if ((other.before & ~before).any()) return false;
    for (std::size_t i = 0; i < places; ++i) {
        if ((other.bytes[i] & ~bytes[i]).any()) return false;
    }
    return true;
}

}  // namespace sluice::guard
