// See fake_upstream.hpp. One thread accepts, one thread a connection serves; all end with stop_.
#include "support/fake_upstream.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <poll.h>
#include <random>
#include <strings.h>
#include <sys/socket.h>

namespace sluice::test {

namespace {

constexpr milliseconds patience{60'000};  // no wait of a connection is longer

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

Reply default_answer(Received const& request) {
    if (request.target().ends_with("/embeddings")) {
        return Reply::whole(
                   200,
                   R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,)"
                   R"(-0.25]}],"model":"m-1","usage":{"prompt_tokens":3,"total_tokens":3}})")
            .tokens(3, 0);
    }
    bool const stream = request.body.find(R"("stream":true)") != std::string::npos ||
                        request.body.find(R"("stream": true)") != std::string::npos;
    if (!stream) return Reply::whole(200, chat_answer("hello")).tokens(11, 7);
    bool const usage = request.body.find("include_usage") != std::string::npos;
    return Reply::events(chat_stream(4, usage)).tokens(usage ? 11 : 0, usage ? 7 : 0);
}

}  // namespace

std::string Received::method() const { return head.substr(0, head.find(' ')); }

std::string Received::target() const {
    auto const from = head.find(' ') + 1;
    return head.substr(from, head.find(' ', from) - from);
}

Headers Received::headers() const {
    Headers all;
    std::size_t from = head.find("\r\n") + 2;
    while (from < head.size()) {
        auto const end = head.find("\r\n", from);
        if (end == std::string::npos || end == from) break;
        std::string const line = head.substr(from, end - from);
        auto const colon = line.find(':');
        auto const value = line.find_first_not_of(" \t", colon + 1);
        all.emplace_back(line.substr(0, colon),
                         value == std::string::npos ? "" : line.substr(value));
        from = end + 2;
    }
    return all;
}

std::optional<std::string> Received::header(std::string_view name) const {
    for (auto const& [n, value] : headers()) {
        if (same_name(n, name)) return value;
    }
    return std::nullopt;
}

std::size_t Received::count(std::string_view name) const {
    auto const all = headers();
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [&](auto const& field) { return same_name(field.first, name); }));
}

FakeUpstream::FakeUpstream(Options const& options)
    : options_(options),
      listener_(listen_on_loopback(port_, options.ipv6)),
      script_(default_answer) {
    acceptor_ = std::thread([this] { accept_loop(); });
}

FakeUpstream::~FakeUpstream() {
    stop_.raise();
    acceptor_.join();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return threads_running_ == 0; });
}

std::string FakeUpstream::url(std::string_view path) const {
    std::string_view const scheme = options_.tls != nullptr ? "https" : "http";
    std::string_view const host = options_.ipv6             ? "[::1]"
                                  : options_.tls != nullptr ? "localhost"
                                                            : "127.0.0.1";
    return fmt::format("{}://{}:{}{}", scheme, host, port_, path);
}

void FakeUpstream::then(Reply reply) {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(reply));
}

void FakeUpstream::answer_with(Script script) {
    std::lock_guard lock(mutex_);
    script_ = std::move(script);
}

Reply FakeUpstream::next(Received const& request) {
    Script script;
    {
        std::lock_guard lock(mutex_);
        requests_.push_back(request);
        changed_.notify_all();
        if (!queue_.empty()) {
            Reply reply = std::move(queue_.front());
            queue_.pop_front();
            return reply;
        }
        script = script_;
    }
    return script(request);
}

