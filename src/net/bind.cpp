#include "net/bind.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace sluice::net {
namespace {

constexpr int backlog = 4096;

struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;
    std::string unix_path;
};

Error bind_error(std::string message) {
    return gateway_error(ErrorCode::internal, 500, std::move(message));
}

std::optional<Address> parse(std::string const& text) {
    Address address;
    if (text.starts_with("unix:")) {
        address.unix_path = text.substr(5);
        auto& un = reinterpret_cast<sockaddr_un&>(address.storage);
        if (address.unix_path.empty() || address.unix_path.size() >= sizeof un.sun_path) return {};
        un.sun_family = AF_UNIX;
        std::memcpy(un.sun_path, address.unix_path.c_str(), address.unix_path.size() + 1);
        address.length = sizeof un;
        return address;
    }
    auto const colon = text.rfind(':');
    if (colon == std::string::npos) return {};
    std::uint16_t port = 0;
    auto const* end = text.data() + text.size();
    auto const [at, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc{} || at != end) return {};
    auto host = text.substr(0, colon);
    if (host == "localhost") host = "127.0.0.1";
    if (host.starts_with('[') && host.ends_with(']')) {
        auto& in6 = reinterpret_cast<sockaddr_in6&>(address.storage);
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(port);
        address.length = sizeof in6;
        host = host.substr(1, host.size() - 2);
        if (::inet_pton(AF_INET6, host.c_str(), &in6.sin6_addr) != 1) return {};
        return address;
    }
    auto& in = reinterpret_cast<sockaddr_in&>(address.storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    address.length = sizeof in;
    if (::inet_pton(AF_INET, host.c_str(), &in.sin_addr) != 1) return {};
    return address;
}

bool is_loopback(Address const& address) {
    switch (address.storage.ss_family) {
        case AF_UNIX:
            return true;
        case AF_INET: {
            auto const& in = reinterpret_cast<sockaddr_in const&>(address.storage);
            return (ntohl(in.sin_addr.s_addr) >> 24) == 127;
        }
        default: {
            auto const& in6 = reinterpret_cast<sockaddr_in6 const&>(address.storage);
            return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
        }
    }
}

std::uint16_t port_of(Address const& address) {
    if (address.storage.ss_family == AF_INET) {
        return ntohs(reinterpret_cast<sockaddr_in const&>(address.storage).sin_port);
    }
    if (address.storage.ss_family == AF_INET6) {
        return ntohs(reinterpret_cast<sockaddr_in6 const&>(address.storage).sin6_port);
    }
    return 0;
}

// A bound socket, listening when asked; -1 with errno set.
int open_socket(Address const& address, bool share, bool listening) {
    auto const family = address.storage.ss_family;
    int const fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int const on = 1;
    if (family != AF_UNIX) {
        ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (share) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    }
    if (family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (::bind(fd, reinterpret_cast<sockaddr const*>(&address.storage), address.length) != 0 ||
        (listening && ::listen(fd, backlog) != 0)) {
        int const saved = errno;
        ::close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

void close_all(Bound& bound) {
    for (int const fd : bound.fds) ::close(fd);
    bound.fds.clear();
}

Error refused(std::string const& text, int code) {
    std::string message = "cannot listen on " + text + ": " + std::strerror(code);
    if (code == EADDRINUSE) {
        message +=
            "; choose another address with SLUICE_LISTEN (or SLUICE_ADMIN_LISTEN), or end the "
            "process that holds it";
    }
    return bind_error(std::move(message));
}

// A socket file left by a process that is gone is removed; one that answers is not.
void remove_stale(Address const& address) {
    struct stat info {};
    if (::lstat(address.unix_path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return;
    int const fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    int const answer =
        ::connect(fd, reinterpret_cast<sockaddr const*>(&address.storage), address.length);
    bool const dead = answer != 0 && errno == ECONNREFUSED;
    ::close(fd);
    if (dead) ::unlink(address.unix_path.c_str());
}

Result<Bound> bind_unix(std::string const& text, Address const& address, unsigned workers) {
    remove_stale(address);
    Bound bound{{}, text, 0, true, true};
    int const fd = open_socket(address, false, true);
    if (fd < 0) return refused(text, errno);
    bound.fds.push_back(fd);
    while (bound.fds.size() < workers) {
        int const copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy < 0) {
            int const code = errno;
            close_all(bound);
            return refused(text, code);
        }
        bound.fds.push_back(copy);
    }
    return bound;
}

}  // namespace

Result<Bound> bind_listeners(std::string const& text, unsigned workers) {
    auto address = parse(text);
    if (!address) {
        return bind_error("'" + text +
                          "' is no listen address: write 127.0.0.1:8080, [::1]:8080 or unix:/path");
    }
    if (!address->unix_path.empty()) return bind_unix(text, *address, workers);

    // Without SO_REUSEPORT first: two daemons would share a port silently otherwise.
    int const probe = open_socket(*address, false, port_of(*address) != 0);
    if (probe < 0) return refused(text, errno);
    ::getsockname(probe, reinterpret_cast<sockaddr*>(&address->storage), &address->length);
    ::close(probe);

    Bound bound;
    bound.port = port_of(*address);
    bound.address = text.substr(0, text.rfind(':') + 1) + std::to_string(bound.port);
    bound.loopback = is_loopback(*address);
    while (bound.fds.size() < workers) {
        int const fd = open_socket(*address, true, true);
        if (fd < 0) {
            int const code = errno;
            close_all(bound);
            return refused(text, code);
        }
        bound.fds.push_back(fd);
    }
    return bound;
}

}  // namespace sluice::net
