// A scripted HTTP/1.1 upstream: answers each request as the test says, byte by byte when it wants,
// and keeps a journal of what it received. Plain threads and blocking waits, no sluice::net.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/certificates.hpp"
#include "support/socket.hpp"

namespace sluice::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

// A request as it came.
struct Received {
    std::string head;              // raw, its blank line included
    std::string body;              // transfer coding removed
    std::uint64_t connection = 0;  // from 1
    std::uint64_t nth = 0;         // on its connection, from 1
    Clock::time_point at{};

    [[nodiscard]] std::string method() const;
    [[nodiscard]] std::string target() const;
    [[nodiscard]] Headers headers() const;
    [[nodiscard]] std::optional<std::string> header(std::string_view name) const;
    [[nodiscard]] std::size_t count(std::string_view name) const;
};

// What to do with one request: steps, in order.
class Reply {
  public:
    // Raw steps.
    Reply& send(std::string bytes);
    Reply& pause(milliseconds d);
    Reply& wait(std::shared_ptr<Event> event);  // until it is raised
    Reply& fin();                               // orderly close
    Reply& reset();                             // RST
    Reply& silence();                           // nothing, until the other side closes
    Reply& forever(std::string bytes, milliseconds every);
    Reply& chunk(std::string_view payload);  // send, in chunked coding
    Reply& chunks(std::vector<std::string> const& payloads, milliseconds every = milliseconds{0});
    Reply& last_chunk();
    // Counted by the journal once the whole reply was written.
    Reply& tokens(std::int64_t input, std::int64_t output);
    // Every send from here on goes out in random pieces of at most `max` bytes, with TCP_NODELAY
    // and a yield between them. Same seed, same pieces.
    Reply& in_pieces(std::uint32_t seed, std::size_t max);

    static Reply raw(std::string bytes);
    // A whole answer with Content-Length.
    static Reply whole(int status, std::string_view body, Headers const& headers = {},
                       std::string_view content_type = "application/json");
    // A head without a length: chunk() follows.
    static Reply chunked(int status = 200, Headers const& headers = {},
                         std::string_view content_type = "text/event-stream");
    // A head without any framing: the close ends the body.
    static Reply until_close(int status, Headers const& headers = {},
                             std::string_view content_type = "text/event-stream");
    // Frames as a complete chunked event stream.
    static Reply events(std::vector<std::string> const& frames,
                        milliseconds every = milliseconds{0});
    // An OpenAI error answer.
    static Reply error(int status, std::string_view code, std::string_view message,
                       Headers const& headers = {});

    struct Step {
        enum class Kind { send, pause, wait, fin, reset, silence, forever };
        Kind kind = Kind::send;
        std::string bytes;
        milliseconds d{0};
        std::shared_ptr<Event> event;
    };
    std::vector<Step> steps;
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;
    std::uint32_t seed = 0;
    std::size_t piece_max = 0;  // 0 = whole sends
};

// Wire texts of the OpenAI dialect.
std::string chat_answer(std::string_view text, int prompt_tokens = 11, int completion_tokens = 7,
                        std::string_view model = "m-1");
std::string chat_frame(std::string_view delta_json, std::string_view finish = "null");
std::string text_frame(std::string_view text);
std::string usage_frame(int prompt_tokens = 11, int completion_tokens = 7);
inline std::string const done_frame = "data: [DONE]\n\n";
// role, `n` texts "w0 ", "w1 ", ..., finish, [usage], [DONE].
std::vector<std::string> chat_stream(int n, bool usage = true);

class FakeUpstream {
  public:
    using Script = std::function<Reply(Received const&)>;

    struct Closed {
        std::uint64_t connection = 0;
        Clock::time_point at{};
        bool by_peer = false;
        bool reset = false;
    };

    struct Options {
        SSL_CTX* tls = nullptr;  // must outlive the upstream
        bool ipv6 = false;
    };

    FakeUpstream() : FakeUpstream(Options{}) {}
    explicit FakeUpstream(Options const& options);
    FakeUpstream(FakeUpstream const&) = delete;
    FakeUpstream& operator=(FakeUpstream const&) = delete;
    ~FakeUpstream();  // ends everything that still runs

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::string url(std::string_view path = "/v1") const;

    // Replies in order; when they are used up the script answers (default: a chat answer, a stream
    // when the body asks for one, embeddings for /embeddings).
    void then(Reply reply);
    void answer_with(Script script);

    // The journal.
    [[nodiscard]] std::vector<Received> requests() const;
    [[nodiscard]] std::size_t request_count() const;
    [[nodiscard]] std::size_t open_now() const;
    [[nodiscard]] std::size_t connections() const;  // in all
    [[nodiscard]] std::vector<Closed> closes() const;
    [[nodiscard]] std::int64_t input_tokens() const;
    [[nodiscard]] std::int64_t output_tokens() const;

    bool wait_for_requests(std::size_t n, milliseconds within = milliseconds{10'000}) const;
    bool wait_for_open(std::size_t n, milliseconds within = milliseconds{10'000}) const;
    bool wait_for_closes(std::size_t n, milliseconds within = milliseconds{10'000}) const;

  private:
    void accept_loop();
    void serve(Socket socket, std::uint64_t connection);
    bool read_request(Socket& socket, std::string& buffer, Received& out);
    // False when the connection is at its end.
    bool play(Socket& socket, Reply const& reply, Closed& closed);
    Reply next(Received const& request);
    template <class Predicate>
    bool wait_until(milliseconds within, Predicate const& done) const;

    Options options_;
    std::uint16_t port_ = 0;
    Fd listener_;
    Event stop_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::deque<Reply> queue_;
    Script script_;
    std::vector<Received> requests_;
    std::vector<Closed> closes_;
    std::size_t open_ = 0;
    std::uint64_t connections_ = 0;
    std::int64_t input_tokens_ = 0;
    std::int64_t output_tokens_ = 0;
    std::size_t threads_running_ = 0;
    std::thread acceptor_;
};

}  // namespace sluice::test
