// A worker on its own thread that serves a scripted handler on a loopback port, and a blocking
// client. For the tests of the server side only.
#pragma once

#include <arpa/inet.h>
#include <chrono>
#include <condition_variable>
#include <gtest/gtest.h>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "net/server_stream.hpp"
#include "net/tls.hpp"
#include "net/worker.hpp"

namespace sluice::net::test {

inline constexpr int server_patience_ms = 10'000;

// What the handler saw, for the test's thread to wait for.
class Journal {
  public:
    void add(std::string line) {
        std::lock_guard const lock{mutex_};
        lines_.push_back(std::move(line));
        changed_.notify_all();
    }
    // Waits until `line` was added; false after `within`.
    bool wait_for(std::string const& line, milliseconds within = milliseconds{server_patience_ms}) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, within, [&] {
            return std::find(lines_.begin(), lines_.end(), line) != lines_.end();
        });
    }
    std::vector<std::string> lines() {
        std::lock_guard const lock{mutex_};
        return lines_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> lines_;
};

// Behaves as the path says.
class ScriptedHandler final : public Handler {
  public:
    explicit ScriptedHandler(Journal& journal) : journal_(journal) {}

    Async<> handle(ServerStream& s) override {
        auto const path = s.head().path;
        journal_.add("request " + std::string{path});
        if (path == "/peer") return peer(s);
        if (path == "/echo") return echo(s);
        if (path == "/small") return small(s);
        if (path == "/budget") return budget(s);
        if (path == "/deadline") return in_time(s);
        if (path == "/stream") return stream(s);
        if (path == "/chunks") return chunks(s, std::nullopt);
        if (path == "/length") return chunks(s, 9);
        if (path == "/short") return chunks(s, 100);
        if (path == "/wait") return wait(s);
        if (path == "/read-then-wait") return read_then_wait(s);
        if (path == "/flood") return flood(s);
        if (path == "/flood-until") {
            s.set_write_deadline(Deadline::in(milliseconds{700}));
            return flood(s);
        }
        if (path == "/big") return big(s);
        if (path == "/throw") return fail(s, false);
        if (path == "/throw-begun") return fail(s, true);
        if (path == "/silent") return silent(s);
        if (path == "/cut") return cut(s);
        return hello(s);
    }
    std::string malformed(Error const& error, std::string_view path) override {
        return "{\"error\":\"" + error.message + "\",\"path\":\"" + std::string{path} + "\"}";
    }
    void malformed_headers(Error const& error, http::HeaderBlock& headers) override {
        headers.add("X-Error", to_string(error.code));
    }

