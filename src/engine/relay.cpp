#include "engine/relay.hpp"

#include <memory>
#include <span>
#include <utility>

#include "engine/answer.hpp"
#include "engine/frame_collector.hpp"
#include "engine/guarding.hpp"
#include "engine/intake.hpp"
#include "engine/metering.hpp"
#include "engine/snapshot.hpp"
#include "net/cancelled.hpp"
#include "net/server_stream.hpp"

namespace sluice::engine {
namespace {

// Counts the time spent waiting for the provider, so that the rest of `total` is sluice's own.
class UpstreamWait {
  public:
    // `until`: where the end of the wait is noted.
    UpstreamWait(UsageRecord& record, Steady::time_point& until)
        : record_(record), from_(Steady::now()), until_(until) {}
    ~UpstreamWait() {
        until_ = Steady::now();
        record_.upstream_wait += std::chrono::duration_cast<microseconds>(until_ - from_);
    }
    UpstreamWait(UpstreamWait const&) = delete;
    UpstreamWait& operator=(UpstreamWait const&) = delete;

  private:
    UsageRecord& record_;
    Steady::time_point from_;
    Steady::time_point& until_;
};

class Relay {
  public:
    Relay(Exchange& x, Answer& answer) : x_(x), answer_(answer), frames_(answer.strip_usage) {}
    Relay(Relay const&) = delete;
    Relay& operator=(Relay const&) = delete;
    // However the relay ends, what the reader has seen is in the record.
    ~Relay() {
        if (!answer_.reader) return;
        meter(x_, answer_);
        note_times();
    }

    Async<> run() {
        begin();
        bool const whole = !answer_.upstream || answer_.upstream->complete();
        auto sent = co_await send_first(whole);
        if (!sent) co_return co_await client_left(std::move(sent).error());
        if (whole) {
            completed();
            co_return Result<void>{};
        }
        // A stream may live long: what only the attempt needed goes now.
        std::string{}.swap(answer_.held);  // assignment would keep the memory
        BlockVector<std::string_view>{}.swap(answer_.ready);
        std::exchange(answer_.headers, http::HeaderBlock{});
        release_body(x_);
        while (!ended_) {
            auto const after = co_await move_on();
            if (*after != After::go_on) co_return co_await end_early(*after);
        }
        co_return Result<void>{};
    }

  private:
    // How a step ended.
    enum class After : std::uint8_t { go_on, broke_off, client_left, blocked };

    // Those of this answer: several where its choices were fanned out.
    [[nodiscard]] std::span<AttemptRecord> attempts() noexcept {
        std::span const all{x_.record.attempts};
        return all.subspan(answer_.attempt, answer_.fan ? answer_.fan->size() : 1);
    }
    // meter() knows better of choices that had come to their end.
    void set_outcome(std::string_view outcome) {
        for (auto& each : attempts()) each.outcome = outcome;
    }

    // The answer was going on after attempt() had returned.
    void note_times() noexcept {
        auto const since_arrival = Steady::now() - x_.client.arrived_at();
        for (auto& each : attempts()) {
            each.total = std::chrono::duration_cast<microseconds>(since_arrival) - each.started;
        }
        auto& attempt = attempts().front();
        if (!answer_.streamed) return;
        attempt.chunks = answer_.contents + frames_.contents();
        if (frames_.contents() > 0) {
            attempt.chunk_time = std::chrono::duration_cast<microseconds>(last_content_at_ -
                                                                          answer_.first_content_at);
        }
    }

    void begin() {
        auto& record = x_.record;
        record.status = answer_.status;
        record.streamed = answer_.streamed;
        record.first_token =
            std::chrono::duration_cast<microseconds>(Steady::now() - x_.client.arrived_at());
        add_answer_headers(x_, answer_.headers);
        if (!record.error_code.empty()) {
            answer_.headers.add("x-sluice-error-origin", record.error_origin);
        }
        auto length = answer_.length;
        if (!length && !answer_.streamed && (!answer_.upstream || answer_.upstream->complete())) {
            length = first_bytes();
        }
        if (answer_.streamed) length.reset();  // frames may be stripped
        x_.client.set_write_deadline(x_.deadline);
        x_.client.begin(answer_.status, answer_.headers, length);
    }

    // A caller that takes its answer slowly holds the provider's stream: total bounds that too.
    static Error total_is_over() {
        return upstream_error(ErrorCode::upstream_timeout, Retry::no, 504,
                              "The answer took longer than the route allows.", "total");
    }

    [[nodiscard]] std::uint64_t first_bytes() const noexcept {
        std::uint64_t bytes = answer_.held.size();
        for (auto const piece : answer_.ready) bytes += piece.size();
        return bytes;
    }

    Async<> send_first(bool last) {
        if (!answer_.held.empty()) answer_.ready.insert(answer_.ready.begin(), answer_.held);
        co_return co_await x_.client.write(answer_.ready, last);
    }

