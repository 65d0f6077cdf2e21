// See socket.hpp.
#include "support/socket.hpp"

#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace sluice::test {

namespace {

void ignore_sigpipe() {
    static bool const once = [] {
        std::signal(SIGPIPE, SIG_IGN);
        return true;
    }();
    (void)once;
}

void set_non_blocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

int left_ms(Clock::time_point until) {
    auto const left = std::chrono::duration_cast<milliseconds>(until - Clock::now()).count();
    return left < 0 ? 0 : static_cast<int>(left) + 1;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this != &other) {
        reset();
        fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
}

void Fd::reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

Event::Event() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Event::raise() {
    std::uint64_t const one = 1;
    [[maybe_unused]] auto written = ::write(fd_.get(), &one, sizeof one);
}

bool Event::raised() const {
    pollfd p{fd_.get(), POLLIN, 0};
    return ::poll(&p, 1, 0) == 1;
}

Socket::Socket(Fd fd, Event const* stop) : fd_(std::move(fd)), stop_(stop) {
    ignore_sigpipe();
    if (fd_.valid()) set_non_blocking(fd_.get());
}
Socket::Socket(Socket&&) noexcept = default;
Socket& Socket::operator=(Socket&&) noexcept = default;
Socket::~Socket() = default;

bool Socket::accept_tls(SSL_CTX* context, milliseconds within) {
    ssl_.reset(SSL_new(context));
    SSL_set_fd(ssl_.get(), fd_.get());
    auto const until = Clock::now() + within;
    for (;;) {
        int const done = SSL_accept(ssl_.get());
        if (done == 1) return true;
        int const why = SSL_get_error(ssl_.get(), done);
        short const events = why == SSL_ERROR_WANT_READ    ? POLLIN
                             : why == SSL_ERROR_WANT_WRITE ? POLLOUT
                                                           : 0;
        if (events == 0 || poll_for(events, until) != Io::ok) return false;
    }
}

bool Socket::connect_tls(SSL_CTX* context, std::string const& server_name, milliseconds within) {
    ssl_.reset(SSL_new(context));
    SSL_set_fd(ssl_.get(), fd_.get());
    SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(server_name.c_str()));
    SSL_set1_host(ssl_.get(), server_name.c_str());
    auto const until = Clock::now() + within;
    for (;;) {
        int const done = SSL_connect(ssl_.get());
        if (done == 1) return true;
        int const why = SSL_get_error(ssl_.get(), done);
        short const events = why == SSL_ERROR_WANT_READ    ? POLLIN
                             : why == SSL_ERROR_WANT_WRITE ? POLLOUT
                                                           : 0;
        if (events == 0 || poll_for(events, until) != Io::ok) return false;
    }
}

// ok: at least one byte was appended; timeout: nothing to read now.
Io Socket::receive(std::string& out) {
    std::array<char, 16384> buffer;
    if (ssl_) {
        int const got = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
        if (got > 0) {
            out.append(buffer.data(), static_cast<std::size_t>(got));
            return Io::ok;
        }
        switch (SSL_get_error(ssl_.get(), got)) {
            case SSL_ERROR_WANT_READ:
            case SSL_ERROR_WANT_WRITE:
                return Io::timeout;
            case SSL_ERROR_ZERO_RETURN:
                return Io::closed;
            case SSL_ERROR_SYSCALL:
                return errno == ECONNRESET ? Io::reset : Io::closed;
            default:
                return Io::closed;
        }
    }
    auto const got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) {
        out.append(buffer.data(), static_cast<std::size_t>(got));
        return Io::ok;
    }
    if (got == 0) return Io::closed;
    if (errno == EAGAIN || errno == EINTR) return Io::timeout;
    return Io::reset;
}

