// bench_mock: an OpenAI-like upstream in one epoll loop. What it answers is told by the model's
// name in the request, so the same request works directly and through any proxy:
//
//   bench-unary-<name>              the body given by --answer <name>=<file>
//   bench-unary-<name>-<delay_us>   the same after a pause
//   bench-sse-<chunks>-<pause_us>   a stream: one chunk at once, then one per pause; 0 = as fast as
//   it
//                                   can, each chunk by its own send
//
// Each chunk's text begins with "@" and 19 digits: the moment it was sent (wire.hpp: now_ns). A
// request with "include_usage":true gets the usage chunk. GET /bench/stats tells the counts.
// Started by tests/bench/run.
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <utility>
#include <vector>

#include "wire.hpp"

namespace bench {
namespace {

constexpr std::size_t kept_body_bytes = 4096;  // of a request: enough for the model's name
constexpr int flood_burst = 4;                 // chunks of one stream before the next stream's turn

struct Counts {
    std::uint64_t connections = 0;
    std::uint64_t requests = 0;
    std::uint64_t chunks = 0;
    std::uint64_t streams_done = 0;
};

struct Connection {
    int fd = -1;
    std::uint64_t serial = 0;  // told apart from an earlier connection with the same fd
    MessageReader reader;
    std::string body;   // the first kept_body_bytes
    std::string input;  // bytes that came behind a request still being answered
    std::string out;    // not yet taken by the kernel
    bool waits_for_write = false;
    bool is_busy = false;  // a request is being answered
    bool wants_usage = false;
    std::uint64_t chunks_left = 0;
    std::int64_t pause_ns = 0;
    std::int64_t due_ns = 0;
    std::string const* delayed = nullptr;  // the unary answer that waits for its time
};

struct Due {
    std::int64_t at_ns;
    int fd;
    std::uint64_t serial;
    bool operator>(Due const& other) const { return at_ns > other.at_ns; }
};

std::string as_chunk(std::string_view payload) {
    char size[24];
    auto const length = std::snprintf(size, sizeof size, "%zx\r\n", payload.size());
    return std::string(size, static_cast<std::size_t>(length)).append(payload).append("\r\n");
}

std::string event(std::string_view choices_and_usage) {
    return as_chunk(
        R"(data: {"id":"chatcmpl-BbenchQ8vZ2kT5nYw3","object":"chat.completion.chunk","created":1763800000,)"
        R"("model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_560af6e559",)" +
        std::string(choices_and_usage) + "}\n\n");
}

class Mock {
  public:
    Mock(std::uint16_t& port, std::map<std::string, std::string> answers)
        : answers_(std::move(answers)),
          epoll_(epoll_create1(EPOLL_CLOEXEC)),
          listener_(listen_on(port)) {
        watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
        stamp_at_ = delta_.find('@') + 1;
    }

    [[noreturn]] void run() {
        std::vector<epoll_event> events(512);
        for (;;) {
            timespec wait{};
            auto* const timeout = time_to_wait(wait);
            int const n = epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()),
                                       timeout, nullptr);
            for (int i = 0; i < n; ++i) handle(events[static_cast<std::size_t>(i)]);
            flood();
            send_due();
        }
    }

  private:
    timespec* time_to_wait(timespec& wait) const {
        if (!flooding_.empty()) return &wait;
        if (due_.empty()) return nullptr;
        auto const left = std::max<std::int64_t>(0, due_.top().at_ns - now_ns());
        wait = {left / 1'000'000'000, left % 1'000'000'000};
        return &wait;
    }

    void watch(int fd, std::uint32_t what, int operation) const {
        epoll_event event{};
        event.events = what;
        event.data.fd = fd;
        epoll_ctl(epoll_, operation, fd, &event);
    }

    void handle(epoll_event const& event) {
        if (event.data.fd == listener_) return accept_all();
        auto* const connection = find(event.data.fd);
        if (connection == nullptr) return;
        if ((event.events & EPOLLOUT) != 0) {
            if (!flush(*connection)) return;
            if (connection->chunks_left > 0 && connection->pause_ns == 0 &&
                connection->out.empty()) {
                flooding_.push_back({0, connection->fd, connection->serial});
            }
        }
        if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(*connection);
    }

