// bench_mock: an upstream in one epoll loop that speaks as OpenAI and, on /v1/messages, as
// Anthropic does. What it answers is told by the model's name in the request, so the same request
// works directly and through any proxy:
//
//   bench-*unary-<name>              the body given by --answer <name>=<file>, one in a hundred
//                                    that of --planted <name>=<file>
//   bench-*unary-<name>-<delay_us>   the same after a pause
//   bench-*sse-<chunks>-<pause_us>   a stream: one chunk at once, then one per pause; 0 = as fast
//                                    as it can, each chunk by its own send; one stream in a hundred
//                                    holds a planted match, cut by two chunks
//
// The star stands for anything; with "close-" in it the connection is closed after the answer.
// Anthropic's answers are those named anth<name>. Each chunk's text holds "@" and 19 digits: the
// moment it was sent (wire.hpp: now_ns). An OpenAI request with "include_usage":true gets the usage
// chunk. GET /bench/stats tells the counts, planted matches that arrived among them.
//
// It listens on four ports: two plain ones, TLS, and TLS that resumes no session (--certificate,
// --key).
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

#include "mock_words.hpp"
#include "tls.hpp"

namespace bench {
namespace {

constexpr std::size_t kept_body_bytes = 4096;  // of a request: enough for the model's name
constexpr std::uint64_t plant_every = 100;     // answers
constexpr std::uint64_t plant_at = 3;          // chunks left behind which a match is planted
constexpr int flood_burst = 4;                 // chunks of one stream before the next stream's turn

struct Counts {
    std::uint64_t connections = 0;
    std::uint64_t requests = 0;
    std::uint64_t chunks = 0;
    std::uint64_t streams = 0;
    std::uint64_t streams_done = 0;
    std::uint64_t plants_seen = 0;   // in requests
    std::uint64_t plants_sent = 0;   // in answers
    std::uint64_t answer_bytes = 0;  // bodies, transfer coding left out
    std::uint64_t chunks_late = 0;   // sent later than a whole pause after they were due
};

// Complete messages, head and body: as they go out, and with a planted match.
struct Answer {
    std::string plain;
    std::string planted;

