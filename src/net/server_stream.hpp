// One HTTP request and its answer, as the rest of sluice sees a client. The connection behind it
// (HTTP/1.1 now, TLS or plain, TCP, Unix or in-process) is never visible.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sluice/async.hpp"
#include "sluice/http.hpp"
#include "sluice/ip.hpp"
#include "sluice/time.hpp"

namespace sluice::net {

struct Peer {
    std::string address;  // "127.0.0.1", "::1", "unix", "inproc"; of ip
    std::uint16_t port = 0;
    bool loopback = false;  // of the *listener's* local address, unix and inproc included
    bool tls = false;
    std::uint32_t listener = 0;
    // Who is at the other end of the connection; where a PROXY header names somebody, who it names.
    IpAddress ip;
    std::string certificate;  // subject of the client's verified certificate; "" = none
};

// Bounds of the client side. Every one has a default in config.
struct ServerOptions {
    std::size_t head_bytes_max = 32 * 1024;
    std::size_t header_count_max = 100;
    std::size_t input_bytes_max = 64 * 1024;        // read ahead during an exchange (pipelining)
    std::size_t connections_max = 20'000;           // of a listener, all workers
    std::uint32_t connections_per_address_max = 0;  // of a listener; 0 = no bound
    IpRanges trusted_proxies;  // may send PROXY headers; not bound by the one above
    Steady::duration head_timeout = seconds{10};  // first byte of a head to its end; TLS handshake
    Steady::duration keep_alive_idle = seconds{75};  // between requests
    Steady::duration body_idle = seconds{30};        // between two reads of a body
    Steady::duration write_idle = seconds{30};  // a client that takes no byte for so long is cut
    // Bytes a second, on top of body_idle or write_idle once: who is slower in the mean is cut,
    // also when a byte moves now and then. Of an answer only the time counts in which it waits for
    // the client. 0 = no bound.
    std::uint32_t body_rate_min = 512;
    std::uint32_t write_rate_min = 512;
    std::uint32_t requests_per_connection_max = 0;  // 0 = no bound
    bool half_close_cancels = true;                 // server.half_close: cancel | allow
};

// What request bodies may hold in all, counted by whoever owns the bound. Bytes taken stay taken
// when the read fails: the owner gives them back when the request ends.
class BodyBudget {
  public:
    // Asks for bytes that were received. False: there is no room for them.
    virtual bool take(std::size_t bytes) noexcept = 0;

  protected:
    ~BodyBudget() = default;
};

class ServerStream {
  public:
    virtual ~ServerStream() = default;

    [[nodiscard]] virtual http::RequestHead const& head() const noexcept = 0;
    [[nodiscard]] virtual Peer const& peer() const noexcept = 0;
    [[nodiscard]] virtual Steady::time_point arrived_at() const noexcept = 0;  // head complete
    // Cancelled (client_gone) when the client goes away during the exchange; draining at shutdown.
    [[nodiscard]] virtual Cancel& cancel() noexcept = 0;

    // The whole request body. Sends "100 Continue" first when the client waits for it, so call it
    // only for an authenticated caller. Errors: body_too_large (known from Content-Length before a
    // byte is read, else when exceeded), request_timeout (body_idle, or `deadline`, which bounds
    // the whole upload), overloaded (the budget refused), client_closed, draining, invalid_request
    // (framing). Holds memory for what has come, not for what was announced. At most once.
    virtual Async<http::Body> read_body(std::size_t bytes_max,
                                        Deadline deadline = Deadline::never(),
                                        BodyBudget* budget = nullptr) = 0;

    // A whole answer in one gather write. Adds Content-Length and, when it closes, Connection.
    // HEAD, 204 and 304 send no body. `headers` holds everything else. An error means that the
    // client is gone; nothing more can be sent. If the request body was not read, the connection
    // is closed after the answer (lingering close, bounded).
    virtual Async<> respond(std::uint16_t status, http::HeaderBlock const& headers,
                            std::span<std::string_view const> body) = 0;
    Async<> respond(std::uint16_t status, http::HeaderBlock const& headers, std::string_view body) {
        // The span must outlive the suspension: keep it in this frame.
        std::string_view const one[1] = {body};
        co_return co_await respond(status, headers, std::span<std::string_view const>{one});
    }

    // A streamed answer: begin (nothing is sent yet), write..., end. Chunked unless a length is
    // given (HTTP/1.0 clients: close-delimited). The head goes out with the first write.
    virtual void begin(std::uint16_t status, http::HeaderBlock const& headers,
                       std::optional<std::uint64_t> length = std::nullopt) = 0;
    // Sends now what the socket takes; what it does not take is copied before this suspends, so the
    // caller's bytes may be reused or live in Worker::scratch(). Completes when all was handed to
    // the kernel: that is the back-pressure. Errors: client_closed, request_timeout (write_idle).
    virtual Async<> write(std::span<std::string_view const> pieces, bool last = false) = 0;
    virtual Async<> end() = 0;
    // No write waits for the client beyond it (never() at first).
    virtual void set_write_deadline(Deadline deadline) noexcept = 0;
    // Ends an answer that cannot be completed: closes so that the client can tell it was cut.
    virtual void abort() noexcept = 0;

    [[nodiscard]] virtual bool head_sent() const noexcept = 0;
    [[nodiscard]] virtual std::uint64_t bytes_sent() const noexcept = 0;  // body bytes
    // Time of this exchange in which the client was waited for: for its body, or to take its
    // answer.
    [[nodiscard]] virtual Steady::duration waited() const noexcept = 0;
    virtual void close_after_answer() noexcept = 0;
};

// What serves requests. One instance serves all workers unless it says otherwise; handle() runs on
// the worker that accepted the connection, once per request, and must answer or abort.
class Handler {
  public:
    virtual ~Handler() = default;
    virtual Async<> handle(ServerStream& stream) = 0;
    // A request so malformed that there is no head to hand over: the body of the 4xx answer
    // (application/json). `path` is what could be read of the target, possibly empty.
    virtual std::string malformed(Error const& error, std::string_view path) = 0;
    // Fields of the same answer beside those of the framing and Content-Type, added to `headers`.
    // Called right before malformed() with the same error, on the same thread: what one of them
    // makes up (a request id) the other can repeat. Also for the 500 that net answers where
    // handle() threw or left no answer.
    virtual void malformed_headers(Error const&, http::HeaderBlock&) {}
};

}  // namespace sluice::net
