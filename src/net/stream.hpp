// A byte stream over a non-blocking descriptor (TCP, Unix, socket pair), plain or TLS. Reading and
// writing never block and never suspend; wait() is the one thing to suspend on.
//
// Called by: http1 server session, listener, upstream connections. Calls: the reactor for
// readiness, OpenSSL for TLS. Ownership: move-only, owns the descriptor; destroying it closes.
// Thread: the worker it was adopted on.
//
// At most one waiter (a wait() or a Watcher) per direction at a time. An end of a wait by Cancel or
// deadline only detaches the waiter: the reactor knows the stream's core, not a coroutine frame.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <sys/uio.h>
#include <utility>

#include "sluice/ip.hpp"

#include "net/wait.hpp"

struct ssl_st;  // OpenSSL's SSL

namespace sluice::net {

class WorkerImpl;

enum class Interest : std::uint8_t { read = 1, write = 2, both = 3 };

struct IoResult {
    enum class Kind : std::uint8_t {
        bytes,        // `bytes` > 0 moved (0 after a finished handshake)
        would_block,  // wait for `wants`, then call again
        eof,          // clean end: FIN on plain, close_notify on TLS
        truncated,    // TLS only: FIN without close_notify
        error,        // `sys` (errno) or `tls` (OpenSSL error code) says which; the stream is dead
    };
    Kind kind = Kind::would_block;
    Interest wants = Interest::read;
    std::size_t bytes = 0;
    int sys = 0;
    unsigned long tls = 0;

    [[nodiscard]] bool moved() const noexcept { return kind == Kind::bytes; }
    [[nodiscard]] bool blocked() const noexcept { return kind == Kind::would_block; }
};

// Text of an error for the log: never for the other side.
std::string describe(IoResult const& result);

class Stream {
  public:
    class Core;

    // Told about readiness without a coroutine. Deregistered before each call.
    class Watcher {
      public:
        // From the reactor. `interest` says which side fired.
        virtual void on_ready(Interest interest) noexcept = 0;
        // The stream was closed by close() or its destructor while this was registered.
        virtual void on_closed() noexcept = 0;

      protected:
        ~Watcher() = default;
    };

    // Completes with ready when the descriptor may be read (or written, or either): a hint, the
    // next try_ may still say would_block. cancelled also when the stream is closed meanwhile.
    class Awaiter final : public Wait, private Watcher {
      public:
        Awaiter(Core* core, Interest interest, Cancel& cancel, Deadline deadline) noexcept
            : Wait(cancel, deadline), core_(core), interest_(interest) {}
        ~Awaiter() { abandon(); }
        bool await_ready() noexcept;
        bool await_suspend(std::coroutine_handle<> coroutine) noexcept;

      private:
        void on_ready(Interest) noexcept override { resume_now(Wake::ready); }
        void on_closed() noexcept override { resume_soon(Wake::cancelled); }
        void detach() noexcept override;
        Core* core_;
        Interest interest_;
    };

    Stream() = default;
    Stream(Stream&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
    Stream& operator=(Stream&& other) noexcept;
    ~Stream();

    // Takes `fd` (also on failure: then the result is not open) and makes it non-blocking.
    static Stream adopt(WorkerImpl& worker, int fd);

    [[nodiscard]] bool is_open() const noexcept;
    [[nodiscard]] int fd() const noexcept;  // -1 when closed

    [[nodiscard]] IoResult try_read(std::span<char> into) noexcept;
    // TLS: after would_block the next call must begin with the same bytes (their address may move).
    [[nodiscard]] IoResult try_write(std::span<iovec const> pieces) noexcept;
    // `cancel` and the stream outlive the wait.
    [[nodiscard]] Awaiter wait(Interest interest, Cancel& cancel,
                               Deadline deadline = Deadline::never()) noexcept {
        return {core_, interest, cancel, deadline};
    }
    // One call of watcher.on_ready(); TLS bytes that OpenSSL holds already do not count: read
    // first.
    void watch(Interest interest, Watcher& watcher) noexcept;
    void unwatch(Interest interest) noexcept;

    // TLS from here on. Takes `ssl` (SSL_new'd, client or server state set, host name and session
    // set by the caller). Then try_handshake() until it does not say would_block.
    void start_tls(ssl_st* ssl) noexcept;
    [[nodiscard]] IoResult try_handshake() noexcept;
    [[nodiscard]] bool is_tls() const noexcept;
    [[nodiscard]] ssl_st* ssl() const noexcept;
    // OpenSSL holds bytes that no wait on the socket would announce: try_read() first.
    [[nodiscard]] bool has_pending() const noexcept;

    // Sends close_notify (TLS) and FIN; reading goes on.
    void shutdown_write() noexcept;
    // close_notify if that is possible without waiting, then close. Wakes waiters with cancelled.
    void close() noexcept;
    // close() then resets the connection (RST) and sends no close_notify.
    void set_reset_on_close() noexcept;
    void set_no_delay() noexcept;  // TCP_NODELAY; nothing on other families

    struct Address {
        std::string host;  // "127.0.0.1", "::1" (IPv4-mapped as IPv4), "unix"
        std::uint16_t port = 0;
        bool loopback = false;  // Unix sockets included
        IpAddress ip;           // local for Unix sockets
    };
    [[nodiscard]] Address peer_address() const;
    [[nodiscard]] Address local_address() const;

  private:
    explicit Stream(Core* core) noexcept : core_(core) {}

    Core* core_ = nullptr;
};

}  // namespace sluice::net