    // One read from the provider, its frames to the caller. It waits in each stream: what is to be
    // done at an early end is elsewhere, so that its frame is small.
    Async<After> move_on() {
        if (x_.deadline.is_past()) co_return stop(After::broke_off, total_is_over());
        auto bytes = co_await read();
        if (!bytes) co_return stop(After::broke_off, std::move(bytes).error());
        bool const last = bytes->empty() || answer_.upstream->complete();
        if (auto taken = take(*bytes, last); !taken) {
            co_return stop(After::broke_off, std::move(taken).error());
        }
        if (answer_.guard && answer_.guard->has_blocked()) co_return After::blocked;
        ended_ = last;
        auto sent = co_await x_.client.write(frames_.pieces(), last);
        frames_.clear();
        if (!sent) co_return stop(After::client_left, std::move(sent).error());
        if (last) completed();
        co_return After::go_on;
    }

    After stop(After how, Error error) {
        problem_ = std::make_unique<Error>(std::move(error));
        return how;
    }

    Async<> end_early(After how) {
        if (how == After::blocked) return end_guarded();
        if (how == After::client_left) return client_left(std::move(*problem_));
        return broke_off(std::move(*problem_));
    }

    Async<std::string_view> read() {
        UpstreamWait const wait(x_.record, read_at_);
        co_return co_await answer_.upstream->read_some();
    }

    // Through the decoder and the reader; what may go on is in frames_ afterwards.
    Result<void> take(std::string_view bytes, bool last) {
        if (answer_.decoder) {
            decoded_.clear();
            auto inflated = answer_.decoder->feed(bytes, decoded_);
            if (inflated && last) inflated = answer_.decoder->finish();
            if (!inflated) return inflated;
            bytes = decoded_;
        }
        frames_.feeding(bytes);
        if (answer_.guarded_bytes) *answer_.guarded_bytes += bytes.size();
        auto const contents = frames_.contents();
        auto read = answer_.reader->feed(bytes, frames_);
        if (read && last) read = answer_.reader->finish(frames_);
        if (frames_.contents() != contents) {
            last_content_at_ = read_at_;
            if (answer_.contents == 0 && contents == 0) answer_.first_content_at = read_at_;
        }
        return read;
    }

    // A guard does not let the rest pass: the caller has been given a proper end of what has gone
    // out.
    Async<> end_guarded() {
        ended_ = true;
        auto const error = answer_.guard->error();
        set_outcome(to_string(error.code));
        note(x_, error);
        auto sent = co_await x_.client.write(frames_.pieces(), true);
        frames_.clear();
        if (x_.kept) co_await drain();
        set_outcome(to_string(error.code));
        answer_.upstream->close();
        co_return sent;
    }

    // The provider failed in mid-answer. What has gone out stays; the rest is an honest end.
    Async<> broke_off(Error error) {
        ended_ = true;
        answer_.upstream->close();
        set_outcome(to_string(error.code));
        auto const reason = x_.client.cancel().reason();
        if (reason == CancelReason::client_gone) co_return co_await client_left(std::move(error));
        if (reason != CancelReason::none) error = net::cancelled_error(x_.client.cancel());
        if (frames_.done() ||
            answer_.done) {  // all was said; only the end of the transfer is missing
            completed();
            co_return co_await x_.client.end();
        }
        if (!frames_.pieces().empty()) {
            auto const sent = co_await x_.client.write(frames_.pieces());
            if (!sent) co_return co_await client_left(sent.error());
        }
        co_return co_await refuse(x_, std::move(error));
    }

    // The caller has gone, or takes nothing any more.
    Async<> client_left(Error error) {
        bool const drained = x_.kept && answer_.upstream && answer_.reader;
        ended_ = true;
        set_outcome(to_string(error.code));
        if (drained) co_await drain();
        if (answer_.upstream) answer_.upstream->close();
        x_.record.error_code = to_string(error.code);
        x_.record.error_origin = to_string(error.origin);
        co_return error;
    }

    // on_disconnect drain: reads the rest for its usage, as long as the route's timeouts allow.
    Async<> drain() {
        for (auto& each : attempts()) each.drained = true;
        while (!answer_.upstream->complete() && !x_.deadline.is_past()) {
            auto bytes = co_await read();
            bool const last = bytes.ok() && (bytes->empty() || answer_.upstream->complete());
            bool const taken = bytes.ok() && take(*bytes, last).ok();
            frames_.clear();
            if (!taken) co_return Result<void>{};
            if (last) break;
        }
        if (answer_.upstream->complete() && !answer_.reader->fault()) set_outcome("answered");
        co_return Result<void>{};
    }

    void completed() {
        ended_ = true;
        x_.record.completed = true;
        if (!answer_.reader || !x_.record.error_code.empty()) return;
        if (auto const& fault = answer_.reader->fault()) {  // passed on as it came
            x_.record.completed = false;
            set_outcome(to_string(fault->code));
            note(x_, *fault);
        } else {
            set_outcome("answered");
        }
    }

    Exchange& x_;
    Answer& answer_;  // outlives the relay
    FrameCollector frames_;
    std::string decoded_;
    Steady::time_point read_at_{};          // when the last read from the provider ended
    Steady::time_point last_content_at_{};  // ... that brought a frame with content
    std::unique_ptr<Error> problem_;        // why it ends early
    bool ended_ = false;
};

}  // namespace

Async<> relay(Exchange& x, std::unique_ptr<Answer> answer) {
    Relay relay(x, *answer);
    co_return co_await relay.run();
}

}  // namespace sluice::engine
