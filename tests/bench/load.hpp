// What the modes of bench_load share: the options, the prebuilt request, one connection, one epoll.
// load.cpp parses and calls the modes in load_unary.cpp and load_stream.cpp.
#pragma once

#include <memory>
#include <sys/epoll.h>
#include <vector>

#include "histogram.hpp"
#include "tls.hpp"

namespace bench {

struct Options {
    std::string mode;
    std::uint16_t port = 0;
    std::string key = "sk-bench";
    std::string model;
    std::string body_file;     // a JSON object whose model is the word MODEL
    std::string planted_file;  // the same with a planted match: sent instead once in a hundred
    std::string path = "/v1/chat/completions";
    std::string headers;          // more of them, each "name: value", with \n between
    std::string tls_ca;           // given: TLS, with this authority
    bool resumes = true;          // TLS: a new connection takes up the session of an earlier one
    bool is_fresh = false;        // closed: a connection for each request
    std::size_t connections = 1;  // or streams, each on a connection of its own
    double seconds = 1;           // how long requests are begun; what is under way is finished
    double rate = 1000;           // open: requests begun per second
    std::uint64_t chunks = 0;     // stream: expected of each stream
    double pace_us = 0;           // stream: a chunk later than three times this is a stall
    double ramp_us = 0;           // stream: pause between two openings
};

struct Tally {
    std::uint64_t sent = 0;  // requests written
    std::uint64_t ok = 0;    // complete answers with status 200 (and, of streams, all their chunks)
    std::uint64_t refused = 0;      // complete answers with another status
    std::uint64_t broken = 0;       // cut, malformed, or with chunks missing
    std::uint64_t planted = 0;      // requests with a planted match
    std::uint64_t plants_seen = 0;  // in answers
    std::uint64_t body_bytes = 0;   // of the requests' bodies
};

// One connection to the proxy. The reader holds the answer under way.
struct Client {
    Wire wire;
    MessageReader reader;
    PlantCounter plants;
    std::string_view unsent;    // of the request under way
    std::int64_t began_ns = 0;  // when the request was due
    std::string tail;           // stream: an event that is not complete yet
    std::uint64_t chunks = 0;
    bool has_end = false;  // stream: [DONE] was seen
    bool is_busy = false;
};

class Poll {
  public:
    Poll() : epoll_(epoll_create1(EPOLL_CLOEXEC)), events_(1024) {}
    ~Poll() { close(epoll_); }
    Poll(Poll const&) = delete;
    Poll& operator=(Poll const&) = delete;

    void add(Client& client) { set(client, EPOLLIN, EPOLL_CTL_ADD); }
    void watch_write(Client& client, bool wanted) {
        set(client, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
    }

    // Calls `ready(client, is_writable)` for each ready client; waits until `until_ns`, -1 = for
    // ever.
    template <class Ready>
    void wait(std::int64_t until_ns, Ready&& ready) {
        timespec left{};
        if (until_ns >= 0) {
            auto const ns = std::max<std::int64_t>(0, until_ns - now_ns());
            left = {ns / 1'000'000'000, ns % 1'000'000'000};
        }
        int const n = epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()),
                                   until_ns < 0 ? nullptr : &left, nullptr);
        for (int i = 0; i < n; ++i) {
            auto const& event = events_[static_cast<std::size_t>(i)];
            ready(*static_cast<Client*>(event.data.ptr), (event.events & EPOLLOUT) != 0);
        }
    }

  private:
    void set(Client& client, std::uint32_t what, int operation) {
        epoll_event event{};
        event.events = what;
        event.data.ptr = &client;
        epoll_ctl(epoll_, operation, client.wire.fd, &event);
    }

    int epoll_;
    std::vector<epoll_event> events_;
};

// The requests, head and body, as they go out, and the connections they go out on.
class Source {
  public:
    explicit Source(Options const& options);

    // A new connection; without a descriptor when TLS was refused.
    Wire connect();
    // The request to send next: one in a hundred is planted, the first as well.
    std::string_view next(Tally& tally);
    // What is printed of the connections: "" without TLS.
    [[nodiscard]] std::string report() const;

  private:
    std::uint16_t port_;
    std::unique_ptr<TlsClient> tls_;
    struct Request {
        std::string bytes;  // head and body
        std::size_t body_bytes = 0;
    };
    static Request build(Options const& options, std::string const& body_file);

    Request plain_;
    Request planted_;  // empty: none is
};

// Writes what is left of the request; false when the connection is broken.
bool send_rest(Poll& poll, Client& client);

// The counts that all modes print, as JSON members with a comma behind.
std::string tell(Tally const& tally);

// Each prints one JSON object on standard output and returns the exit code.
int run_closed(Options const& options);  // as fast as the answers come
int run_open(Options const& options);    // at a fixed rate, latency from the due time
int run_stream(Options const& options);  // N streams read to their end
int run_idle(Options const& options);    // N streams opened and held until standard input closes

}  // namespace bench
