#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/stream_core.hpp"
#include "net/worker_impl.hpp"

namespace sluice::net {
namespace {

constexpr std::uint32_t read_events = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;

Stream::Address to_address(sockaddr_storage const& from) {
    Stream::Address address;
    std::array<char, INET6_ADDRSTRLEN> text{};
    auto const v4 = [&](in_addr const& a, in_port_t port) {
        inet_ntop(AF_INET, &a, text.data(), text.size());
        address.ip = IpAddress::v4(reinterpret_cast<std::uint8_t const*>(&a));
        address.loopback = (ntohl(a.s_addr) >> 24) == 127;
        address.port = ntohs(port);
    };
    if (from.ss_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, &from, sizeof in);
        v4(in.sin_addr, in.sin_port);
    } else if (from.ss_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, &from, sizeof in);
        if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
            in_addr mapped{};
            std::memcpy(&mapped, in.sin6_addr.s6_addr + 12, sizeof mapped);
            v4(mapped, in.sin6_port);
        } else {
            inet_ntop(AF_INET6, &in.sin6_addr, text.data(), text.size());
            address.ip = IpAddress::v6(in.sin6_addr.s6_addr);
            address.loopback = IN6_IS_ADDR_LOOPBACK(&in.sin6_addr);
            address.port = ntohs(in.sin6_port);
        }
    } else {
        address.loopback = from.ss_family == AF_UNIX;
        address.host = address.loopback ? "unix" : "";
        if (address.loopback) address.ip = IpAddress::local();
        return address;
    }
    address.host = text.data();
    return address;
}

IoResult from_errno(Interest side) noexcept {
    IoResult result;
    result.wants = side;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return result;
    result.kind = IoResult::Kind::error;
    result.sys = errno;
    return result;
}

}  // namespace

bool Stream::Core::open(int fd) noexcept {
    if (!reactor_.add(fd, *this, read_events)) return false;
    fd_ = fd;
    events_ = read_events;
    return true;
}

// Writing is asked for from the first wait on.
void Stream::Core::arm(Interest side) noexcept {
    auto const wanted = events_ | (side == Interest::write ? EPOLLOUT : 0U);
    bool const is_known = side == Interest::read ? is_empty : is_full;
    if (is_known && wanted == events_) return;
    events_ = wanted;
    reactor_.change(fd_, *this, events_);
}

void Stream::Core::on_events(std::uint32_t events) noexcept {
    constexpr std::uint32_t ends = EPOLLHUP | EPOLLERR;
    constexpr std::uint32_t odd = ends | EPOLLRDHUP | EPOLLPRI;
    add_reference();
    if ((events & odd) != 0) is_odd_ = true;
    if ((events & (EPOLLIN | odd)) != 0) {
        is_empty = false;
        if (auto* watcher = std::exchange(reader, nullptr)) watcher->on_ready(Interest::read);
    }
    if ((events & (EPOLLOUT | ends)) != 0) {
        is_full = false;
        if (auto* watcher = std::exchange(writer, nullptr)) watcher->on_ready(Interest::write);
    }
    release();
}

void Stream::Core::close() noexcept {
    if (!is_open()) return;
    if (ssl && !reset_on_close) tls::close_notify(*this);
    if (reset_on_close) {
        linger const now{1, 0};
        setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    reactor_.remove(fd_, *this);
    ::close(std::exchange(fd_, -1));
    auto* first = std::exchange(reader, nullptr);
    auto* second = std::exchange(writer, nullptr);
    if (first) first->on_closed();
    if (second && second != first) second->on_closed();
}

// What OpenSSL has decrypted or read ahead never shows on the socket again.
bool Stream::Core::has_pending() const noexcept {
    return ssl && !tls_dead && !read_dry && SSL_has_pending(ssl) == 1;
}

std::string describe(IoResult const& result) {
    switch (result.kind) {
        case IoResult::Kind::bytes:
            return "ok";
        case IoResult::Kind::would_block:
            return "would block";
        case IoResult::Kind::eof:
            return "closed by the other side";
        case IoResult::Kind::truncated:
            return "closed without TLS close_notify";
        case IoResult::Kind::error:
            break;
    }
    if (result.sys != 0) return std::strerror(result.sys);
    auto const* reason = ERR_reason_error_string(result.tls);
    return reason ? std::string{"TLS: "} + reason : "TLS error";
}

bool Stream::Awaiter::await_ready() noexcept {
    if (!core_ || !core_->is_open()) {
        set_result(Wake::cancelled);
        return true;
    }
    return interest_ != Interest::write && core_->has_pending();
}

bool Stream::Awaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    if (!begin(coroutine)) return false;
    if (interest_ != Interest::write) {
        core_->reader = this;
        core_->arm(Interest::read);
    }
    if (interest_ != Interest::read) {
        core_->writer = this;
        core_->arm(Interest::write);
    }
    return true;
}

