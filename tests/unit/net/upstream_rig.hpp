// A worker on its own thread with an upstream client, and scripted servers on plain blocking
// sockets. For the tests of the upstream side only.
#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "net/upstream_client.hpp"
#include "net/worker_impl.hpp"

namespace sluice::net::upstream_test {

inline constexpr int patience_ms = 10'000;  // a test that waits longer has failed

// The other end of one connection, seen from the server. Closes when it goes.
class Peer {
  public:
    explicit Peer(int fd) : fd_(fd) {}
    Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)), buffer_(other.buffer_) {}
    Peer& operator=(Peer&&) = delete;
    ~Peer() { close(); }

    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] bool is_open() const { return fd_ >= 0; }

    // Head and, by its Content-Length, body. "" when the connection ended first.
    std::string read_request() {
        std::size_t end = 0;
        while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
            if (!fill()) return "";
        }
        end += 4;
        std::size_t body = 0;
        if (auto const at = buffer_.find("Content-Length: "); at < end) {
            body = std::stoul(buffer_.substr(at + 16));
        }
        while (buffer_.size() < end + body) {
            if (!fill()) return "";
        }
        auto request = buffer_.substr(0, end + body);
        buffer_.erase(0, end + body);
        return request;
    }
    // Only the head: the body stays unread in the kernel.
    std::string peek_bytes(std::size_t n) {
        std::string out(n, '\0');
        if (!wait(POLLIN)) return "";
        auto const got = ::recv(fd_, out.data(), n, 0);
        out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return out;
    }
    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            auto const n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0) return;
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    void answer(std::string_view body, std::string_view fields = "") {
        send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
             std::string{fields} + "\r\n" + std::string{body});
    }
    // True when the other side closed or reset within the patience; reads and drops what comes.
    bool wait_closed() {
        char drop[65536];
        while (wait(POLLIN)) {
            if (::recv(fd_, drop, sizeof drop, 0) <= 0) return true;
        }
        return false;
    }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    void reset() {
        linger const now{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close();
    }

  private:
    bool wait(short events) {
        pollfd p{fd_, events, 0};
        return ::poll(&p, 1, patience_ms) == 1;
    }
    bool fill() {
        char bytes[65536];
        if (!wait(POLLIN)) return false;
        auto const n = ::recv(fd_, bytes, sizeof bytes, 0);
        if (n <= 0) return false;
        buffer_.append(bytes, static_cast<std::size_t>(n));
        return true;
    }

    int fd_;
    std::string buffer_;
};

// A listening socket on a loopback address.
class Listening {
  public:
    explicit Listening(int family = AF_INET, int backlog = 64) {
        fd_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_storage a{};
        socklen_t size = sizeof(sockaddr_in);
        a.ss_family = static_cast<sa_family_t>(family);
        if (family == AF_INET) {
            reinterpret_cast<sockaddr_in*>(&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        } else {
            reinterpret_cast<sockaddr_in6*>(&a)->sin6_addr = in6addr_loopback;
            size = sizeof(sockaddr_in6);
        }
        EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&a), size), 0);
        EXPECT_EQ(::listen(fd_, backlog), 0);
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&a), &size);
        port_ = ntohs(family == AF_INET ? reinterpret_cast<sockaddr_in*>(&a)->sin_port
                                        : reinterpret_cast<sockaddr_in6*>(&a)->sin6_port);
    }
    Listening(Listening const&) = delete;
    Listening& operator=(Listening const&) = delete;
    ~Listening() { ::close(fd_); }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] int fd() const { return fd_; }
    Peer accept() {
        pollfd p{fd_, POLLIN, 0};
        return Peer{::poll(&p, 1, patience_ms) == 1 ? ::accept(fd_, nullptr, nullptr) : -1};
    }

  private:
    int fd_ = -1;
    std::uint16_t port_ = 0;
};

// A listening socket whose queue is full: connects to it neither succeed nor fail.
class Blackhole {
  public:
    Blackhole() : listening_(AF_INET, 0) {
        for (int i = 0; i < 4; ++i) {
            int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            sockaddr_in a{};
            a.sin_family = AF_INET;
            a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            a.sin_port = htons(port());
            ::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a);
            fillers_.push_back(fd);
        }
    }
    ~Blackhole() {
        for (int fd : fillers_) ::close(fd);
    }
    [[nodiscard]] std::uint16_t port() const { return listening_.port(); }

  private:
    Listening listening_;
    std::vector<int> fillers_;
};

