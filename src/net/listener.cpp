#include "net/listener.hpp"

#include <cerrno>
#include <cstring>
#include <exception>
#include <fmt/format.h>
#include <sys/socket.h>

#include "base/log.hpp"
#include "net/http1_session.hpp"

namespace sluice::net {
namespace {

constexpr int accept_batch_max = 64;  // then others get their turn
constexpr auto pause_after_error = milliseconds{100};
// A worker far above the mean leaves what is queued to the others for so long, then takes one.
constexpr auto pause_above_mean = milliseconds{20};
// At a stop: a handshake under way when the queue was found empty still gets in; who goes on coming
// does not hold the socket open for ever.
constexpr auto last_look_after = milliseconds{20};
constexpr auto last_accepts_max = seconds{1};

Error too_many(std::string message) {
    auto error = gateway_error(ErrorCode::overloaded, 503, std::move(message));
    error.retry_after_ms = 1000;
    return error;
}

// Tells a client over a bound why. Best effort: the socket's buffer is empty and takes it. On TLS
// there is nothing to say it in.
void refuse(int fd, ServerSide const& side, Error const& error) noexcept {
    if (!side.tls && !side.proxy_protocol) {
        try {
            http::HeaderBlock headers;
            side.handler->malformed_headers(error, headers);
            auto const body = side.handler->malformed(error, {});
            auto const answer = fmt::format(
                "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
                "Retry-After: 1\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n{}",
                headers.wire(), body.size(), body);
            std::ignore = ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        } catch (std::exception const&) {  // out of memory: it is closed without a word
        }
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
    if (!side->caps->open(worker.index(), side->options->connections_max)) {
        ++counters.connections_refused;
        return refuse(fd, *side, too_many("Too many connections are open. Try again shortly."));
    }
    auto stream = Stream::adopt(worker, fd);
    if (!stream.is_open()) return side->caps->close(worker.index());
    stream.set_no_delay();
    auto address = stream.peer_address();
    Peer peer{std::move(address.host),
              address.port,
              side->loopback,
              side->tls != nullptr,
              side->id,
              address.ip,
              {}};
    ++counters.connections_accepted;
    worker.spawn("connection", serve_connection(worker, std::move(stream), side, std::move(peer)));
}

struct Accepted {
    int error = 0;          // errno that calls for a pause
    bool is_empty = false;  // nothing is queued any more
};

// Accepts what is there, `most` at a time.
Accepted accept_ready(WorkerImpl& worker, int socket, std::shared_ptr<ServerSide const> const& side,
                      int most = accept_batch_max) {
    for (int i = 0; i < most; ++i) {
        auto const fd = ::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            open_connection(worker, fd, side);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return {0, true};
        } else if (!is_of_one_connection(errno)) {
            return {errno, false};
        }
    }
    return {};
}

// The worker drains: whoever the kernel has let in already is served, then the socket closes. With
// SO_REUSEPORT a socket that closes takes its queue with it: nobody else could serve that.
Async<> empty_queue(WorkerImpl& worker, Stream& socket, std::shared_ptr<ServerSide const> side) {
    auto const until = Deadline::in(last_accepts_max);
    bool was_empty = false;
    while (!until.is_past() && !worker.exchange_scope().cancelled()) {
        auto const accepted = accept_ready(worker, socket.fd(), side);
        if (accepted.error != 0 || (accepted.is_empty && was_empty)) break;
        was_empty = accepted.is_empty;
        auto const pause = was_empty ? last_look_after : milliseconds{0};
        auto const slept = co_await worker.sleep(pause, worker.exchange_scope());
        if (!slept.ok() || slept.value() != Wake::ready) break;
    }
    co_return Result<void>{};
}

}  // namespace

Async<> accept_loop(WorkerImpl& worker, Stream socket, std::shared_ptr<ServerSide const> side) {
    for (;;) {
        auto const wake = co_await socket.wait(Interest::read, worker.idle_scope());
        if (wake != Wake::ready) break;
        // Only where others wait at the same queue: a queue of its own would merely wait longer.
        bool const leaves_it = side->shared_queue && side->caps->is_far_above_mean(worker.index());
        if (leaves_it) {
            ++worker.counters().accept_pauses;
            auto const slept = co_await worker.sleep(pause_above_mean, worker.idle_scope());
            if (!slept.ok() || slept.value() != Wake::ready) break;
        }
        // Once it has waited it takes one, so whoever comes is served even when no other worker is
        // able to.
        auto const accepted =
            accept_ready(worker, socket.fd(), side, leaves_it ? 1 : accept_batch_max);
        if (accepted.error == 0) continue;
        // Out of descriptors or memory: waiting frees some, spinning frees none.
        log::warn("listener {}: accept failed: {}; pausing {} ms", side->id,
                  std::strerror(accepted.error), pause_after_error.count());
        auto const slept = co_await worker.sleep(pause_after_error, worker.idle_scope());
        if (!slept.ok() || slept.value() != Wake::ready) break;
    }
    auto const emptied = co_await empty_queue(worker, socket, std::move(side));
    co_return emptied;
}

}  // namespace sluice::net
