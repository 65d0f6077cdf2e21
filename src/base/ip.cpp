// See sluice/ip.hpp.
#include "sluice/ip.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>

namespace sluice {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::uint64_t mix(std::uint64_t word) noexcept {
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ULL;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebULL;
    return word ^ (word >> 31);
}

// Are the bits from `bits` on all zero?
bool is_network(IpAddress const& address, unsigned bits) noexcept {
    auto const size = address.family == IpAddress::Family::v4 ? 4U : 16U;
    for (unsigned i = 0; i < size; ++i) {
        auto const kept = std::min(8U, bits > 8 * i ? bits - 8 * i : 0U);
        if ((address.bytes[i] & (0xffU >> kept)) != 0) return false;
    }
    return true;
}

IpAddress masked(IpAddress address, unsigned bits) noexcept {
    for (unsigned i = 0; i < address.bytes.size(); ++i) {
        auto const kept = std::min(8U, bits > 8 * i ? bits - 8 * i : 0U);
        address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] & ~(0xffU >> kept));
    }
    return address;
}

}  // namespace

IpAddress IpAddress::v4(std::uint8_t const* four) noexcept {
    IpAddress address{Family::v4, {}};
    std::memcpy(address.bytes.data(), four, 4);
    return address;
}

IpAddress IpAddress::v6(std::uint8_t const* sixteen) noexcept {
    if (std::equal(mapped_prefix.begin(), mapped_prefix.end(), sixteen)) return v4(sixteen + 12);
    IpAddress address{Family::v6, {}};
    std::memcpy(address.bytes.data(), sixteen, 16);
    return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
    std::array<char, INET6_ADDRSTRLEN> zero_ended{};
    if (text.empty() || text.size() >= zero_ended.size()) return std::nullopt;
    if (text.find('\0') != std::string_view::npos) return std::nullopt;
    std::memcpy(zero_ended.data(), text.data(), text.size());
    std::array<std::uint8_t, 16> bytes{};
    if (text.find(':') == std::string_view::npos) {
        if (::inet_pton(AF_INET, zero_ended.data(), bytes.data()) != 1) return std::nullopt;
        return v4(bytes.data());
    }
    if (::inet_pton(AF_INET6, zero_ended.data(), bytes.data()) != 1) return std::nullopt;
    return v6(bytes.data());
}

IpAddress IpAddress::site() const noexcept {
    return family == Family::v6 ? masked(*this, 64) : *this;
}

std::uint64_t IpAddress::hash(std::uint64_t seed) const noexcept {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, bytes.data(), 8);
    std::memcpy(&low, bytes.data() + 8, 8);
    auto const first = mix(high ^ seed ^ static_cast<std::uint64_t>(family));
    return mix(first ^ low);
}

std::string IpAddress::text() const {
    if (family == Family::none) return {};
    if (family == Family::local) return "unix";
    if (family == Family::v6) {
        std::array<char, INET6_ADDRSTRLEN> out{};
        ::inet_ntop(AF_INET6, bytes.data(), out.data(), out.size());
        return out.data();
    }
    std::array<char, sizeof "255.255.255.255."> out;
    auto* at = out.data();
    for (std::size_t i = 0; i < 4; ++i) {
        at = std::to_chars(at, at + 3, bytes[i]).ptr;
        *at++ = '.';
    }
    return {out.data(), at - 1};
}

std::optional<IpRange> IpRange::parse(std::string_view text, std::string& why) {
    why = "must be an IP address or a network such as 192.0.2.0/24 or 2001:db8::/32, or unix";
    IpRange range;
    if (text == "unix") {
        range.first_ = IpAddress::local();
        return range;
    }
    auto const slash = text.find('/');
    auto const address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    range.first_ = *address;
    unsigned const most = address->family == IpAddress::Family::v4 ? 32 : 128;
    unsigned bits = most;
    if (slash != std::string_view::npos) {
        auto const digits = text.substr(slash + 1);
        auto const* end = digits.data() + digits.size();
        auto const [at, failure] = std::from_chars(digits.data(), end, bits);
        if (failure != std::errc{} || at != end) return std::nullopt;
        bool const was_mapped = most == 32 && text.find(':') != std::string_view::npos;
        if (bits > most || was_mapped) {
            why = was_mapped ? "must be written as an IPv4 network: 192.0.2.0/24"
                             : "must have at most " + std::to_string(most) + " bits behind the /";
            return std::nullopt;
        }
    }
    if (!is_network(*address, bits)) {
        auto const network = masked(*address, bits).text() + "/" + std::to_string(bits);
        why = "has bits behind its prefix; write " + network + ", or the address alone";
        return std::nullopt;
    }
    range.bits_ = static_cast<std::uint8_t>(bits);
    return range;
}

bool IpRange::contains(IpAddress const& address) const noexcept {
    if (first_.family != address.family || first_.family == IpAddress::Family::none) return false;
    if (first_.family == IpAddress::Family::local) return true;
    return masked(address, bits_).bytes == first_.bytes;
}

std::string IpRange::text() const {
    if (!first_.is_ip()) return first_.text();
    unsigned const most = first_.family == IpAddress::Family::v4 ? 32 : 128;
    return bits_ == most ? first_.text() : first_.text() + "/" + std::to_string(bits_);
}

bool contains(IpRanges const& ranges, IpAddress const& address) noexcept {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&address](IpRange const& range) { return range.contains(address); });
}

}  // namespace sluice
