// Arbitrary bytes as X-Forwarded-For and Forwarded: views stay inside, and whatever a client writes
// itself, the address that a trusted proxy puts behind it is the one that counts.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

#include "codec/forwarded.hpp"

namespace {

using sluice::IpAddress;
using sluice::IpRange;
using sluice::IpRanges;

IpRanges const& trusted() {
    static IpRanges const ranges = [] {
        std::string why;
        return IpRanges{*IpRange::parse("10.0.0.0/8", why), *IpRange::parse("2001:db8::/32", why)};
    }();
    return ranges;
}

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    // Exact size on the heap: ASan sees a read behind it.
    std::vector<char> const bytes(data, data + size);
    std::string_view const text{bytes.data(), bytes.size()};
    auto const peer = *IpAddress::parse("10.0.0.1");
    auto const client = *IpAddress::parse("203.0.113.9");

    std::ignore = sluice::codec::parse_hop(text);
    std::string_view const alone[] = {text};
    std::ignore = sluice::codec::client_by_x_forwarded_for(alone, trusted(), peer);
    auto const by_forwarded = sluice::codec::client_by_forwarded(alone, trusted(), peer);

    std::string const appended = std::string{text} + ", 203.0.113.9, 10.0.0.2";
    std::string_view const in_one[] = {appended};
    std::string_view const in_two[] = {text, "203.0.113.9, 10.0.0.2"};
    require(sluice::codec::client_by_x_forwarded_for(in_one, trusted(), peer) == client);
    require(sluice::codec::client_by_x_forwarded_for(in_two, trusted(), peer) == client);

    // Forwarded has quotes: broken ones are refused, never guessed at.
    std::string_view const fields[] = {text, "for=203.0.113.9, for=10.0.0.2"};
    auto const after = sluice::codec::client_by_forwarded(fields, trusted(), peer);
    require(by_forwarded.has_value() == after.has_value());
    if (after) require(*after == client);
    return 0;
}
