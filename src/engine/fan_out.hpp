// FanOut: one request sent several times at once, once for each choice that its caller asked for,
// where the target's dialect has no such thing; and the answers read side by side. Made by attempt;
// calls net and, through it, nothing of the exchange: its tasks may outlive that.
// Thread: one worker's.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "codec/encoding.hpp"
#include "dialect/common/fan_in.hpp"
#include "engine/lane.hpp"
#include "net/upstream_stream.hpp"
#include "net/wait.hpp"

namespace sluice::engine {

class FanOut : public std::enable_shared_from_this<FanOut> {
  public:
    // One of the requests and its answer.
    struct Leg {
        http::WireRequest request;  // its body are views into `outgoing`
        Cancel cancel;
        std::unique_ptr<net::UpstreamStream> stream;  // null: no head has come
        std::unique_ptr<codec::Decoder> decoder;      // null: not compressed
        std::optional<Error> error;                   // it was not sent, or broke off
        std::string bytes;                            // read and not taken yet; bounded
        net::Event room;
        Steady::time_point head_at{};
        bool ended = false;  // nothing more is read

        [[nodiscard]] bool is_refused() const noexcept {
            return stream && (stream->head().status < 200 || stream->head().status >= 300);
        }
        [[nodiscard]] bool was_sent() const noexcept {
            return !error || (error->code != ErrorCode::upstream_connect &&
                              error->code != ErrorCode::upstream_tls);
        }
    };

    FanOut() = default;
    FanOut(FanOut const&) = delete;
    FanOut& operator=(FanOut const&) = delete;

    Outgoing outgoing;  // what all of them say
    std::deque<Leg> legs;

    // All at once. The legs and their requests are there.
    void start(net::Endpoint const& endpoint, net::UpstreamTimeouts const& timeouts);
    // The first leg that failed or was refused; how many there are, once all have good heads.
    // Error: `cancel` was cancelled.
    Async<std::size_t> heads(Cancel& cancel);
    // The answers as one stream of bytes, each read those of one leg, of which `reader` is told.
    // Ends with the last, at the first that breaks off, or at a fault that the reader has found.
    // `cancel` and `reader` outlive it. Error: a coding that nobody knows.
    Result<std::unique_ptr<net::UpstreamStream>> all(Cancel& cancel, dialect::FanIn& reader,
                                                     std::uint64_t plain_bytes_max);
    // One answer as it comes, its coding too.
    std::unique_ptr<net::UpstreamStream> only(std::size_t leg, Cancel& cancel);
    // Ends what still runs.
    void stop() noexcept;

  private:
    class Stream;
    static Async<> pump(std::shared_ptr<FanOut> self, std::size_t leg);

    net::Endpoint endpoint_;  // a copy: a reload may outrun the tasks
    net::UpstreamTimeouts timeouts_;
    net::Event changed_;
};

}  // namespace sluice::engine
