#include "net/listener.hpp"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>

#include "base/log.hpp"
#include "net/http1_session.hpp"

namespace sluice::net {
namespace {

constexpr int accept_batch_max = 64;  // then others get their turn
constexpr auto pause_after_error = milliseconds{100};

// Tells a client over connections_max why. Best effort: the socket's buffer is empty and takes it.
void refuse(int fd, bool tls) noexcept {
    static constexpr std::string_view answer =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\n"
        "Content-Length: 21\r\nConnection: close\r\n\r\ntoo many connections\n";
    if (!tls) {
        std::ignore = ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        ::shutdown(fd, SHUT_WR);
    }
    ::close(fd);
}

bool is_of_one_connection(int error) noexcept {
    // accept(2): errors already pending on the new socket are passed on by accept.
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == ENETDOWN ||
           error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH || error == ENETUNREACH ||
           error == ENOPROTOOPT || error == EOPNOTSUPP;
}

void open_connection(WorkerImpl& worker, int fd, std::shared_ptr<ServerSide const> const& side) {
    auto& counters = worker.counters();
    if (side->connections_open >= side->options->connections_max) {
        ++counters.connections_refused;
        refuse(fd, side->tls != nullptr);
        return;
    }
    auto stream = Stream::adopt(worker, fd);
    if (!stream.is_open()) return;
    stream.set_no_delay();
    auto address = stream.peer_address();
    Peer peer{std::move(address.host), address.port, side->loopback, side->tls != nullptr,
              side->id};
    ++counters.connections_accepted;
    worker.spawn("connection", serve_connection(worker, std::move(stream), side, std::move(peer)));
}

// Accepts what is there. errno of an error that calls for a pause, else 0.
int accept_ready(WorkerImpl& worker, int socket, std::shared_ptr<ServerSide const> const& side) {
    for (int i = 0; i < accept_batch_max; ++i) {
        auto const fd = ::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            open_connection(worker, fd, side);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return 0;
        } else if (!is_of_one_connection(errno)) {
            return errno;
        }
    }
    return 0;
}

}  // namespace

Async<> accept_loop(WorkerImpl& worker, Stream socket, std::shared_ptr<ServerSide const> side) {
    for (;;) {
        auto const wake = co_await socket.wait(Interest::read, worker.idle_scope());
        if (wake != Wake::ready) co_return Result<void>{};
        auto const error = accept_ready(worker, socket.fd(), side);
        if (error == 0) continue;
        // Out of descriptors or memory: waiting frees some, spinning frees none.
        log::warn("listener {}: accept failed: {}; pausing {} ms", side->id, std::strerror(error),
                  pause_after_error.count());
        auto const slept = co_await worker.sleep(pause_after_error, worker.idle_scope());
        if (!slept.ok() || slept.value() != Wake::ready) co_return Result<void>{};
    }
}

}  // namespace sluice::net
