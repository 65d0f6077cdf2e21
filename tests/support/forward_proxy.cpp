// See forward_proxy.hpp.
#include "support/forward_proxy.hpp"

#include <openssl/evp.h>
#include <poll.h>
#include <sys/socket.h>

#include "support/fake_upstream.hpp"

namespace sluice::test {

namespace {

constexpr milliseconds patience{30'000};

std::string basic(std::string const& credentials) {
    std::string text(4 * ((credentials.size() + 2) / 3) + 1, '\0');
    int const size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<unsigned char const*>(credentials.data()),
                                     static_cast<int>(credentials.size()));
    text.resize(static_cast<std::size_t>(size));
    return "Basic " + text;
}

// The port of "host:4711" or "http://host:4711/path"; every host is this machine.
std::uint16_t port_of(std::string authority) {
    if (auto const scheme = authority.find("://"); scheme != std::string::npos) {
        authority.erase(0, scheme + 3);
    }
    authority = authority.substr(0, authority.find('/'));
    auto const colon = authority.rfind(':');
    return colon == std::string::npos
               ? std::uint16_t{80}
               : static_cast<std::uint16_t>(std::stoi(authority.substr(colon + 1)));
}

}  // namespace

ForwardProxy::ForwardProxy(std::string credentials)
    : expected_(credentials.empty() ? "" : basic(credentials)),
      listener_(listen_on_loopback(port_)) {
    acceptor_ = std::thread([this] { accept_loop(); });
}

ForwardProxy::~ForwardProxy() {
    stop_.raise();
    acceptor_.join();
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return threads_running_ == 0; });
}

std::vector<std::string> ForwardProxy::heads() const {
    std::lock_guard lock(mutex_);
    return heads_;
}

std::size_t ForwardProxy::refused() const {
    std::lock_guard lock(mutex_);
    return refused_;
}

void ForwardProxy::accept_loop() {
    for (;;) {
        pollfd p[2] = {{listener_.get(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
        if (::poll(p, 2, -1) < 0) continue;
        if (p[1].revents != 0) return;
        Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!fd.valid()) continue;
        set_no_delay(fd.get());
        std::lock_guard lock(mutex_);
        ++threads_running_;
        std::thread([this, socket = Socket(std::move(fd), &stop_)]() mutable {
            serve(std::move(socket));
            std::lock_guard done(mutex_);
            --threads_running_;
            ended_.notify_all();
        }).detach();
    }
}

void ForwardProxy::serve(Socket client) {
    std::string buffer;
    std::size_t end = 0;
    while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
        if (client.read_some(buffer, patience) != Io::ok) return;
    }
    Received request;
    request.head = buffer.substr(0, end + 4);
    bool const allowed =
        expected_.empty() || request.header("Proxy-Authorization").value_or("") == expected_;
    {
        std::lock_guard lock(mutex_);
        heads_.push_back(request.head);
        if (!allowed) ++refused_;
    }
    if (!allowed) {
        client.write_all(
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n"
            "Content-Length: 0\r\n\r\n",
            patience);
        client.close();
        return;
    }
    Socket target(connect_to_loopback(port_of(request.target())), &stop_);
    if (!target.open()) {
        client.write_all("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", patience);
        return;
    }
    if (request.method() == "CONNECT") {
        client.write_all("HTTP/1.1 200 Connection established\r\n\r\n", patience);
        buffer.erase(0, end + 4);
    }
    if (!buffer.empty()) target.write_all(buffer, patience);
    tunnel(client, target);
}

void ForwardProxy::tunnel(Socket& client, Socket& target) {
    for (;;) {
        pollfd p[3] = {{client.fd(), POLLIN, 0}, {target.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
        if (::poll(p, 3, -1) < 0) continue;
        if (p[2].revents != 0) return;
        for (int side = 0; side < 2; ++side) {
            if (p[side].revents == 0) continue;
            Socket& from = side == 0 ? client : target;
            Socket& to = side == 0 ? target : client;
            std::string bytes;
            if (from.read_some(bytes, milliseconds{0}) != Io::ok) return;
            if (to.write_all(bytes, patience) != Io::ok) return;
        }
    }
}

}  // namespace sluice::test
