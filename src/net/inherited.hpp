// Listening sockets that the service manager opened and handed over (systemd socket activation:
// LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES), so that a restart refuses nobody and a low port needs no
// rights.
//
// Called by: the daemon, once, before anything else opens descriptors. Owns the descriptors until
// they are shared out.
#pragma once

#include <string>
#include <vector>

#include "sluice/result.hpp"

#include "net/bind.hpp"

namespace sluice::net {

struct InheritedSocket {
    int fd = -1;
    std::string name;     // "" or as in LISTEN_FDNAMES
    std::string address;  // "127.0.0.1:8080", "[::]:80", "unix:/path"
    std::uint16_t port = 0;
    bool loopback = false;
};

struct InheritedNames {  // the variables as they are; null = not set
    char const* pid = nullptr;
    char const* count = nullptr;
    char const* names = nullptr;
    static InheritedNames read_and_forget();  // children must not take them for theirs
};

inline constexpr int first_inherited_fd = 3;

// What is meant for the process `own_pid`; nothing when the variables are not set or are another
// process'. Error: a variable is no number, or a descriptor is no listening stream socket.
Result<std::vector<InheritedSocket>> inherited_sockets(InheritedNames const& names, int own_pid,
                                                       int first_fd = first_inherited_fd);

// Takes the socket that belongs to a listener out of `sockets`: by name, else by address. Error: it
// can be reached from elsewhere and `address` says loopback only. No fds in the result: none is
// there.
Result<Bound> take_inherited(std::vector<InheritedSocket>& sockets, std::string const& name,
                             std::string const& address, unsigned workers);

// "systemd handed over sockets that no listener takes: ..."; for what is left over.
Error not_taken(std::vector<InheritedSocket> const& sockets);

}  // namespace sluice::net
