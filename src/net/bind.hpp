// Opens listening sockets for the daemon, which hands one to each worker.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/result.hpp"

namespace sluice::net {

struct Bound {
    std::vector<int> fds;    // one per worker; whoever takes them closes them
    std::string address;     // "127.0.0.1:8080" with the real port, or "unix:/path"
    std::uint16_t port = 0;  // 0 for unix
    bool loopback = false;
    bool shared_queue = false;  // the fds are one socket: whoever is free accepts
};

// `address`: "host:port" with a numeric IPv4 host, "[v6]:port", "unix:/path"; port 0 picks one. TCP
// sockets share the port through SO_REUSEPORT, but only with each other: an address that another
// process holds is refused. Error detail says what the system said; the message is for the
// operator.
Result<Bound> bind_listeners(std::string const& address, unsigned workers);

}  // namespace sluice::net