Io Socket::poll_for(short events, Clock::time_point until, Event const* extra) const {
    for (;;) {
        std::array<pollfd, 3> p{{{fd_.get(), events, 0},
                                 {stop_ ? stop_->fd() : -1, POLLIN, 0},
                                 {extra ? extra->fd() : -1, POLLIN, 0}}};
        int const n = ::poll(p.data(), p.size(), left_ms(until));
        if (n < 0 && errno == EINTR) continue;
        if (p[1].revents != 0) return Io::stopped;
        if (p[0].revents != 0) return Io::ok;
        if (p[2].revents != 0) return Io::ok;
        if (n == 0 && Clock::now() >= until) return Io::timeout;
    }
}

Io Socket::read_some(std::string& out, milliseconds within) {
    if (!early_.empty()) {
        out += std::exchange(early_, {});
        return Io::ok;
    }
    if (!open()) return Io::closed;
    auto const until = Clock::now() + within;
    for (;;) {
        Io const got = receive(out);
        if (got != Io::timeout) return got;
        Io const waited = poll_for(POLLIN, until);
        if (waited != Io::ok) return waited;
    }
}

Io Socket::write_all(std::string_view bytes, milliseconds within) {
    if (!open()) return Io::closed;
    auto const until = Clock::now() + within;
    while (!bytes.empty()) {
        std::ptrdiff_t put = 0;
        bool again = false;
        if (ssl_) {
            put = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
            if (put <= 0) {
                int const why = SSL_get_error(ssl_.get(), static_cast<int>(put));
                again = why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ;
            }
        } else {
            put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            again = put < 0 && (errno == EAGAIN || errno == EINTR);
        }
        if (put > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(put));
            continue;
        }
        if (!again) return Io::reset;
        Io const waited = poll_for(POLLOUT, until);
        if (waited != Io::ok) return waited;
    }
    return Io::ok;
}

Io Socket::wait_closed(milliseconds within, Event const* extra) {
    if (!open()) return Io::closed;
    auto const until = Clock::now() + within;
    for (;;) {
        Io const got = receive(early_);
        if (got == Io::closed || got == Io::reset) return got;
        if (extra != nullptr && extra->raised()) return Io::ok;
        if (got == Io::ok) continue;
        Io const waited = poll_for(POLLIN, until, extra);
        if (waited != Io::ok) return waited;
    }
}

void Socket::send_close_notify() {
    if (ssl_) SSL_shutdown(ssl_.get());
}

void Socket::finish_writing() {
    send_close_notify();
    if (open()) ::shutdown(fd_.get(), SHUT_WR);
}

void Socket::close() {
    if (ssl_ && SSL_is_init_finished(ssl_.get()) != 0) SSL_shutdown(ssl_.get());
    fd_.reset();
}

void Socket::reset() {
    if (!open()) return;
    linger const now{1, 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd_.reset();
}

void set_no_delay(int fd) {
    int const on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Fd listen_on_loopback(std::uint16_t& port, bool ipv6) {
    Fd fd(::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int const on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (ipv6) {
        auto* a = reinterpret_cast<sockaddr_in6*>(&storage);
        a->sin6_family = AF_INET6;
        a->sin6_addr = in6addr_loopback;
        a->sin6_port = htons(port);
        size = sizeof *a;
    } else {
        auto* a = reinterpret_cast<sockaddr_in*>(&storage);
        a->sin_family = AF_INET;
        a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        a->sin_port = htons(port);
        size = sizeof *a;
    }
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0) return Fd();
    if (::listen(fd.get(), 4096) != 0) return Fd();
    size = sizeof storage;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &size);
    port = ntohs(ipv6 ? reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port
                      : reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
    return fd;
}

Fd connect_to_loopback(std::uint16_t port, int receive_buffer) {
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (receive_buffer > 0) {
        setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(port);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&a), sizeof a) != 0) return Fd();
    set_no_delay(fd.get());
    return fd;
}

Fd connect_to_unix(std::string const& path) {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    std::strncpy(a.sun_path, path.c_str(), sizeof a.sun_path - 1);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&a), sizeof a) != 0) return Fd();
    return fd;
}

}  // namespace sluice::test