void FakeUpstream::accept_loop() {
    for (;;) {
        pollfd p[2] = {{listener_.get(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
        if (::poll(p, 2, -1) < 0) continue;
        if (p[1].revents != 0) return;
        Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!fd.valid()) continue;
        set_no_delay(fd.get());
        std::lock_guard lock(mutex_);
        ++open_;
        ++threads_running_;
        auto const connection = ++connections_;
        changed_.notify_all();
        std::thread([this, connection, socket = Socket(std::move(fd), &stop_)]() mutable {
            serve(std::move(socket), connection);
        }).detach();
    }
}

void FakeUpstream::serve(Socket socket, std::uint64_t connection) {
    Closed closed{connection, {}, true, false};
    bool go = options_.tls == nullptr || socket.accept_tls(options_.tls, patience);
    std::string buffer;
    for (std::uint64_t nth = 1; go; ++nth) {
        Received request;
        request.connection = connection;
        request.nth = nth;
        if (!read_request(socket, buffer, request)) break;
        request.at = Clock::now();
        go = play(socket, next(request), closed);
    }
    socket.close();
    std::lock_guard lock(mutex_);
    closed.at = Clock::now();
    closes_.push_back(closed);
    --open_;
    --threads_running_;
    changed_.notify_all();
}

bool FakeUpstream::read_request(Socket& socket, std::string& buffer, Received& out) {
    std::size_t end = 0;
    while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
        if (socket.read_some(buffer, patience) != Io::ok) return false;
    }
    out.head = buffer.substr(0, end + 4);
    buffer.erase(0, end + 4);
    if (auto const length = out.header("Content-Length")) {
        auto const bytes = static_cast<std::size_t>(std::stoull(*length));
        while (buffer.size() < bytes) {
            if (socket.read_some(buffer, patience) != Io::ok) return false;
        }
        out.body = buffer.substr(0, bytes);
        buffer.erase(0, bytes);
    } else if (out.header("Transfer-Encoding")) {
        for (;;) {
            std::size_t eol = 0;
            while ((eol = buffer.find("\r\n")) == std::string::npos) {
                if (socket.read_some(buffer, patience) != Io::ok) return false;
            }
            auto const bytes = std::stoull(buffer.substr(0, eol), nullptr, 16);
            while (buffer.size() < eol + 2 + bytes + 2) {
                if (socket.read_some(buffer, patience) != Io::ok) return false;
            }
            out.body += buffer.substr(eol + 2, bytes);
            buffer.erase(0, eol + 2 + bytes + 2);
            if (bytes == 0) break;
        }
    }
    return true;
}

bool FakeUpstream::play(Socket& socket, Reply const& reply, Closed& closed) {
    using Kind = Reply::Step::Kind;
    std::mt19937 random(reply.seed);
    auto const peer_closed = [&](Io io) {
        if (io == Io::closed || io == Io::reset) closed.reset = io == Io::reset;
        return false;
    };
    auto const send = [&](std::string_view bytes) {
        while (!bytes.empty()) {
            std::size_t const n =
                reply.piece_max == 0
                    ? bytes.size()
                    : std::min<std::size_t>(bytes.size(), 1 + random() % reply.piece_max);
            Io const io = socket.write_all(bytes.substr(0, n), patience);
            if (io != Io::ok) return io;
            bytes.remove_prefix(n);
            if (reply.piece_max != 0) std::this_thread::yield();
        }
        return Io::ok;
    };
    for (auto const& step : reply.steps) {
        switch (step.kind) {
            case Kind::send:
                if (Io const io = send(step.bytes); io != Io::ok) return peer_closed(io);
                break;
            case Kind::pause:
                if (Io const io = socket.wait_closed(step.d); io != Io::timeout) {
                    return peer_closed(io);
                }
                break;
            case Kind::wait:
                if (Io const io = socket.wait_closed(patience, step.event.get()); io != Io::ok) {
                    return peer_closed(io);
                }
                break;
            case Kind::silence:
                return peer_closed(socket.wait_closed(patience));
            case Kind::forever:
                for (;;) {
                    if (Io const io = send(step.bytes); io != Io::ok) return peer_closed(io);
                    if (Io const io = socket.wait_closed(step.d); io != Io::timeout) {
                        return peer_closed(io);
                    }
                }
            case Kind::fin:
                closed.by_peer = false;
                return false;
            case Kind::reset:
                closed.by_peer = false;
                socket.reset();
                return false;
        }
    }
    std::lock_guard lock(mutex_);
    input_tokens_ += reply.input_tokens;
    output_tokens_ += reply.output_tokens;
    return true;
}

template <class Predicate>
bool FakeUpstream::wait_until(milliseconds within, Predicate const& done) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, within, done);
}

std::vector<Received> FakeUpstream::requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
}
std::size_t FakeUpstream::request_count() const {
    std::lock_guard lock(mutex_);
    return requests_.size();
}
std::size_t FakeUpstream::open_now() const {
    std::lock_guard lock(mutex_);
    return open_;
}
std::size_t FakeUpstream::connections() const {
    std::lock_guard lock(mutex_);
    return connections_;
}
std::vector<FakeUpstream::Closed> FakeUpstream::closes() const {
    std::lock_guard lock(mutex_);
    return closes_;
}
std::int64_t FakeUpstream::input_tokens() const {
    std::lock_guard lock(mutex_);
    return input_tokens_;
}
std::int64_t FakeUpstream::output_tokens() const {
    std::lock_guard lock(mutex_);
    return output_tokens_;
}
bool FakeUpstream::wait_for_requests(std::size_t n, milliseconds within) const {
    return wait_until(within, [&] { return requests_.size() >= n; });
}
bool FakeUpstream::wait_for_open(std::size_t n, milliseconds within) const {
    return wait_until(within, [&] { return open_ == n; });
}
bool FakeUpstream::wait_for_closes(std::size_t n, milliseconds within) const {
    return wait_until(within, [&] { return closes_.size() >= n; });
}

}  // namespace sluice::test
