// Egress proxies: which one a destination goes through, and what is said to it.
//
// Called by the daemon (environment), dial and upstream_client. Pure: reads no environment itself.
// Credentials in a proxy URL never reach a message or a detail.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/result.hpp"

namespace sluice::net {

struct Proxy {
    std::string host;  // name, IPv4, IPv6 without brackets
    std::uint16_t port = 0;
    std::string authorization;  // "Basic ..." or ""; a secret
};

// "http://user:pass@host:port" (scheme and credentials may be missing, percent-escapes in
// credentials are decoded; the port defaults to 80). https and socks proxies are not spoken.
// Error: invalid_request that names what is wrong, never the URL.
Result<Proxy> parse_proxy(std::string_view url);

// "host:port" for a request line or a Host field; IPv6 in brackets.
std::string authority(std::string_view host, std::uint16_t port);

// The CONNECT request for a tunnel to host:port.
std::string connect_request(Proxy const& proxy, std::string_view host, std::uint16_t port);

// The proxy's URL for a destination, "" = none. `no_proxy` is a list separated by commas or blanks:
// "*", a name, ".name" or "*.name" (itself and everything below it, as curl has it), each
// with ":port" when only that port is meant, addresses and CIDR
// blocks of both families. Loopback destinations always go direct.
std::string proxy_for(std::string_view scheme, std::string_view host, std::uint16_t port,
                      std::string_view https_proxy, std::string_view http_proxy,
                      std::string_view no_proxy);

}  // namespace sluice::net
