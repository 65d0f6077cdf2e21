// X-Forwarded-For and Forwarded (RFC 7239): the address behind the proxies that are trusted.
//
// Called by: engine (client_address), the fuzz target. Pure; at most hops_max entries are looked
// at. Each proxy writes the address it was called from at the right end, so lists are read from
// there: the first address that is not a trusted proxy is the client, and whatever stands left of
// it was written by the client itself and says nothing.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "sluice/ip.hpp"

namespace sluice::codec {

inline constexpr int hops_max = 64;

// One entry: "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:4711".
// none for anything else ("unknown", "_hidden").
IpAddress parse_hop(std::string_view text) noexcept;

// `fields`: the values in the order of the head. The result is `peer` when there is no entry, none
// when the entry next to the trusted ones is no address; the left-most entry when all are trusted.
IpAddress client_by_x_forwarded_for(std::span<std::string_view const> fields,
                                    IpRanges const& trusted, IpAddress const& peer) noexcept;

// nullopt: the grammar is broken somewhere, so where an entry ends cannot be told.
std::optional<IpAddress> client_by_forwarded(std::span<std::string_view const> fields,
                                             IpRanges const& trusted,
                                             IpAddress const& peer) noexcept;

}  // namespace sluice::codec
