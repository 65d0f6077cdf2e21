// One request sent upstream and its answer. Pooling, TLS, names and proxies stay behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/async.hpp"
#include "sluice/http.hpp"
#include "sluice/time.hpp"

namespace sluice::net {

class Handler;
class TlsClient;

// Where to connect. Its identity() is the pool's identity: two providers with the same endpoint
// share connections, and a reload that changes any part never uses an old connection again.
struct Endpoint {
    std::string scheme;  // http, https, unix, inproc
    std::string host;    // name, IPv4, IPv6 without brackets; path for unix; name for inproc
    std::uint16_t port = 0;
    std::string sni;                       // default: host
    std::shared_ptr<TlsClient const> tls;  // https only
    std::string
        proxy;  // "" or "http://user:pass@host:port" (CONNECT for https, absolute-form for http)
    std::string host_header;  // what goes into Host
    // inproc only: who serves it, over a socket pair on the same worker. `host` names it so that
    // another handler has another identity.
    std::shared_ptr<Handler> inproc;

    void seal();  // computes identity(); call once after filling in
    [[nodiscard]] std::string const& identity() const { return identity_; }

  private:
    std::string identity_;
};

struct UpstreamTimeouts {
    Steady::duration connect{};     // name, TCP, proxy and TLS together
    Steady::duration first_byte{};  // request written to first byte of the answer's head
    Steady::duration idle{};        // of one read of the answer; between two writes of the request
    Deadline total;                 // of the whole exchange
};

// The daemon takes them from the settings server.upstreams. Counts: of this worker.
struct UpstreamLimits {
    std::size_t head_bytes_max = 64 * 1024;  // of an answer
    std::size_t header_count_max = 200;
    std::size_t idle_per_endpoint_max = 256;
    std::size_t open_per_endpoint_max = 20'000;  // beyond it: overloaded, Retry::next
    Steady::duration idle_expiry = seconds{60};
};

class UpstreamStream {
  public:
    // Back to the pool when the answer was read to its end and both sides keep alive; closed else.
    virtual ~UpstreamStream() = default;

    [[nodiscard]] virtual http::ResponseHead const& head() const noexcept = 0;
    // The next bytes of the body, transfer coding removed. Empty = the body is complete. The view
    // is valid until the next suspension or read (it may live in Worker::scratch()).
    // Errors: upstream_timeout (idle or total), upstream_reset (ended early), upstream_protocol,
    // cancelled_error() when cancelled.
    virtual Async<std::string_view> read_some() = 0;
    // How long each read from now on may wait for bytes of the body, instead of
    // UpstreamTimeouts::idle. Zero = no bound but the total.
    virtual void set_idle(Steady::duration idle) noexcept = 0;
    [[nodiscard]] virtual bool complete() const noexcept = 0;
    [[nodiscard]] virtual bool reused() const noexcept = 0;
    [[nodiscard]] virtual Steady::duration connect_time() const noexcept = 0;  // 0 when reused
    virtual void close() noexcept = 0;                                         // now; idempotent
};

// One per worker.
class UpstreamClient {
  public:
    virtual ~UpstreamClient() = default;

    // Leases or opens a connection, writes the request, reads the answer's head (1xx are skipped).
    // A reset on a reused connection before any byte of the answer is retried once on a fresh one.
    // `request`, `endpoint` and `cancel` outlive the call; `cancel` outlives the stream too: when
    // it is cancelled the socket is closed. Errors: upstream_connect, upstream_tls,
    // upstream_timeout, upstream_reset, upstream_protocol (Retry::same or next as fits);
    // cancelled_error() (cancelled.hpp) when cancelled.
    virtual Async<std::unique_ptr<UpstreamStream>> send(Endpoint const& endpoint,
                                                        http::WireRequest const& request,
                                                        UpstreamTimeouts const& timeouts,
                                                        Cancel& cancel) = 0;
    // Holds for connections that are opened or come to rest from now on.
    virtual void set_limits(UpstreamLimits const& limits) = 0;
    // Closes idle connections whose endpoint is not in `identities` (after a reload).
    virtual void retain(std::span<std::string const> identities) = 0;
};

}  // namespace sluice::net
