// See upstream_client.hpp.
#include "net/upstream_client.hpp"

#include <openssl/ssl.h>
#include <sys/uio.h>

#include "net/dial_errors.hpp"
#include "net/http1_response.hpp"
#include "net/pool.hpp"
#include "net/proxy.hpp"
#include "net/send_turn.hpp"
#include "net/tls_client.hpp"
#include "net/upstream_stream_http1.hpp"
#include "net/worker_impl.hpp"

namespace sluice::net {
namespace {

// With absolute-form requests the proxy itself may answer; 407 can be no one else.
bool is_refused_by_proxy(Endpoint const& endpoint, UpstreamStream const& stream) {
    return !endpoint.proxy.empty() && endpoint.scheme == "http" && stream.head().status == 407;
}

Error refused_by_proxy(std::uint16_t status) {
    auto refused = unconnected(Retry::next, "proxy", "status " + std::to_string(status));
    refused.message = "the egress proxy refused the connection to the provider";
    return refused;
}

Error full() {
    auto error = gateway_error(ErrorCode::overloaded, 503,
                               "too many connections to the provider are open; try again later. "
                               "The gateway's operator can raise server.upstreams.connections_max",
                               "connect: as many connections to this address are open on this "
                               "worker as server.upstreams.connections_max allows");
    error.retry = Retry::next;
    error.retry_after_ms = 1000;
    return error;
}

class Http1Client final : public UpstreamClient {
  public:
    Http1Client(WorkerImpl& worker, UpstreamClientOptions options)
        : worker_(worker),
          dial_(options.dial),
          resolver_(Resolver::create(worker, std::move(options.resolver))),
          pool_(worker) {
        pool_.set_limits(options.limits);
    }

    Async<std::unique_ptr<UpstreamStream>> send(Endpoint const& endpoint,
                                                http::WireRequest const& request,
                                                UpstreamTimeouts const& timeouts,
                                                Cancel& cancel) override;
    void set_limits(UpstreamLimits const& limits) override { pool_.set_limits(limits); }
    void retain(std::span<std::string const> identities) override { pool_.retain(identities); }

  private:
    // Name, TCP, proxy and TLS, all within `deadline`.
    Async<> connect(Connection& connection, Endpoint const& endpoint, Deadline deadline,
                    Cancel& cancel);
    Async<Stream> reach(Endpoint const& endpoint, Deadline deadline, Cancel& cancel);
    Async<> tunnel(Stream& stream, Endpoint const& endpoint, Deadline deadline, Cancel& cancel);
    Async<> secure(Connection& connection, Endpoint const& endpoint, Deadline deadline,
                   Cancel& cancel);