  private:
    static Async<> text(ServerStream& s, std::uint16_t status, std::string_view body) {
        http::HeaderBlock headers;
        headers.add("Content-Type", "text/plain");
        auto const sent = co_await s.respond(status, headers, body);
        co_return sent;
    }
    Async<> peer(ServerStream& s) {
        auto const& p = s.peer();
        auto const body = p.ip.text() + " " + p.address + " " + p.certificate;
        auto const sent = co_await text(s, 200, body);
        co_return sent;
    }
    Async<> hello(ServerStream& s) {
        auto const body = std::string{s.head().method_text} + " " + std::string{s.head().path};
        auto const sent = co_await text(s, 200, body);
        co_return sent;
    }
    // Lets `room` bytes of bodies in and remembers how many were asked for.
    struct Budget final : BodyBudget {
        bool take(std::size_t bytes) noexcept override {
            asked += bytes;
            return asked <= room;
        }
        std::size_t room = std::size_t{1} << 40;
        std::size_t asked = 0;
    };
    Async<> budget(ServerStream& s) {
        Budget budget;
        budget.room = 100'000;
        auto const answered = co_await answer_with_body(s, 64 << 20, Deadline::never(), &budget);
        journal_.add("asked " + std::to_string(budget.asked));
        co_return answered;
    }
    Async<> in_time(ServerStream& s) {
        Budget budget;
        auto const deadline = Deadline::in(milliseconds{150});
        auto const answered = co_await answer_with_body(s, 64 << 20, deadline, &budget);
        journal_.add("asked " + std::to_string(budget.asked));
        co_return answered;
    }
    Async<> answer_with_body(ServerStream& s, std::size_t most,
                             Deadline deadline = Deadline::never(), BodyBudget* budget = nullptr) {
        auto const body = co_await s.read_body(most, deadline, budget);
        if (!body.ok()) {
            journal_.add("body " + std::string{to_string(body.error().code)});
            auto const sent = co_await text(s, body.error().http_status, body.error().message);
            co_return sent;
        }
        auto const sent = co_await text(s, 200, body.value().view());
        co_return sent;
    }
    Async<> echo(ServerStream& s) {
        auto const sent = co_await answer_with_body(s, 64 << 20);
        co_return sent;
    }
    Async<> small(ServerStream& s) {
        auto const sent = co_await answer_with_body(s, 10);
        co_return sent;
    }
    Async<> until_cancelled(ServerStream& s) {
        auto const wake = co_await Worker::current().sleep(std::chrono::hours{1}, s.cancel());
        bool const gone = s.cancel().reason() == CancelReason::client_gone;
        bool const draining = s.cancel().reason() == CancelReason::draining;
        if (wake.ok() && wake.value() == Wake::cancelled) {
            journal_.add(gone ? "client gone" : draining ? "draining" : "cancelled");
        }
        co_return Result<void>{};
    }
    Async<> wait(ServerStream& s) {
        journal_.add("waiting");
        auto const done = co_await until_cancelled(s);
        co_return done;
    }
    Async<> read_then_wait(ServerStream& s) {
        auto const body = co_await s.read_body(1 << 20);
        journal_.add(body.ok() ? "waiting" : "body " + std::string{to_string(body.error().code)});
        if (!body.ok()) co_return body.error();
        auto const done = co_await until_cancelled(s);
        co_return done;
    }
    Async<> stream(ServerStream& s) {
        http::HeaderBlock headers;
        headers.add("Content-Type", "text/event-stream");
        s.begin(200, headers);
        std::string_view const piece[1] = {"data: one\n\n"};
        auto const written = co_await s.write(std::span<std::string_view const>{piece});
        if (!written.ok()) co_return written;
        auto const done = co_await until_cancelled(s);
        co_return done;
    }
    Async<> chunks(ServerStream& s, std::optional<std::uint64_t> length) {
        http::HeaderBlock headers;
        s.begin(200, headers, length);
        for (int i = 0; i < 3; ++i) {
            std::string_view const pieces[2] = {"o", "ne"};
            auto const written = co_await s.write(std::span<std::string_view const>{pieces});
            if (!written.ok()) co_return written;
        }
        auto const ended = co_await s.end();
        journal_.add("sent " + std::to_string(s.bytes_sent()));
        co_return ended;
    }
    Async<> flood(ServerStream& s) {
        http::HeaderBlock headers;
        s.begin(200, headers);
        std::string const block(64 * 1024, 'x');
        for (;;) {
            std::string_view const pieces[1] = {block};
            auto const written = co_await s.write(std::span<std::string_view const>{pieces});
            if (written.ok()) continue;
            journal_.add("write " + std::string{to_string(written.error().code)});
            co_return written;
        }
    }
    Async<> big(ServerStream& s) {
        std::string const block(1 << 20, 'y');
        std::vector<std::string_view> const pieces(20, block);
        http::HeaderBlock headers;
        auto const sent =
            co_await s.respond(200, headers, std::span<std::string_view const>{pieces});
        co_return sent;
    }
    Async<> fail(ServerStream& s, bool begun) {
        http::HeaderBlock headers;
        if (begun) s.begin(200, headers);
        throw std::runtime_error{"on purpose"};
        co_return Result<void>{};
    }
    Async<> silent(ServerStream&) { co_return Result<void>{}; }
    Async<> cut(ServerStream& s) {
        http::HeaderBlock headers;
        s.begin(200, headers);
        std::string_view const piece[1] = {"half"};
        auto const written = co_await s.write(std::span<std::string_view const>{piece});
        s.abort();
        co_return written;
    }

    Journal& journal_;
};