// A server whose script runs on its own thread.
class Server {
  public:
    explicit Server(std::function<void(Listening&)> script, int family = AF_INET)
        : listening_(family), thread_([this, script = std::move(script)] { script(listening_); }) {}
    ~Server() { join(); }
    void join() {
        if (thread_.joinable()) thread_.join();
    }
    [[nodiscard]] std::uint16_t port() const { return listening_.port(); }

  private:
    Listening listening_;
    std::thread thread_;
};

// One request and what became of it. Fill in, perform(), look.
struct Call {
    Endpoint endpoint;
    http::WireRequest request;
    UpstreamTimeouts timeouts{seconds{10}, seconds{10}, seconds{10}, Deadline::never()};
    Cancel cancel;
    bool stop_after_head = false;  // keep the stream, read nothing
    std::function<void(std::string_view)> on_bytes;
    std::optional<Steady::duration> idle_of_body;  // set once the head is there

    std::unique_ptr<UpstreamStream> stream;  // dropped at the end unless stop_after_head
    std::optional<Error> error;
    int status = 0;
    std::string body;
    bool reused = false;
    Steady::duration connect_time{};
    std::promise<void> done;
};

inline Async<> perform(UpstreamClient& client, Call& call) {
    auto sent = co_await client.send(call.endpoint, call.request, call.timeouts, call.cancel);
    if (!sent.ok()) {
        call.error = sent.error();
    } else {
        call.stream = std::move(sent).value();
        call.status = call.stream->head().status;
        call.reused = call.stream->reused();
        call.connect_time = call.stream->connect_time();
        if (call.idle_of_body) call.stream->set_idle(*call.idle_of_body);
        while (!call.stop_after_head) {
            auto bytes = co_await call.stream->read_some();
            if (!bytes.ok()) call.error = bytes.error();
            if (!bytes.ok() || bytes.value().empty()) break;
            call.body += bytes.value();
            if (call.on_bytes) call.on_bytes(bytes.value());
        }
        if (!call.stop_after_head) call.stream.reset();
    }
    call.done.set_value();
    co_return Result<void>{};
}

class Rig {
  public:
    explicit Rig(UpstreamClientOptions options = {})
        : worker_(Worker::create(0)), client_(make_upstream_client(*worker_, std::move(options))) {
        thread_ = std::thread{[this] { worker_->run(); }};
    }
    ~Rig() {
        worker_->stop(milliseconds{0});
        thread_.join();
        client_.reset();
    }

    // Runs fn on the worker's thread and waits for it.
    template <class F>
    auto on_worker(F fn) {
        using R = decltype(fn());
        std::promise<R> done;
        worker_->post([&] {
            if constexpr (std::is_void_v<R>) {
                fn();
                done.set_value();
            } else {
                done.set_value(fn());
            }
        });
        return done.get_future().get();
    }
    void start(Call& call) {
        call.endpoint.seal();
        worker_->post([this, &call] { worker_->spawn("call", perform(*client_, call)); });
    }
    void wait(Call& call) {
        auto future = call.done.get_future();
        ASSERT_EQ(future.wait_for(milliseconds{patience_ms}), std::future_status::ready);
    }
    void run(Call& call) {
        start(call);
        wait(call);
    }
    void cancel(Call& call, CancelReason reason = CancelReason::client_gone) {
        on_worker([&] { call.cancel.cancel(reason); });
    }
    void drop(Call& call) {
        on_worker([&] { call.stream.reset(); });
    }
    WorkerStats stats() {
        return on_worker([this] { return worker_->stats(); });
    }
    // Polls the worker until `wanted`; false when it never came.
    bool eventually(std::function<bool(WorkerStats const&)> const& wanted) {
        auto const until = Steady::now() + milliseconds{patience_ms};
        while (Steady::now() < until) {
            if (wanted(stats())) return true;
            std::this_thread::yield();
        }
        return false;
    }
    Worker& worker() { return *worker_; }
    UpstreamClient& client() { return *client_; }

  private:
    std::unique_ptr<Worker> worker_;
    std::unique_ptr<UpstreamClient> client_;
    std::thread thread_;
};

inline Endpoint to_loopback(std::uint16_t port) {
    Endpoint endpoint;
    endpoint.scheme = "http";
    endpoint.host = "127.0.0.1";
    endpoint.port = port;
    return endpoint;
}

inline void prepare(Call& call, std::uint16_t port, std::string_view body = "{}") {
    call.endpoint = to_loopback(port);
    call.request.method = http::Method::post;
    call.request.target = "/v1/x?y=1";
    call.request.headers.add("Content-Type", "application/json");
    if (!body.empty()) call.request.body.push_back(body);
}

}  // namespace sluice::net::upstream_test
