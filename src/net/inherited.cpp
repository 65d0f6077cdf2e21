// See inherited.hpp; sd_listen_fds(3) says what the variables mean.
#include "net/inherited.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace sluice::net {
namespace {

constexpr int sockets_max = 64;

Error refused(std::string message) {
    return gateway_error(ErrorCode::internal, 500, std::move(message));
}

std::optional<int> to_number(char const* text) {
    int value = 0;
    auto const* end = text + std::strlen(text);
    auto const [at, error] = std::from_chars(text, end, value);
    if (error != std::errc{} || at != end || value < 0) return std::nullopt;
    return value;
}

std::vector<std::string> split_names(char const* text) {
    std::vector<std::string> names;
    if (!text) return names;
    std::string_view rest{text};
    for (;;) {
        auto const colon = rest.find(':');
        names.emplace_back(rest.substr(0, colon));
        if (colon == std::string_view::npos) return names;
        rest.remove_prefix(colon + 1);
    }
}

int option(int fd, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

// Fills address, port and loopback from the socket itself.
bool describe(InheritedSocket& socket) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (::getsockname(socket.fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return false;
    std::array<char, INET6_ADDRSTRLEN> host{};
    if (storage.ss_family == AF_INET) {
        auto const& in = reinterpret_cast<sockaddr_in const&>(storage);
        ::inet_ntop(AF_INET, &in.sin_addr, host.data(), host.size());
        socket.port = ntohs(in.sin_port);
        socket.loopback = (ntohl(in.sin_addr.s_addr) >> 24) == 127;
        socket.address = std::string{host.data()} + ":" + std::to_string(socket.port);
        return true;
    }
    if (storage.ss_family == AF_INET6) {
        auto const& in6 = reinterpret_cast<sockaddr_in6 const&>(storage);
        ::inet_ntop(AF_INET6, &in6.sin6_addr, host.data(), host.size());
        socket.port = ntohs(in6.sin6_port);
        socket.loopback = IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
        socket.address = "[" + std::string{host.data()} + "]:" + std::to_string(socket.port);
        return true;
    }
    if (storage.ss_family != AF_UNIX) return false;
    auto const& un = reinterpret_cast<sockaddr_un const&>(storage);
    auto const most = size - offsetof(sockaddr_un, sun_path);
    socket.address = "unix:" + std::string{un.sun_path, ::strnlen(un.sun_path, most)};
    socket.loopback = true;
    return true;
}

bool is_loopback_address(std::string const& address) {
    return address.starts_with("unix:") || address.starts_with("127.") ||
           address.starts_with("[::1]:") || address.starts_with("localhost:");
}

}  // namespace

InheritedNames InheritedNames::read_and_forget() {
    // The text stays where it is: unsetenv takes only the entries away.
    InheritedNames const names{std::getenv("LISTEN_PID"), std::getenv("LISTEN_FDS"),
                               std::getenv("LISTEN_FDNAMES")};
    for (auto const* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
    return names;
}

Result<std::vector<InheritedSocket>> inherited_sockets(InheritedNames const& variables, int own_pid,
                                                       int first_fd) {
    std::vector<InheritedSocket> sockets;
    if (!variables.pid || !variables.count) return sockets;
    auto const pid = to_number(variables.pid);
    auto const count = to_number(variables.count);
    if (!pid || !count || *count > sockets_max) {
        return refused("LISTEN_PID and LISTEN_FDS must be numbers (LISTEN_FDS at most " +
                       std::to_string(sockets_max) + ")");
    }
    if (*pid != own_pid) return sockets;  // meant for another process
    auto const names = split_names(variables.names);
    for (int i = 0; i < *count; ++i) {
        InheritedSocket socket;
        socket.fd = first_fd + i;
        auto const at = static_cast<std::size_t>(i);
        if (at < names.size() && names[at] != "unknown") socket.name = names[at];
        bool const listens =
            option(socket.fd, SO_ACCEPTCONN) == 1 && option(socket.fd, SO_TYPE) == SOCK_STREAM;
        if (!listens || !describe(socket)) {
            return refused(
                "the descriptor " + std::to_string(socket.fd) +
                " of LISTEN_FDS is no listening stream socket (Accept=no, ListenStream=)");
        }
        ::fcntl(socket.fd, F_SETFD, FD_CLOEXEC);
        sockets.push_back(std::move(socket));
    }
    return sockets;
}

Result<Bound> take_inherited(std::vector<InheritedSocket>& sockets, std::string const& name,
                             std::string const& address, unsigned workers) {
    auto const is_named = [&name](auto const& s) { return !name.empty() && s.name == name; };
    auto const is_there = [&address](auto const& s) { return s.address == address; };
    auto found = std::find_if(sockets.begin(), sockets.end(), is_named);
    if (found == sockets.end()) found = std::find_if(sockets.begin(), sockets.end(), is_there);
    if (found == sockets.end()) return Bound{};
    // What config allows on loopback only was checked against the address written there.
    if (!found->loopback && is_loopback_address(address)) {
        return refused("the socket handed over for the listener " + address + " is bound to " +
                       found->address + "; write that address into the config");
    }
    Bound bound{{found->fd}, found->address, found->port, found->loopback, true};
    sockets.erase(found);
    while (bound.fds.size() < workers) {
        int const copy = ::fcntl(bound.fds.front(), F_DUPFD_CLOEXEC, 0);
        if (copy < 0) return refused("cannot share " + bound.address + ": " + std::strerror(errno));
        bound.fds.push_back(copy);
    }
    return bound;
}

Error not_taken(std::vector<InheritedSocket> const& sockets) {
    std::string list;
    for (auto const& socket : sockets) {
        if (!list.empty()) list += ", ";
        list += socket.address;
        if (!socket.name.empty()) list += " (" + socket.name + ")";
    }
    return refused("no listener takes the socket handed over for " + list +
                   "; give a listener this address, or its name as  name:");
}

}  // namespace sluice::net
