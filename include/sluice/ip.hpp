// IP addresses and networks (CIDR) as values: who is at the other end, and lists of who may be.
// Pure: nothing is resolved. Implemented in base/ip.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

struct IpAddress {
    enum class Family : std::uint8_t {
        none,   // not known
        local,  // a Unix socket or a peer in this process
        v4,
        v6,
    };
    Family family = Family::none;
    std::array<std::uint8_t, 16> bytes{};  // network order; v4 in the first four

    // "192.0.2.1", "2001:db8::1"; "::ffff:192.0.2.1" is the IPv4 address. No zone, no port.
    static std::optional<IpAddress> parse(std::string_view text) noexcept;
    static IpAddress local() noexcept { return {Family::local, {}}; }
    static IpAddress v4(std::uint8_t const* four) noexcept;
    // An IPv4-mapped address becomes IPv4: one host has one value.
    static IpAddress v6(std::uint8_t const* sixteen) noexcept;

    [[nodiscard]] bool is_known() const noexcept { return family != Family::none; }
    [[nodiscard]] bool is_ip() const noexcept {
        return family == Family::v4 || family == Family::v6;
    }
    // What one subscriber has: an IPv4 address; of IPv6 the /64.
    [[nodiscard]] IpAddress site() const noexcept;
    // 64 bits that nobody without `seed` can steer.
    [[nodiscard]] std::uint64_t hash(std::uint64_t seed) const noexcept;
    [[nodiscard]] std::string text() const;  // "192.0.2.1", "2001:db8::1", "unix", "" when none

    bool operator==(IpAddress const&) const = default;
};

// A network. "192.0.2.0/24", "2001:db8::/32", a single address, or "unix" (IpAddress::local).
class IpRange {
  public:
    IpRange() = default;
    // On failure nullopt and `why`, to follow a path: "must be ...".
    static std::optional<IpRange> parse(std::string_view text, std::string& why);
    [[nodiscard]] bool contains(IpAddress const& address) const noexcept;
    [[nodiscard]] std::string text() const;
    bool operator==(IpRange const&) const = default;

  private:
    IpAddress first_;
    std::uint8_t bits_ = 0;
};

using IpRanges = std::vector<IpRange>;

bool contains(IpRanges const& ranges, IpAddress const& address) noexcept;

}  // namespace sluice