    WorkerImpl& worker_;
    DialOptions dial_;
    std::unique_ptr<Resolver> resolver_;
    Pool pool_;
};

Async<std::unique_ptr<UpstreamStream>> Http1Client::send(Endpoint const& endpoint,
                                                         http::WireRequest const& request,
                                                         UpstreamTimeouts const& timeouts,
                                                         Cancel& cancel) {
    co_await SendTurn(worker_);  // before a connection is leased: it is looked at right before use
    if (cancel.cancelled()) co_return cancelled("send", cancel);
    auto lead = request_lead(endpoint, request);
    if (!lead.ok()) co_return std::move(lead).error();

    if (auto leased = pool_.lease(endpoint.identity())) {
        auto exchange = std::make_unique<Http1Exchange>(worker_, pool_, std::move(leased),
                                                        request.method, timeouts, cancel);
        auto started = co_await exchange->start(lead.value(), request);
        if (started.ok() && is_refused_by_proxy(endpoint, *exchange))
            co_return refused_by_proxy(407);
        if (started.ok()) co_return std::unique_ptr<UpstreamStream>{std::move(exchange)};
        // It was closed while it rested, and the news crossed the request: no byte of an answer
        // came.
        if (!exchange->was_reset_untouched() || cancel.cancelled()) {
            co_return std::move(started).error();
        }
    }
    auto opened = pool_.open(endpoint.identity());
    if (!opened) {
        co_return full();
    }
    auto const began = Steady::now();
    auto const deadline = earlier(bound(timeouts.connect), timeouts.total);
    auto connected = co_await connect(*opened, endpoint, deadline, cancel);
    if (!connected.ok()) co_return std::move(connected).error();
    opened->connect_time = std::max(Steady::now() - began, Steady::duration{1});
    ++worker_.counters().upstream_connects;

    auto exchange = std::make_unique<Http1Exchange>(worker_, pool_, std::move(opened),
                                                    request.method, timeouts, cancel);
    auto started = co_await exchange->start(lead.value(), request);
    if (!started.ok()) co_return std::move(started).error();
    if (is_refused_by_proxy(endpoint, *exchange)) co_return refused_by_proxy(407);
    co_return std::unique_ptr<UpstreamStream>{std::move(exchange)};
}

Async<> Http1Client::connect(Connection& connection, Endpoint const& endpoint, Deadline deadline,
                             Cancel& cancel) {
    auto reached = co_await reach(endpoint, deadline, cancel);
    if (!reached.ok()) co_return std::move(reached).error();
    connection.stream = std::move(reached).value();
    if (endpoint.scheme != "https") co_return Result<void>{};
    if (!endpoint.proxy.empty()) {
        auto through = co_await tunnel(connection.stream, endpoint, deadline, cancel);
        if (!through.ok()) co_return std::move(through).error();
    }
    co_return co_await secure(connection, endpoint, deadline, cancel);
}

// A connected byte stream: to the endpoint itself or to its proxy.
Async<Stream> Http1Client::reach(Endpoint const& endpoint, Deadline deadline, Cancel& cancel) {
    if (endpoint.scheme == "inproc") co_return worker_.connect_inproc(endpoint.inproc);
    Addresses addresses;
    if (endpoint.scheme == "unix") {
        addresses = unix_address(endpoint.host);
        if (addresses.empty()) {
            co_return unconnected(Retry::next, "connect", "the socket's path is empty or too long");
        }
    } else {
        std::string host = endpoint.host;
        auto port = endpoint.port;
        if (!endpoint.proxy.empty()) {
            auto proxy = parse_proxy(endpoint.proxy);
            if (!proxy.ok()) co_return unconnected(Retry::next, "proxy", proxy.error().message);
            host = proxy->host;
            port = proxy->port;
        }
        auto resolved = co_await resolver_->resolve(std::move(host), deadline, cancel);
        if (!resolved.ok()) co_return std::move(resolved).error();
        addresses = std::move(resolved).value();
        for (auto& address : addresses) address.set_port(port);
    }
    co_return co_await dial(worker_, std::move(addresses), dial_, deadline, cancel);
}

Async<> Http1Client::tunnel(Stream& stream, Endpoint const& endpoint, Deadline deadline,
                            Cancel& cancel) {
    auto proxy = parse_proxy(endpoint.proxy);
    if (!proxy.ok()) co_return unconnected(Retry::next, "proxy", proxy.error().message);
    auto const request = connect_request(proxy.value(), endpoint.host, endpoint.port);
    std::string_view unsent = request;
    while (!unsent.empty()) {
        iovec const piece{const_cast<char*>(unsent.data()), unsent.size()};
        auto const result = stream.try_write({&piece, 1});
        if (result.moved()) {
            unsent.remove_prefix(result.bytes);
        } else if (result.blocked()) {
            auto const woken = co_await stream.wait(Interest::write, cancel, deadline);
            if (woken != Wake::ready) co_return given_up(woken, cancel, "proxy");
        } else {
            co_return unconnected(Retry::same, "proxy", describe(result));
        }
    }
    // An answer to CONNECT has no body when it is a 2xx; of any other the body does not matter.
    ResponseHeadReader reader{16 * 1024, 100, http::Method::head};
    while (!reader.complete()) {
        auto const woken = co_await stream.wait(Interest::read, cancel, deadline);
        if (woken != Wake::ready) co_return given_up(woken, cancel, "proxy");
        auto const scratch = worker_.scratch();
        auto const result = stream.try_read(scratch);
        if (result.blocked()) continue;
        if (!result.moved()) co_return unconnected(Retry::same, "proxy", describe(result));
        auto used = reader.feed({scratch.data(), result.bytes});
        if (!used.ok()) co_return unconnected(Retry::next, "proxy", used.error().detail);
        if (used.value() == result.bytes || reader.head().status != 200) continue;
        co_return unconnected(Retry::next, "proxy", "bytes before the tunnel was used");
    }
    if (reader.head().status != 200) {
        co_return refused_by_proxy(reader.head().status);
    }
    co_return Result<void>{};
}

Async<> Http1Client::secure(Connection& connection, Endpoint const& endpoint, Deadline deadline,
                            Cancel& cancel) {
    auto const& name = endpoint.sni.empty() ? endpoint.host : endpoint.sni;
    auto* const ssl =
        endpoint.tls ? open_tls(*endpoint.tls, name, connection.group().sessions) : nullptr;
    if (!ssl) {
        co_return upstream_error(ErrorCode::upstream_tls, Retry::next, 502,
                                 "could not set up TLS to the provider",
                                 "tls: no settings, or a bad server name");
    }
    connection.stream.start_tls(ssl);
    while (true) {
        auto const result = connection.stream.try_handshake();
        if (result.moved()) co_return Result<void>{};
        if (!result.blocked()) {
            co_return upstream_error(ErrorCode::upstream_tls, Retry::next, 502,
                                     "could not set up TLS to the provider",
                                     "tls: " + handshake_failure(ssl, result));
        }
        auto const woken = co_await connection.stream.wait(result.wants, cancel, deadline);
        if (woken != Wake::ready) co_return given_up(woken, cancel, "tls");
    }
}

}  // namespace

std::unique_ptr<UpstreamClient> make_upstream_client(Worker& worker) {
    return make_upstream_client(worker, UpstreamClientOptions{});
}

std::unique_ptr<UpstreamClient> make_upstream_client(Worker& worker,
                                                     UpstreamClientOptions options) {
    return std::make_unique<Http1Client>(static_cast<WorkerImpl&>(worker), std::move(options));
}

}  // namespace sluice::net