class Server {
  public:
    explicit Server(ServerOptions options = {}, std::shared_ptr<TlsServer const> tls = nullptr,
                    std::string base_path = {}, bool proxy_protocol = false)
        : handler_(journal), worker_(Worker::create(0)) {
        auto const shared = std::make_shared<ServerOptions const>(options);
        for (auto* const bound : {&port, &second_port}) {
            ListenerFd listener;
            listener.fd = listen_on(*bound);
            listener.tls = tls;
            listener.base_path = base_path;
            listener.proxy_protocol = proxy_protocol;
            worker_->add_listener(std::move(listener), handler_, shared);
        }
        thread_ = std::thread{[this] { worker_->run(); }};
    }
    Server(Server const&) = delete;
    Server& operator=(Server const&) = delete;
    ~Server() { stop(milliseconds{0}); }

    void stop(Steady::duration drain) {
        if (!thread_.joinable()) return;
        worker_->stop(drain);
        thread_.join();
        auto const stats = worker_->stats();
        EXPECT_EQ(stats.connections_open, 0u);
        EXPECT_EQ(stats.requests_in_flight, 0u);
        EXPECT_EQ(stats.tasks_running, 0u);
    }
    void begin_stop(Steady::duration drain) { worker_->stop(drain); }
    WorkerStats stats() {  // from the worker's thread
        std::mutex mutex;
        std::condition_variable changed;
        bool done = false;
        WorkerStats out;
        worker_->post([&] {
            std::lock_guard const lock{mutex};
            out = worker_->stats();
            done = true;
            changed.notify_all();
        });
        std::unique_lock lock{mutex};
        changed.wait(lock, [&] { return done; });
        return out;
    }

    Journal journal;
    std::uint16_t port = 0;
    std::uint16_t second_port = 0;  // another listener of the same worker and handler

    static int listen_on(std::uint16_t& port) {
        auto const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
        EXPECT_EQ(::listen(fd, 128), 0);
        EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
        port = ntohs(address.sin_port);
        return fd;
    }

  private:
    ScriptedHandler handler_;
    std::unique_ptr<Worker> worker_;
    std::thread thread_;
};

class Client {
  public:
    explicit Client(std::uint16_t port, int receive_buffer = 0) {
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (receive_buffer > 0) {
            ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        }
        timeval const limit{server_patience_ms / 1000, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        int const on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    Client(Client const&) = delete;
    Client& operator=(Client const&) = delete;
    ~Client() {
        if (ssl_) SSL_free(ssl_);
        close();
    }

    bool start_tls(SSL_CTX* context) {
        ssl_ = SSL_new(context);
        SSL_set_fd(ssl_, fd_);
        return SSL_connect(ssl_) == 1;
    }
    SSL* ssl() { return ssl_; }

    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            auto const n = ssl_ ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                                : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }
    // > 0 bytes were read, 0 = clean end, < 0 = reset or timeout.
    long read_more() {
        char buffer[64 * 1024];
        long const n =
            ssl_ ? SSL_read(ssl_, buffer, sizeof buffer) : ::recv(fd_, buffer, sizeof buffer, 0);
        if (n > 0) received.append(buffer, static_cast<std::size_t>(n));
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) ADD_FAILURE() << "nothing came";
        return n;
    }
    // One read that waits for nothing; false when the connection has ended.
    bool take(char* into, std::size_t most) const {
        auto const n = ::recv(fd_, into, most, MSG_DONTWAIT);
        return n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
    }
    // Up to and with `mark`, taken out of `received`; what there is when the connection ends.
    std::string read_until(std::string_view mark) {
        while (received.find(mark) == std::string::npos) {
            if (read_more() <= 0) return std::exchange(received, "");
        }
        auto const end = received.find(mark) + mark.size();
        auto out = received.substr(0, end);
        received.erase(0, end);
        return out;
    }
    std::string read_bytes(std::size_t n) {
        while (received.size() < n && read_more() > 0) {
        }
        auto out = received.substr(0, n);
        received.erase(0, n);
        return out;
    }
    std::string read_to_end() {
        while (read_more() > 0) {
        }
        return std::exchange(received, "");
    }
    // Head and body of an answer with Content-Length.
    std::string read_answer() {
        auto out = read_until("\r\n\r\n");
        auto const at = out.find("Content-Length: ");
        return at == std::string::npos ? out : out + read_bytes(std::stoul(out.substr(at + 16)));
    }
    void finish_sending() { ::shutdown(fd_, SHUT_WR); }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    void reset() {
        linger const now{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close();
    }

    std::string received;

  private:
    int fd_ = -1;
    SSL* ssl_ = nullptr;
};

inline bool has(std::string const& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace sluice::net::test
