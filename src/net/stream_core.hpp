// The part of a Stream that the reactor refers to: descriptor, waiters, TLS state. Counted, because
// whoever is told of an event may end the Stream.
//
// It is registered edge-triggered, once. A wait costs a system call only when the bottom was not
// seen: recv() that gave less than was asked for, or EAGAIN, shows it, and then whatever comes is
// an edge. One edge may tell of bytes and of the end behind them, so after EPOLLRDHUP (or an error,
// or urgent data, at which recv() stops short) nothing but EAGAIN counts as the bottom.
//
// Included by stream.cpp and stream_tls.cpp only.
#pragma once

#include <openssl/ssl.h>
#include <sys/types.h>

#include "net/reactor.hpp"
#include "net/stream.hpp"

namespace sluice::net {

class Stream::Core final : private Reactor::Source {
  public:
    explicit Core(Reactor& reactor) noexcept : reactor_(reactor) {}
    ~Core() { SSL_free(ssl); }

    // Takes `fd` when true.
    [[nodiscard]] bool open(int fd) noexcept;
    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    [[nodiscard]] int fd() const noexcept { return fd_; }

    void arm(Interest side) noexcept;
    void close() noexcept;
    [[nodiscard]] bool has_pending() const noexcept;

    void add_reference() noexcept { ++references_; }
    void release() noexcept {
        if (--references_ == 0) delete this;
    }

    // What recv() on a plain socket said: `bytes` < 0 for EAGAIN.
    void note_received(ssize_t bytes, std::size_t asked) noexcept {
        if (bytes < 0 || (static_cast<std::size_t>(bytes) < asked && !is_odd_)) is_empty = true;
    }

    SSL* ssl = nullptr;
    Watcher* reader = nullptr;
    Watcher* writer = nullptr;
    bool is_empty = false;  // the bottom was seen, and no edge has come since
    bool is_full = false;   // the same of writing
    bool read_dry = false;  // the last TLS read wanted the socket: what OpenSSL holds is no use yet
    bool tls_dead = false;  // no SSL call but SSL_free is allowed any more
    bool handshaken = false;
    bool write_pending = false;  // a TLS record is half sent
    bool reset_on_close = false;

  private:
    void on_events(std::uint32_t events) noexcept override;

    Reactor& reactor_;
    int fd_ = -1;
    std::uint32_t references_ = 1;
    std::uint32_t events_ = 0;  // what is asked for
    bool is_odd_ = false;       // the end, an error or urgent data was told of
};

namespace tls {
IoResult read(Stream::Core& core, std::span<char> into) noexcept;
IoResult write(Stream::Core& core, std::span<iovec const> pieces) noexcept;
IoResult handshake(Stream::Core& core) noexcept;
void attach(Stream::Core& core, SSL* ssl) noexcept;
void close_notify(Stream::Core& core) noexcept;
}  // namespace tls

}  // namespace sluice::net
