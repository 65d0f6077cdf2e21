// One socket of the tests, plain or TLS: non-blocking underneath, every wait bounded and woken by a
// stop event. Independent of sluice::net on purpose: the tests must not share its mistakes.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <openssl/ssl.h>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::test {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Owns a file descriptor.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept;
    ~Fd() { reset(); }

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool valid() const { return fd_ >= 0; }
    void reset();

  private:
    int fd_ = -1;
};

// An event that stays on once raised; any number of threads may wait for it.
class Event {
  public:
    Event();
    void raise();
    [[nodiscard]] bool raised() const;
    [[nodiscard]] int fd() const { return fd_.get(); }

  private:
    Fd fd_;
};

enum class Io { ok, closed, reset, timeout, stopped };

class Socket {
  public:
    Socket() = default;
    explicit Socket(Fd fd, Event const* stop = nullptr);
    Socket(Socket&&) noexcept;
    Socket& operator=(Socket&&) noexcept;
    ~Socket();

    // The TLS handshake. `server_name` is sent as SNI and verified when verification is on.
    bool accept_tls(SSL_CTX* context, milliseconds within);
    bool connect_tls(SSL_CTX* context, std::string const& server_name, milliseconds within);

    // Appends what is there to `out`, waiting for at least one byte.
    Io read_some(std::string& out, milliseconds within);
    Io write_all(std::string_view bytes, milliseconds within);
    // Waits for the peer to close, for `extra` to be raised or for the time to pass (Io::timeout).
    // Io::ok means `extra` was raised. Bytes that arrive meanwhile are kept for read_some.
    Io wait_closed(milliseconds within, Event const* extra = nullptr);

    void finish_writing();     // FIN of our direction (TLS: close_notify, then FIN)
    void send_close_notify();  // TLS only: close_notify, the TCP connection stays
    void close();              // FIN
    void reset();              // RST
    [[nodiscard]] bool open() const { return fd_.valid(); }
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] SSL* tls() const { return ssl_.get(); }

  private:
    struct SslFree {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };
    Io poll_for(short events, Clock::time_point until, Event const* extra = nullptr) const;
    Io receive(std::string& out);

    Fd fd_;
    std::unique_ptr<SSL, SslFree> ssl_;
    Event const* stop_ = nullptr;
    std::string early_;  // read while waiting for a close
};

// A listening socket on a free loopback port.
Fd listen_on_loopback(std::uint16_t& port, bool ipv6 = false);
// A connected socket, invalid when refused. `receive_buffer` 0 = the system's.
Fd connect_to_loopback(std::uint16_t port, int receive_buffer = 0);
Fd connect_to_unix(std::string const& path);
void set_no_delay(int fd);

}  // namespace sluice::test
