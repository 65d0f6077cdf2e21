// Names to addresses: c-ares on the worker's io_context, a cache by TTL, one query per name at
// once.
//
// Called by dial; calls c-ares. One per worker, its thread only. Numeric addresses never leave the
// call; /etc/hosts and resolv.conf are c-ares' business (a changed resolv.conf is noticed).
#pragma once

#include <memory>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include "sluice/async.hpp"
#include "sluice/time.hpp"

namespace sluice::net {

class WorkerImpl;

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;

    [[nodiscard]] int family() const { return storage.ss_family; }
    [[nodiscard]] sockaddr const* data() const {
        return reinterpret_cast<sockaddr const*>(&storage);
    }
    void set_port(std::uint16_t port);
    [[nodiscard]] std::string text() const;  // "127.0.0.1:80", "[::1]:80"
};
using Addresses = std::vector<SocketAddress>;

// An address given as one; nothing when `host` is a name.
Addresses numeric_address(std::string_view host);

struct ResolverOptions {
    std::string servers;  // "127.0.0.1:5353,..."; empty = the system's
    Steady::duration ttl_min = seconds{5};
    Steady::duration ttl_max = seconds{300};
    Steady::duration negative_ttl = seconds{5};  // the name does not exist
    Steady::duration stale_max = seconds{3600};  // old addresses serve while servers do not answer
    milliseconds query_timeout{1000};            // of the first try; c-ares doubles it
    int tries = 3;
    std::size_t names_max = 1024;
    Steady::time_point (*now)() = &Steady::now;  // test seam
};

class Resolver {
  public:
    static std::unique_ptr<Resolver> create(WorkerImpl& worker, ResolverOptions options);
    virtual ~Resolver() = default;

    // At least one address, ports 0, in the order of RFC 6724.
    // Errors: upstream_connect (Retry::next: no such name; same: no answer), upstream_timeout,
    // client_closed.
    virtual Async<Addresses> resolve(std::string host, Deadline deadline, Cancel& cancel) = 0;
    [[nodiscard]] virtual std::uint64_t queries() const noexcept = 0;  // sent so far; for tests
};

}  // namespace sluice::net