    static std::size_t body_bytes(std::string const& message) {
        return message.size() - message.find("\r\n\r\n") - 4;
    }
};

struct Listener {
    int fd;
    std::unique_ptr<TlsServer> tls;  // none: plain
};

struct Connection {
    Wire wire;
    std::uint64_t serial = 0;  // told apart from an earlier connection with the same fd
    MessageReader reader;
    std::string body;   // the first kept_body_bytes
    std::string input;  // bytes that came behind a request still being answered
    std::string out;    // not yet taken by the kernel
    bool waits_for_write = false;
    bool is_busy = false;  // a request is being answered
    bool wants_usage = false;
    bool is_anthropic = false;
    bool is_planted = false;  // the stream under way
    bool closes = false;      // behind the answer
    PlantCounter plants;
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

class Mock {
  public:
    explicit Mock(std::map<std::string, Answer> answers)
        : answers_(std::move(answers)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

    std::uint16_t listen(std::unique_ptr<TlsServer> tls) {
        std::uint16_t port = 0;
        listeners_.push_back({listen_on(port), std::move(tls)});
        watch(listeners_.back().fd, EPOLLIN, EPOLL_CTL_ADD);
        return port;
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
        for (auto const& listener : listeners_) {
            if (event.data.fd == listener.fd) return accept_all(listener);
        }
        auto* const connection = find(event.data.fd);
        if (connection == nullptr) return;
        if ((event.events & EPOLLOUT) != 0) {
            if (!flush(*connection)) return;
            if (connection->chunks_left > 0 && connection->pause_ns == 0 &&
                connection->out.empty()) {
                flooding_.push_back({0, connection->wire.fd, connection->serial});
            }
        }
        if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(*connection);
    }

    void accept_all(Listener const& listener) {
        for (;;) {
            int const fd = accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) return;
            set_no_delay(fd);
            if (connections_.size() <= static_cast<std::size_t>(fd)) {
                connections_.resize(static_cast<std::size_t>(fd) + 1);
            }
            auto& slot = connections_[static_cast<std::size_t>(fd)];
            slot = std::make_unique<Connection>();
            slot->wire = {fd, listener.tls ? listener.tls->accept(fd) : nullptr};
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

    void drop(Connection& connection) {
        auto const fd = connection.wire.fd;
        connection.wire.shut();
        connections_[static_cast<std::size_t>(fd)].reset();
    }

    void read(Connection& connection) {
        auto const n = connection.wire.receive(scratch_.data(), scratch_.size());
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) return drop(connection);
        take({scratch_.data(), static_cast<std::size_t>(n)}, connection);
    }

    void take(std::string_view bytes, Connection& connection) {
        while (!bytes.empty() && !connection.is_busy) {
            bytes.remove_prefix(connection.reader.feed(bytes, [&](std::string_view piece) {
                connection.plants.look(piece);
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
        auto const& head = connection.reader.head();
        connection.is_busy = true;
        counts_.plants_seen += connection.plants.take();
        if (head.starts_with("GET /bench/stats")) return finish(connection, stats());
        ++counts_.requests;
        connection.is_anthropic = head.starts_with("POST /v1/messages");
        auto const body = std::string_view(connection.body);
        auto const at = body.find("\"bench-");
        auto const end = at == body.npos ? body.npos : body.find('"', at + 1);
        if (end == body.npos) return finish(connection, unknown_model_);
        auto const model = body.substr(at + 7, end - at - 7);
        connection.closes = model.find("close-") != model.npos;
        if (auto const sse = model.find("sse-"); sse != model.npos)
            return open_stream(connection, model.substr(sse + 4));
        auto const unary = model.find("unary-");
        if (unary == model.npos) return finish(connection, unknown_model_);
        return answer_unary(connection, model.substr(unary + 6));
    }

    bool answer_unary(Connection& connection, std::string_view name) {
        std::int64_t delay_us = 0;
        if (auto const dash = name.find('-'); dash != name.npos) {
            std::from_chars(name.data() + dash + 1, name.data() + name.size(), delay_us);
            name = name.substr(0, dash);
        }
        auto const found =
            answers_.find((connection.is_anthropic ? "anth" : "") + std::string(name));
        if (found == answers_.end()) return finish(connection, unknown_model_);
        bool const is_planted = !found->second.planted.empty() && is_planted_turn();
        if (is_planted) ++counts_.plants_sent;
        auto const& message = is_planted ? found->second.planted : found->second.plain;
        counts_.answer_bytes += Answer::body_bytes(message);
        if (connection.closes) return finish(connection, with_close(message));
        if (delay_us == 0) return finish(connection, message);
        connection.delayed = &message;
        due_.push({now_ns() + delay_us * 1000, connection.wire.fd, connection.serial});
        return true;
    }

    bool open_stream(Connection& connection, std::string_view shape) {
        ++counts_.streams;
        std::int64_t pause_us = 0;
        auto const dash = std::min(shape.find('-'), shape.size() - 1);
        std::from_chars(shape.data(), shape.data() + dash, connection.chunks_left);
        std::from_chars(shape.data() + dash + 1, shape.data() + shape.size(), pause_us);
        connection.pause_ns = pause_us * 1000;
        connection.wants_usage =
            connection.body.find("\"include_usage\":true") != std::string::npos;
        connection.is_planted = connection.chunks_left > plant_at + 2 && is_planted_turn();
        auto const& begin = words_of(connection).begin;
        counts_.answer_bytes += begin.payload;
        if (!put(connection, begin.bytes)) return false;
        if (!put_chunk(connection)) return false;
        if (connection.chunks_left == 0) return true;
        if (connection.pause_ns == 0) {
            flooding_.push_back({0, connection.wire.fd, connection.serial});
        } else {
            // Paced streams get a random phase, so that those opened together do not tick together;
            // a silent one (an hour's pause) is left alone.
            auto const spread = std::min<std::int64_t>(connection.pause_ns, 1'000'000'000);
            auto const phase =
                static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(spread));
            connection.due_ns =
                now_ns() + (spread < connection.pause_ns ? connection.pause_ns : phase);
            due_.push({connection.due_ns, connection.wire.fd, connection.serial});
        }
        return true;
    }

    static std::string with_close(std::string message) {
        return message.insert(message.find("\r\n") + 2, "Connection: close\r\n");
    }

    bool is_planted_turn() { return turns_++ % plant_every == 0; }

    Words& words_of(Connection const& connection) {
        return connection.is_anthropic ? anthropic_ : openai_;
    }

    bool put_chunk(Connection& connection) {
        auto& words = words_of(connection);
        auto* chunk = &words.delta;
        if (connection.is_planted && connection.chunks_left == plant_at + 1) chunk = &words.half;
        if (connection.is_planted && connection.chunks_left == plant_at) {
            chunk = &words.rest;
            ++counts_.plants_sent;
        }
        ++counts_.chunks;
        counts_.answer_bytes += chunk->payload_bytes();
        if (!put(connection, chunk->now())) return false;
        if (--connection.chunks_left > 0) return true;
        ++counts_.streams_done;
        auto const& end = connection.wants_usage ? words.end_with_usage : words.end;
        counts_.answer_bytes += end.payload;
        return finish(connection, end.bytes);
    }

    // The last bytes of an answer; then whatever the client pipelined behind the request.
    bool finish(Connection& connection, std::string_view bytes) {
        if (!put(connection, bytes)) return false;
        if (connection.closes) {
            if (connection.out.empty()) return drop(connection), false;
            return true;  // when what is left has gone
        }
        connection.is_busy = false;
        connection.reader.reset();
        connection.body.clear();
        connection.plants.reset();
        if (connection.input.empty()) return true;
        auto const serial = connection.serial;
        auto const fd = connection.wire.fd;
        auto const input = std::exchange(connection.input, {});
        take(input, connection);
        return find({0, fd, serial}) != nullptr;
    }

    bool put(Connection& connection, std::string_view bytes) {
        if (connection.out.empty()) {
            auto const n = connection.wire.transmit(bytes);
            if (n < 0 && errno != EAGAIN) return drop(connection), false;
            bytes.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
            if (bytes.empty()) return true;
        }
        connection.out.append(bytes);
        wait_for_write(connection, true);
        return true;
    }

    bool flush(Connection& connection) {
        auto const n = connection.wire.transmit(connection.out);
        if (n < 0 && errno != EAGAIN) return drop(connection), false;
        connection.out.erase(0, n < 0 ? 0 : static_cast<std::size_t>(n));
        if (connection.closes && connection.chunks_left == 0 && connection.out.empty())
            return drop(connection), false;
        wait_for_write(connection, !connection.out.empty());
        return true;
    }

    void wait_for_write(Connection& connection, bool wanted) const {
        if (connection.waits_for_write == wanted) return;
        connection.waits_for_write = wanted;
        watch(connection.wire.fd, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
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
                continue;
            }
            if (now - due.at_ns > connection->pause_ns) ++counts_.chunks_late;
            if (put_chunk(*connection) && connection->chunks_left > 0) {
                connection->due_ns += connection->pause_ns;
                due_.push({connection->due_ns, due.fd, due.serial});
            }
        }
    }

    std::string stats() const {
        char body[512];
        auto const length = std::snprintf(
            body, sizeof body,
            R"({"connections":%llu,"requests":%llu,"chunks":%llu,"streams":%llu,"streams_done":%llu,)"
            R"("plants_seen":%llu,"plants_sent":%llu,"answer_bytes":%llu,"chunks_late":%llu})",
            static_cast<unsigned long long>(counts_.connections),
            static_cast<unsigned long long>(counts_.requests),
            static_cast<unsigned long long>(counts_.chunks),
            static_cast<unsigned long long>(counts_.streams),
            static_cast<unsigned long long>(counts_.streams_done),
            static_cast<unsigned long long>(counts_.plants_seen),
            static_cast<unsigned long long>(counts_.plants_sent),
            static_cast<unsigned long long>(counts_.answer_bytes),
            static_cast<unsigned long long>(counts_.chunks_late));
        return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
               std::to_string(length) + "\r\n\r\n" + body;
    }

    std::map<std::string, Answer> answers_;
    int epoll_;
    std::vector<Listener> listeners_;
    Counts counts_;
    std::vector<std::unique_ptr<Connection>> connections_;  // by fd
    std::vector<Due> flooding_;
    std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
    std::minstd_rand random_{7};
    std::vector<char> scratch_ = std::vector<char>(256 * 1024);
    std::uint64_t turns_ = 0;  // answers that could be planted
    Words openai_ = openai_words();
    Words anthropic_ = anthropic_words();

    std::string const unknown_model_ =
        "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 62\r\n\r\n"
        R"({"error":{"message":"no such bench model","type":"not_found"}})";
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
    constexpr int plain_ports = 2;
    std::map<std::string, bench::Answer> answers;
    std::string certificate;
    std::string key;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string const option = argv[i];
        std::string const value = argv[i + 1];
        auto const equals = value.find('=');
        if (option == "--answer")
            answers[value.substr(0, equals)].plain = bench::read_answer(value.c_str() + equals + 1);
        if (option == "--planted")
            answers[value.substr(0, equals)].planted =
                bench::read_answer(value.c_str() + equals + 1);
        if (option == "--certificate") certificate = value;
        if (option == "--key") key = value;
    }
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    bench::Mock mock(std::move(answers));
    std::printf("ports");
    for (int i = 0; i < plain_ports; ++i) std::printf(" %u", mock.listen(nullptr));
    if (!certificate.empty()) {
        for (bool const resumes : {true, false}) {
            auto tls = std::make_unique<bench::TlsServer>(certificate, key, resumes);
            std::printf(" %u", mock.listen(std::move(tls)));
        }
    }
    std::printf("\n");
    std::fflush(stdout);
    mock.run();
}