void Stream::Awaiter::detach() noexcept {
    if (core_->reader == this) core_->reader = nullptr;
    if (core_->writer == this) core_->writer = nullptr;
}

Stream& Stream::operator=(Stream&& other) noexcept {
    if (this == &other) return *this;
    close();
    if (core_) core_->release();
    core_ = std::exchange(other.core_, nullptr);
    return *this;
}

Stream::~Stream() {
    if (!core_) return;
    core_->close();
    core_->release();
}

Stream Stream::adopt(WorkerImpl& worker, int fd) {
    auto const flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ((flags & O_NONBLOCK) == 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)) {
        ::close(fd);
        return {};
    }
    Stream stream{new Core{worker.reactor()}};
    if (!stream.core_->open(fd)) ::close(fd);
    return stream;
}

bool Stream::is_open() const noexcept { return core_ && core_->is_open(); }

int Stream::fd() const noexcept { return is_open() ? core_->fd() : -1; }

IoResult Stream::try_read(std::span<char> into) noexcept {
    if (!is_open()) return {.kind = IoResult::Kind::error, .sys = EBADF};
    if (core_->ssl) return tls::read(*core_, into);
    ssize_t n;
    do n = ::recv(fd(), into.data(), into.size(), 0);
    while (n < 0 && errno == EINTR);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))) {
        core_->note_received(n, into.size());
    }
    if (n > 0) return {.kind = IoResult::Kind::bytes, .bytes = static_cast<std::size_t>(n)};
    if (n == 0) return {.kind = IoResult::Kind::eof};
    return from_errno(Interest::read);
}

IoResult Stream::try_write(std::span<iovec const> pieces) noexcept {
    if (!is_open()) return {.kind = IoResult::Kind::error, .sys = EBADF};
    if (core_->ssl) return tls::write(*core_, pieces);
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    ssize_t n;
    do n = ::sendmsg(fd(), &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0) return {.kind = IoResult::Kind::bytes, .bytes = static_cast<std::size_t>(n)};
    auto const result = from_errno(Interest::write);
    core_->is_full = result.blocked();
    return result;
}

void Stream::watch(Interest interest, Watcher& watcher) noexcept {
    if (!is_open()) return;
    if (interest != Interest::write) {
        core_->reader = &watcher;
        core_->arm(Interest::read);
    }
    if (interest != Interest::read) {
        core_->writer = &watcher;
        core_->arm(Interest::write);
    }
}

void Stream::unwatch(Interest interest) noexcept {
    if (!core_) return;
    if (interest != Interest::write) core_->reader = nullptr;
    if (interest != Interest::read) core_->writer = nullptr;
}

void Stream::start_tls(SSL* ssl) noexcept { tls::attach(*core_, ssl); }

IoResult Stream::try_handshake() noexcept {
    if (!is_open()) return {.kind = IoResult::Kind::error, .sys = EBADF};
    return tls::handshake(*core_);
}

bool Stream::is_tls() const noexcept { return core_ && core_->ssl; }

SSL* Stream::ssl() const noexcept { return core_ ? core_->ssl : nullptr; }

bool Stream::has_pending() const noexcept { return core_ && core_->has_pending(); }

void Stream::shutdown_write() noexcept {
    if (!is_open()) return;
    if (core_->ssl) tls::close_notify(*core_);
    ::shutdown(fd(), SHUT_WR);
}

void Stream::close() noexcept {
    if (core_) core_->close();
}

void Stream::set_reset_on_close() noexcept {
    if (core_) core_->reset_on_close = true;
}

void Stream::set_no_delay() noexcept {
    int const on = 1;
    ::setsockopt(fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Stream::Address Stream::peer_address() const {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (::getpeername(fd(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
    return to_address(storage);
}

Stream::Address Stream::local_address() const {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (::getsockname(fd(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
    return to_address(storage);
}

}  // namespace sluice::net
