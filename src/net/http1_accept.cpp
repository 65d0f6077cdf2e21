// What comes before the first request of a connection: the PROXY header of a balancer, and how long
// a new client is waited for.
#include <sys/socket.h>

#include "base/log.hpp"
#include "codec/proxy_protocol.hpp"
#include "net/http1_connection.hpp"

namespace sluice::net {
namespace {

Error no_connection(std::string_view why) {
    return client_error(ErrorCode::invalid_request, 400, "The connection was refused.",
                        std::string{why});
}

}  // namespace

Async<Wake> Http1Connection::wait_as_new(Interest interest, Deadline deadline) {
    if (!worker_.draining()) {
        auto const wake = co_await stream_.wait(interest, worker_.idle_scope(), deadline);
        if (wake != Wake::cancelled || !worker_.draining()) co_return wake;
    }
    auto const wake = co_await stream_.wait(interest, worker_.exchange_scope(),
                                            earlier(deadline, Deadline::in(last_call)));
    co_return wake;
}

// Not a byte behind the header is taken from the socket: it may be a TLS handshake.
Async<> Http1Connection::accept_proxy() {
    auto& refused = worker_.counters().connections_refused_proxy;
    if (!contains(side_->options->trusted_proxies, peer_.ip)) {
        ++refused;
        log::info("listener {}: {} is none of server.trusted_proxies: refused", side_->id,
                  peer_.address);
        co_return no_connection("not a trusted proxy");
    }
    auto const deadline = Deadline::in(side_->options->head_timeout);
    codec::ProxyHeader header;
    bool has_begun = false;
    for (;;) {
        auto const waited = co_await wait_as_new(Interest::read, deadline);
        if (waited.value() == Wake::timeout && has_begun) ++worker_.counters().slow_heads;
        if (waited.value() != Wake::ready) co_return no_connection("no PROXY header in time");
        auto const scratch = worker_.scratch();
        auto const there = ::recv(stream_.fd(), scratch.data(), scratch.size(), MSG_PEEK);
        if (there < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        // A balancer that only looks whether the port is open says nothing: no word in the log.
        if (there <= 0) co_return no_connection("closed before a PROXY header came");
        has_begun = true;
        auto const fed = header.feed({scratch.data(), static_cast<std::size_t>(there)});
        if (fed.consumed > 0) std::ignore = stream_.try_read(scratch.first(fed.consumed));
        if (fed.state == codec::ProxyHeader::State::more) continue;
        if (fed.state == codec::ProxyHeader::State::failed) {
            ++refused;
            log::info("listener {}: {}: {}", side_->id, peer_.address, header.reason());
            co_return no_connection(header.reason());
        }
        break;
    }
    if (header.has_source()) {
        peer_.ip = header.source();
        peer_.port = header.source_port();
        peer_.address = peer_.ip.text();
    }
    co_return Result<void>{};
}

}  // namespace sluice::net
