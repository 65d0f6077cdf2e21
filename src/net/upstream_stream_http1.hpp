// One HTTP/1 exchange on one leased connection: writes the request, reads the answer.
//
// Made by upstream_client, handed out as UpstreamStream. Calls Stream, http1_response, codec::
// ChunkedDecoder, Pool. Holds no read buffer while it waits: bytes are received into the worker's
// scratch; only what came behind the head is kept on the heap until it is read.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/turn_time.hpp"
#include "codec/chunked.hpp"
#include "net/http1_response.hpp"
#include "net/pool.hpp"
#include "net/upstream_stream.hpp"

namespace sluice::net {

// From now; a bound of zero is none.
inline Deadline bound(Steady::duration d) {
    return d > Steady::duration::zero() ? in_turn(d) : Deadline::never();
}

// What stands before WireRequest::headers: request line, Host, Proxy-Authorization.
// Error: the target or host would break the head.
Result<BlockText> request_lead(Endpoint const& endpoint, http::WireRequest const& request);

class Http1Exchange final : public UpstreamStream, public InBlock, private Cancel::Hook {
  public:
    Http1Exchange(WorkerImpl& worker, Pool& pool, std::unique_ptr<Connection> connection,
                  http::Method method, UpstreamTimeouts const& timeouts, Cancel& cancel);
    ~Http1Exchange() override { close(); }

    // Writes the request and reads the answer's head. `lead` and `request` outlive the call.
    Async<> start(std::string_view lead, http::WireRequest const& request);
    // After start() failed: the connection was reset before a byte of the answer came.
    [[nodiscard]] bool was_reset_untouched() const noexcept {
        return reset_ && !reader_.has_begun();
    }

    [[nodiscard]] http::ResponseHead const& head() const noexcept override {
        return reader_.head();
    }
    Async<std::string_view> read_some() override;
    void set_idle(Steady::duration idle) noexcept override { timeouts_.idle = idle; }
    [[nodiscard]] bool complete() const noexcept override { return complete_; }
    [[nodiscard]] bool reused() const noexcept override { return reused_; }
    [[nodiscard]] Steady::duration connect_time() const noexcept override { return connect_time_; }
    void close() noexcept override;

  private:
    void on_cancel() noexcept override { connection_->close(); }
    Async<> write(std::string_view lead, http::WireRequest const& request);
    Async<> read_head();
    Result<bool> take_head();  // reads what is there; true: the head is complete
    void begin_body();
    Result<std::string_view> take_body(std::span<char> bytes);
    Result<std::string_view> take_end(IoResult const& result);
    Error read_failed(std::string_view phase, IoResult const& result);
    [[nodiscard]] Deadline idle_deadline() const {
        return earlier(bound(timeouts_.idle), timeouts_.total);
    }
    void finish(bool clean);

    WorkerImpl& worker_;
    Pool& pool_;
    std::unique_ptr<Connection> connection_;  // null once given back or closed
    UpstreamTimeouts timeouts_;
    Cancel& cancel_;
    ResponseHeadReader reader_;
    BlockText leftover_;  // received behind the head, not read yet
    codec::ChunkedDecoder chunks_;
    std::uint64_t remaining_ = 0;  // of a body with a length
    Steady::duration connect_time_;
    bool reused_;
    bool written_ = false;  // the whole request is with the kernel
    bool reset_ = false;
    bool complete_ = false;
    bool more_likely_ = false;  // the last read filled the buffer: read before waiting
};

}  // namespace sluice::net
