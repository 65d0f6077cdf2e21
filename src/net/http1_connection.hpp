// A client's HTTP/1 connection: its socket, its input, the request being served and the answer to
// it. Small while idle: no buffer, one outstanding wait.
//
// Called by: http1_session.cpp (the loop), the Handler through ServerStream. Calls: http1_request,
// codec::ChunkedDecoder, Stream. Split: http1_accept.cpp (before the first request),
// http1_read.cpp, http1_write.cpp. Thread: the worker's. Lives in the frame of serve_connection.
//
// How a client that goes away is noticed during an exchange: HangupWatch reports FIN and RST
// without reading; on TLS a watcher also reads on into the input buffer, to see close_notify, until
// input_bytes_max is held. Nothing is read ahead on plain sockets: pipelined requests stay in the
// kernel's buffer, which is its own bound.
#pragma once

#include <optional>
#include <string>

#include "codec/chunked.hpp"
#include "net/hangup.hpp"
#include "net/http1_request.hpp"
#include "net/input_buffer.hpp"
#include "net/server_stream.hpp"
#include "net/worker_impl.hpp"

namespace sluice::net {

class Http1Connection final : public ServerStream,
                              private HangupWatch::Hook,
                              private Stream::Watcher {
  public:
    Http1Connection(WorkerImpl& worker, Stream stream, std::shared_ptr<ServerSide const> side,
                    Peer peer);
    ~Http1Connection();

    // The loop's part.
    enum class HeadOutcome : std::uint8_t {
        request,  // head() is valid
        refused,  // refusal() says why
        closed,   // nothing to answer: end, idle timeout, drain
    };
    // An error of either = no connection to serve. The PROXY header comes before TLS.
    Async<> accept_proxy();  // http1_accept.cpp
    Async<> accept_tls();
    Async<HeadOutcome> read_head();
    [[nodiscard]] Error const& refusal() const noexcept { return *refusal_; }
    [[nodiscard]] std::string const& refused_path() const noexcept { return refused_path_; }
    void begin_exchange();
    // What is left to do when the handler has returned. True: another request may follow.
    Async<bool> finish_exchange();
    // Answers a request that never became an exchange.
    Async<> refuse(std::uint16_t status, http::HeaderBlock const& headers, std::string const& body);
    // Lets the client read the answer before the socket goes: FIN, then discards, bounded.
    Async<> linger();
    [[nodiscard]] WorkerImpl& worker() noexcept { return worker_; }
    [[nodiscard]] bool is_answered() const noexcept { return answer_ == Answer::done; }
    [[nodiscard]] bool is_begun() const noexcept { return answer_ == Answer::open; }
    // Takes back an answer of which nothing was sent yet. False: something was.
    bool withdraw() noexcept;
    [[nodiscard]] bool is_aborted() const noexcept { return aborted_; }
    [[nodiscard]] bool is_gone() const noexcept { return gone_; }

    // ServerStream.
    [[nodiscard]] http::RequestHead const& head() const noexcept override { return head_; }
    [[nodiscard]] Peer const& peer() const noexcept override { return peer_; }
    [[nodiscard]] Steady::time_point arrived_at() const noexcept override { return arrived_at_; }
    [[nodiscard]] Cancel& cancel() noexcept override { return *cancel_; }
    Async<http::Body> read_body(std::size_t bytes_max, Deadline deadline,
                                BodyBudget* budget) override;
    using ServerStream::respond;
    Async<> respond(std::uint16_t status, http::HeaderBlock const& headers,
                    std::span<std::string_view const> body) override;
    void begin(std::uint16_t status, http::HeaderBlock const& headers,
               std::optional<std::uint64_t> length) override;
    Async<> write(std::span<std::string_view const> pieces, bool last) override;
    Async<> end() override;
    void abort() noexcept override;
    [[nodiscard]] bool head_sent() const noexcept override { return head_sent_; }
    [[nodiscard]] std::uint64_t bytes_sent() const noexcept override { return bytes_sent_; }
    [[nodiscard]] Steady::duration waited() const noexcept override {
        return body_waited_ + write_waited_;
    }
    void close_after_answer() noexcept override { close_ = true; }
    void set_write_deadline(Deadline deadline) noexcept override { write_deadline_ = deadline; }

  private:
    enum class Answer : std::uint8_t { none, open, done };
    enum class Framing : std::uint8_t { none, length, chunked, until_close };

    // A connection that has not asked for anything when a drain begins may have its first request
    // under way: the kernel let it in while we listened.
    static constexpr auto last_call = milliseconds{500};

    // http1_accept.cpp
    // A wait before the first request: ends when the worker drains, but after last_call only.
    Async<Wake> wait_as_new(Interest interest, Deadline deadline);

    // http1_read.cpp
    Result<void> take_head(std::string_view received, RequestHeadScan const& scan);
    void keep_head(std::string_view text, std::span<http::Field const> fields);
    void drop_head() noexcept;
    void refuse_head(Error error, std::string_view path);
    Async<> send_continue();
    Async<http::Body> read_sized_body(std::size_t length, Deadline deadline, BodyBudget* budget);
    Async<http::Body> read_chunked_body(std::size_t bytes_max, Deadline deadline,
                                        BodyBudget* budget);
    Async<std::size_t> read_into(std::span<char> into, Deadline whole);  // >= 1 byte, or an error
    // When a body of which `received` bytes have come is too slow, at the latest `whole`.
    [[nodiscard]] Deadline body_until(std::size_t received, Deadline whole) const noexcept;
    Error fail_body(Error error);
    void read_ahead() noexcept;  // TLS: what is there, up to the bound
    void watch_input() noexcept;
    void on_hangup(bool whole) noexcept override;
    void on_ready(Interest interest) noexcept override;
    void on_closed() noexcept override {}
    void lose_client() noexcept;

    // http1_write.cpp
    void start_answer(BlockText& out, std::uint16_t status, http::HeaderBlock const& headers);
    void end_head(BlockText& out);
    Result<void> check_length(std::size_t bytes, bool last);
    Result<void> send_now(std::span<std::string_view const> pieces, std::size_t bytes, bool last);
    Async<> send_rest(BlockText head, std::span<std::string_view const> body, std::size_t offset);
    Async<> send_gathered(std::span<std::string_view const> pieces, std::size_t bytes);
    Async<> flush_backlog();
    // A wait for the client to take more, from its begin to its end.
    [[nodiscard]] Deadline begin_write_wait() noexcept;
    void end_write_wait() noexcept;
    void note_taken(std::size_t bytes) noexcept;
    Error write_error(IoResult const& result) noexcept;
    Error write_error(Wake wake) noexcept;
    [[nodiscard]] bool sends_body(std::uint16_t status) const noexcept;
    [[nodiscard]] bool must_close() const noexcept;

    WorkerImpl& worker_;
    Stream stream_;
    std::shared_ptr<ServerSide const> side_;
    Peer peer_;
    InputBuffer input_;
    http::RequestHead head_;
    char* head_block_ = nullptr;  // fields, then the head's text; owned, from the frame allocator
    std::size_t head_block_bytes_ = 0;
    Steady::time_point arrived_at_{};
    std::optional<Cancel> cancel_;
    ErrorBox refusal_;
    std::string refused_path_;
    BlockText pending_head_;  // between begin() and the first write
    BlockText backlog_;       // what the socket did not take yet
    std::uint64_t bytes_sent_ = 0;
    std::uint64_t length_left_ = 0;  // Framing::length
    Deadline write_deadline_;
    Steady::time_point write_wait_from_{};
    Steady::duration body_waited_{};   // for the client, in this exchange
    Steady::duration write_waited_{};  // likewise
    std::uint64_t taken_after_wait_ =
        0;  // bytes the client took since it first had to be waited for
    std::uint32_t requests_ = 0;
    Answer answer_ = Answer::none;
    Framing framing_ = Framing::none;
    bool head_sent_ = false;
    bool in_exchange_ = false;
    bool body_asked_ = false;  // read_body() was called
    bool body_read_ = false;   // the next byte of input belongs to the next request
    bool close_ = false;       // after this answer
    bool closing_ = false;     // the answer's head said so
    bool aborted_ = false;
    bool gone_ = false;  // the client is; nothing more can be sent
    bool fin_seen_ = false;
    bool in_flight_counted_ = false;
};

}  // namespace sluice::net
