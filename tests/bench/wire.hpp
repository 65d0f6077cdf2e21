// What bench_mock and bench_load share: the clock, non-blocking sockets, and a reader of HTTP/1.1
// messages that is lenient because both ends are ours. Called by mock.cpp and load*.cpp; calls the
// kernel only.
#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace bench {

// CLOCK_MONOTONIC is one clock for all processes of a machine: a stamp written by the mock can be
// compared with the load generator's own time.
inline std::int64_t now_ns() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

[[noreturn]] inline void die(char const* what) {
    std::perror(what);
    std::exit(2);
}

inline sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

inline void set_no_delay(int fd) {
    int const on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Port 0 takes a free one; the port taken is returned through `port`.
inline int listen_on(std::uint16_t& port) {
    int const fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int const on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    auto address = loopback(port);
    socklen_t length = sizeof address;
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0) die("bind");
    if (listen(fd, 4096) != 0) die("listen");
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    port = ntohs(address.sin_port);
    return fd;
}

// Connects before it returns (loopback: microseconds), then makes the socket non-blocking.
inline int connect_to(std::uint16_t port) {
    int const fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    auto address = loopback(port);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("connect");
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    set_no_delay(fd);
    return fd;
}

// How each planted match begins: tests/bench/bodies.py writes the same. Seen at an end where it
// should have been taken out, it fails the row.
constexpr std::string_view plant_mark = "Zq.plant";
constexpr std::string_view plant = "Zq.planted.person@example.com";

// Counts plant marks in a body that comes in pieces.
class PlantCounter {
  public:
    void look(std::string_view piece) {
        if (!end_.empty()) {
            auto const seam = end_ + std::string(piece.substr(0, plant_mark.size() - 1));
            if (seam.find(plant_mark) != seam.npos) ++seen_;
        }
        for (auto at = piece.find(plant_mark); at != piece.npos;
             at = piece.find(plant_mark, at + plant_mark.size())) {
            ++seen_;
        }
        // A tail is kept only where a mark may have begun.
        auto const tail =
            piece.substr(piece.size() - std::min(piece.size(), plant_mark.size() - 1));
        auto const at = tail.find(plant_mark.front());
        end_.assign(at == tail.npos ? std::string_view{} : tail.substr(at));
    }
    void reset() { end_.clear(); }
    std::uint64_t take() { return std::exchange(seen_, 0); }

  private:
    std::string end_;
    std::uint64_t seen_ = 0;
};

// One HTTP/1.1 message at a time, request or response, from any split of bytes.
class MessageReader {
  public:
    enum class State {
        head,
        length,
        chunk_size,
        chunk_data,
        chunk_end,
        trailer,
        until_close,
        done,
        bad
    };

    // Feeds bytes and hands each piece of the body to `payload(std::string_view)`. Stops after the
    // message's last byte; returns how many bytes it took.
    template <class Payload>
    std::size_t feed(std::string_view in, Payload&& payload) {
        std::size_t at = 0;
        while (at < in.size() && state_ != State::done && state_ != State::bad) {
            at += step(in.substr(at), payload);
        }
        return at;
    }

    void reset() {
        state_ = State::head;
        head_.clear();
        line_.clear();
        left_ = 0;
    }

    [[nodiscard]] bool is_done() const { return state_ == State::done; }
    [[nodiscard]] bool is_bad() const { return state_ == State::bad; }
    [[nodiscard]] bool is_fresh() const { return state_ == State::head && head_.empty(); }
    [[nodiscard]] bool has_head() const { return state_ != State::head; }
    [[nodiscard]] std::string const& head() const { return head_; }

    // Of a response; 0 when there is none.
    [[nodiscard]] int status() const {
        return head_.size() > 12 ? std::atoi(head_.c_str() + 9) : 0;
    }

    // The value of a field, "" when absent. `name` in lower case with its colon: "content-length:".
    [[nodiscard]] std::string_view field(std::string_view name) const {
        std::string_view rest = head_;
        for (auto eol = rest.find("\r\n"); eol != std::string_view::npos; eol = rest.find("\r\n")) {
            rest.remove_prefix(eol + 2);
            if (rest.size() < name.size() ||
                strncasecmp(rest.data(), name.data(), name.size()) != 0) {
                continue;
            }
            auto value = rest.substr(name.size(), rest.find("\r\n") - name.size());
            while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
            return value;
        }
        return {};
    }

  private:
    template <class Payload>
    std::size_t step(std::string_view in, Payload& payload) {
        switch (state_) {
            case State::head:
                return take_head(in);
            case State::length:
            case State::chunk_data:
                return take_payload(in, payload);
            case State::until_close:
                payload(in);
                return in.size();
            default:
                return take_line(in);
        }
    }

    std::size_t take_head(std::string_view in) {
        auto const before = head_.size();
        head_.append(in.substr(0, 16 * 1024));
        auto const end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
        if (end == std::string::npos) {
            if (head_.size() > 64 * 1024) state_ = State::bad;
            return head_.size() - before;
        }
        head_.resize(end + 4);
        choose_framing();
        return head_.size() - before;
    }

    void choose_framing() {
        bool const is_response = head_.compare(0, 5, "HTTP/") == 0;
        if (auto const length = field("content-length:"); !length.empty()) {
            left_ = std::strtoull(length.data(), nullptr, 10);
            state_ = left_ == 0 ? State::done : State::length;
        } else if (!field("transfer-encoding:").empty()) {
            state_ = State::chunk_size;
        } else {
            state_ = is_response ? State::until_close : State::done;
        }
    }

    template <class Payload>
    std::size_t take_payload(std::string_view in, Payload& payload) {
        auto const piece = in.substr(0, std::min<std::uint64_t>(left_, in.size()));
        payload(piece);
        left_ -= piece.size();
        if (left_ == 0) state_ = state_ == State::length ? State::done : State::chunk_end;
        return piece.size();
    }

    std::size_t take_line(std::string_view in) {
        auto const eol = in.find('\n');
        auto const taken = eol == std::string_view::npos ? in.size() : eol + 1;
        line_.append(in.substr(0, taken));
        if (line_.size() > 8 * 1024) state_ = State::bad;
        if (eol == std::string_view::npos || state_ == State::bad) return taken;
        end_line();
        line_.clear();
        return taken;
    }

    void end_line() {
        if (state_ == State::chunk_size) {
            char* end = nullptr;
            left_ = std::strtoull(line_.c_str(), &end, 16);
            if (end == line_.c_str()) {
                state_ = State::bad;
            } else {
                state_ = left_ == 0 ? State::trailer : State::chunk_data;
            }
        } else if (state_ == State::chunk_end) {
            state_ = line_ == "\r\n" ? State::chunk_size : State::bad;
        } else if (line_ == "\r\n") {
            state_ = State::done;
        }
    }

    State state_ = State::head;
    std::uint64_t left_ = 0;  // bytes of the body, or of this chunk, still to come
    std::string head_;
    std::string line_;
};

}  // namespace bench