    void accept_all() {
        for (;;) {
            int const fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) return;
            set_no_delay(fd);
            if (connections_.size() <= static_cast<std::size_t>(fd)) {
                connections_.resize(static_cast<std::size_t>(fd) + 1);
            }
            auto& slot = connections_[static_cast<std::size_t>(fd)];
            slot = std::make_unique<Connection>();
            slot->fd = fd;
            slot->serial = ++counts_.connections;
            watch(fd, EPOLLIN, EPOLL_CTL_ADD);
        }
    }

    Connection* find(int fd) const {
        auto const index = static_cast<std::size_t>(fd);
        return index < connections_.size() ? connections_[index].get() : nullptr;
    }

    Connection* find(Due const& due) const {
        auto* const connection = find(due.fd);
        return connection != nullptr && connection->serial == due.serial ? connection : nullptr;
    }

    void drop(Connection const& connection) {
        close(connection.fd);
        connections_[static_cast<std::size_t>(connection.fd)].reset();
    }

    void read(Connection& connection) {
        auto const n = recv(connection.fd, scratch_.data(), scratch_.size(), 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) return drop(connection);
        take({scratch_.data(), static_cast<std::size_t>(n)}, connection);
    }

    void take(std::string_view bytes, Connection& connection) {
        while (!bytes.empty() && !connection.is_busy) {
            bytes.remove_prefix(connection.reader.feed(bytes, [&](std::string_view piece) {
                if (connection.body.size() < kept_body_bytes)
                    connection.body.append(piece.substr(0, kept_body_bytes));
            }));
            if (connection.reader.is_bad()) return drop(connection);
            if (connection.reader.is_done() && !answer(connection)) return;
        }
        connection.input.append(bytes);
    }

    // False when the connection is gone.
    bool answer(Connection& connection) {
        bool const is_stats = connection.reader.head().compare(0, 16, "GET /bench/stats") == 0;
        connection.is_busy = true;
        if (is_stats) return finish(connection, stats());
        ++counts_.requests;
        auto const body = std::string_view(connection.body);
        auto const at = body.find("\"bench-");
        auto const end = at == body.npos ? body.npos : body.find('"', at + 1);
        if (end == body.npos) return finish(connection, unknown_model_);
        auto const model = body.substr(at + 7, end - at - 7);
        if (model.starts_with("sse-")) return open_stream(connection, model.substr(4));
        return answer_unary(connection, model.substr(std::min<std::size_t>(6, model.size())));
    }

    bool answer_unary(Connection& connection, std::string_view name) {
        std::int64_t delay_us = 0;
        if (auto const dash = name.find('-'); dash != name.npos) {
            std::from_chars(name.data() + dash + 1, name.data() + name.size(), delay_us);
            name = name.substr(0, dash);
        }
        auto const found = answers_.find(std::string(name));
        if (found == answers_.end()) return finish(connection, unknown_model_);
        if (delay_us == 0) return finish(connection, found->second);
        connection.delayed = &found->second;
        due_.push({now_ns() + delay_us * 1000, connection.fd, connection.serial});
        return true;
    }

    bool open_stream(Connection& connection, std::string_view shape) {
        std::int64_t pause_us = 0;
        auto const dash = std::min(shape.find('-'), shape.size() - 1);
        std::from_chars(shape.data(), shape.data() + dash, connection.chunks_left);
        std::from_chars(shape.data() + dash + 1, shape.data() + shape.size(), pause_us);
        connection.pause_ns = pause_us * 1000;
        connection.wants_usage =
            connection.body.find("\"include_usage\":true") != std::string::npos;
        if (!put(connection, stream_head_)) return false;
        if (!put_chunk(connection)) return false;
        if (connection.chunks_left == 0) return true;
        if (connection.pause_ns == 0) {
            flooding_.push_back({0, connection.fd, connection.serial});
        } else {
            // Paced streams get a random phase, so that those opened together do not tick together;
            // a silent one (an hour's pause) is left alone.
            auto const spread = std::min<std::int64_t>(connection.pause_ns, 1'000'000'000);
            auto const phase =
                static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(spread));
            connection.due_ns =
                now_ns() + (spread < connection.pause_ns ? connection.pause_ns : phase);
            due_.push({connection.due_ns, connection.fd, connection.serial});
        }
        return true;
    }

    bool put_chunk(Connection& connection) {
        char digits[24];
        std::snprintf(digits, sizeof digits, "%019lld", static_cast<long long>(now_ns()));
        delta_.replace(stamp_at_, 19, digits, 19);
        ++counts_.chunks;
        if (!put(connection, delta_)) return false;
        if (--connection.chunks_left > 0) return true;
        ++counts_.streams_done;
        return finish(connection, connection.wants_usage ? stream_end_with_usage_ : stream_end_);
    }

    // The last bytes of an answer; then whatever the client pipelined behind the request.
    bool finish(Connection& connection, std::string_view bytes) {
        if (!put(connection, bytes)) return false;
        connection.is_busy = false;
        connection.reader.reset();
        connection.body.clear();
        if (connection.input.empty()) return true;
        auto const serial = connection.serial;
        auto const fd = connection.fd;
        auto const input = std::exchange(connection.input, {});
        take(input, connection);
        return find({0, fd, serial}) != nullptr;
    }

    bool put(Connection& connection, std::string_view bytes) {
        if (connection.out.empty()) {
            auto const n = send(connection.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n < 0 && errno != EAGAIN) return drop(connection), false;
            bytes.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
            if (bytes.empty()) return true;
        }
        connection.out.append(bytes);
        wait_for_write(connection, true);
        return true;
    }

    bool flush(Connection& connection) {
        auto const n =
            send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) return drop(connection), false;
        connection.out.erase(0, n < 0 ? 0 : static_cast<std::size_t>(n));
        wait_for_write(connection, !connection.out.empty());
        return true;
    }

    void wait_for_write(Connection& connection, bool wanted) const {
        if (connection.waits_for_write == wanted) return;
        connection.waits_for_write = wanted;
        watch(connection.fd, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
    }

    void flood() {
        for (auto turn = flooding_.size(); turn > 0; --turn) {
            auto const due = flooding_.front();
            flooding_.erase(flooding_.begin());
            for (int i = 0; i < flood_burst; ++i) {
                auto* const connection = find(due);
                if (connection == nullptr || connection->chunks_left == 0) break;
                if (!connection->out.empty()) break;  // back when it can be written again
                if (!put_chunk(*connection)) break;
                if (i + 1 == flood_burst && connection->chunks_left > 0 &&
                    connection->out.empty()) {
                    flooding_.push_back(due);
                }
            }
        }
    }

    void send_due() {
        auto const now = now_ns();
        while (!due_.empty() && due_.top().at_ns <= now) {
            auto const due = due_.top();
            due_.pop();
            auto* const connection = find(due);
            if (connection == nullptr) continue;
            if (connection->delayed != nullptr) {
                finish(*connection, *std::exchange(connection->delayed, nullptr));
            } else if (put_chunk(*connection) && connection->chunks_left > 0) {
                connection->due_ns += connection->pause_ns;
                due_.push({connection->due_ns, connection->fd, connection->serial});
            }
        }
    }

    std::string stats() const {
        char body[256];
        auto const length = std::snprintf(
            body, sizeof body,
            R"({"connections":%llu,"requests":%llu,"chunks":%llu,"streams_done":%llu})",
            static_cast<unsigned long long>(counts_.connections),
            static_cast<unsigned long long>(counts_.requests),
            static_cast<unsigned long long>(counts_.chunks),
            static_cast<unsigned long long>(counts_.streams_done));
        return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
               std::to_string(length) + "\r\n\r\n" + body;
    }

    std::map<std::string, std::string> answers_;  // complete messages, head and body
    int epoll_;
    int listener_;
    Counts counts_;
    std::vector<std::unique_ptr<Connection>> connections_;  // by fd
    std::vector<Due> flooding_;
    std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
    std::minstd_rand random_{7};
    std::vector<char> scratch_ = std::vector<char>(256 * 1024);
    std::size_t stamp_at_ = 0;

    std::string const unknown_model_ =
        "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 62\r\n\r\n"
        R"({"error":{"message":"no such bench model","type":"not_found"}})";
    std::string const stream_head_ =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: "
        "no-cache\r\n"
        "x-request-id: req_bench\r\nTransfer-Encoding: chunked\r\n\r\n";
    std::string delta_ =
        event(R"("choices":[{"index":0,"delta":{"content":"@0000000000000000000 and so on"},)"
              R"("logprobs":null,"finish_reason":null}],"usage":null)");
    std::string const last_ = event(
        R"("choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null)");
    std::string const usage_ = event(
        R"("choices":[],"usage":{"prompt_tokens":231,"completion_tokens":512,"total_tokens":743,)"
        R"("prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":)"
        R"({"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}})");
    std::string const end_ = as_chunk("data: [DONE]\n\n") + "0\r\n\r\n";
    std::string const stream_end_ = last_ + end_;
    std::string const stream_end_with_usage_ = last_ + usage_ + end_;
};

std::string read_answer(char const* path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) die(path);
    std::string const body{std::istreambuf_iterator<char>(file), {}};
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_bench\r\n"
           "openai-processing-ms: 12\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    std::uint16_t port = 0;
    std::map<std::string, std::string> answers;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string const option = argv[i];
        std::string const value = argv[i + 1];
        if (option == "--port") port = static_cast<std::uint16_t>(std::stoi(value));
        if (option == "--answer") {
            auto const equals = value.find('=');
            answers[value.substr(0, equals)] = bench::read_answer(value.c_str() + equals + 1);
        }
    }
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    bench::Mock mock(port, std::move(answers));
    std::printf("port %u\n", port);
    std::fflush(stdout);
    mock.run();
}
