#include "engine/fan_out.hpp"

#include <algorithm>

#include "net/cancelled.hpp"
#include "net/worker.hpp"

namespace sluice::engine {
namespace {

constexpr std::size_t held_bytes_max = 256 << 10;  // of one leg that nobody takes from

Error too_late() {
    return upstream_error(ErrorCode::upstream_timeout, Retry::same, 504,
                          "the provider did not answer in time", "fan out: idle");
}

}  // namespace

// Reads the legs [first, last) by turns.
class FanOut::Stream final : public net::UpstreamStream {
  public:
    Stream(std::shared_ptr<FanOut> fan, std::size_t first, std::size_t last, Cancel& cancel,
           dialect::FanIn* reader)
        : fan_(std::move(fan)),
          first_(first),
          last_(last),
          next_(first),
          cancel_(cancel),
          reader_(reader),
          idle_(fan_->timeouts_.idle) {}
    ~Stream() override { fan_->stop(); }

    [[nodiscard]] http::ResponseHead const& head() const noexcept override {
        return fan_->legs[first_].stream->head();
    }

    Async<std::string_view> read_some() override {
        auto const total = fan_->timeouts_.total;
        auto const until =
            idle_ > Steady::duration::zero() ? earlier(total, Deadline::in(idle_)) : total;
        for (;;) {
            if (complete()) co_return std::string_view{};
            if (auto const* error = broken()) co_return Error{*error};
            if (find_next()) {
                auto taken = take();
                if (!taken || !taken->empty()) co_return taken;
                continue;
            }
            auto const woken = co_await fan_->changed_.wait(cancel_, until);
            if (woken == Wake::timeout) co_return too_late();
            if (woken == Wake::cancelled) co_return net::cancelled_error(cancel_);
        }
    }

    void set_idle(Steady::duration idle) noexcept override { idle_ = idle; }
    [[nodiscard]] bool complete() const noexcept override {
        if (reader_ && reader_->fault()) return true;
        for (auto at = first_; at < last_; ++at) {
            auto const& leg = fan_->legs[at];
            if (!leg.ended || leg.error || leg.decoder || !leg.bytes.empty()) return false;
        }
        return true;
    }
    [[nodiscard]] bool reused() const noexcept override { return false; }
    [[nodiscard]] Steady::duration connect_time() const noexcept override {
        return fan_->legs[first_].stream->connect_time();
    }
    void close() noexcept override { fan_->stop(); }

  private:
    // What has come of it before is told first.
    [[nodiscard]] Error const* broken() const noexcept {
        for (auto at = first_; at < last_; ++at) {
            auto const& leg = fan_->legs[at];
            if (leg.error && leg.bytes.empty()) return &*leg.error;
        }
        return nullptr;
    }

    bool find_next() noexcept {
        for (auto turn = first_; turn < last_; ++turn) {
            next_ = next_ + 1 < last_ ? next_ + 1 : first_;
            auto const& leg = fan_->legs[next_];
            if (!leg.bytes.empty() || (leg.ended && leg.decoder)) return true;
        }
        return false;
    }

    Result<std::string_view> take() {
        auto& leg = fan_->legs[next_];
        if (reader_) reader_->turn_to(next_);
        out_.clear();
        if (!leg.decoder) {
            out_.swap(leg.bytes);
        } else {
            auto inflated = leg.decoder->feed(leg.bytes, out_);
            leg.bytes.clear();
            if (inflated && leg.ended) {
                inflated = leg.decoder->finish();
                leg.decoder.reset();
            }
            if (!inflated) return std::move(inflated).error();
        }
        leg.room.notify();
        return std::string_view{out_};
    }

    std::shared_ptr<FanOut> fan_;
    std::size_t first_, last_, next_;
    Cancel& cancel_;
    dialect::FanIn* reader_;  // null: of one leg
    Steady::duration idle_;
    std::string out_;
};

void FanOut::start(net::Endpoint const& endpoint, net::UpstreamTimeouts const& timeouts) {
    endpoint_ = endpoint;
    timeouts_ = timeouts;
    for (std::size_t at = 0; at < legs.size(); ++at) {
        net::Worker::current().spawn("fan_out", pump(shared_from_this(), at));
    }
}

Async<> FanOut::pump(std::shared_ptr<FanOut> self, std::size_t at) {
    auto& leg = self->legs[at];
    auto& client = net::Worker::current().upstreams();
    auto sent = co_await client.send(self->endpoint_, leg.request, self->timeouts_, leg.cancel);
    leg.head_at = Steady::now();
    if (sent) {
        leg.stream = std::move(*sent);
        leg.stream->set_idle({});  // Stream bounds the wait for any of them
    } else {
        leg.error = std::move(sent).error();
    }
    self->changed_.notify();
    while (!leg.error && !leg.stream->complete()) {
        if (leg.bytes.size() >= held_bytes_max) {
            auto const woken = co_await leg.room.wait(leg.cancel);
            if (woken != Wake::ready) leg.error = net::cancelled_error(leg.cancel);
            continue;
        }
        auto bytes = co_await leg.stream->read_some();
        if (!bytes) {
            leg.error = std::move(bytes).error();
        } else if (bytes->empty()) {
            break;
        } else {
            leg.bytes += *bytes;
            self->changed_.notify();
        }
    }
    leg.ended = true;
    self->changed_.notify();
    co_return Result<void>{};
}

Async<std::size_t> FanOut::heads(Cancel& cancel) {
    for (;;) {
        bool is_waiting = false;
        for (std::size_t at = 0; at < legs.size(); ++at) {
            // What broke off after its head is the reader's to find.
            bool const has_failed = legs[at].error && !legs[at].stream;
            if (has_failed || legs[at].is_refused()) co_return at;
            is_waiting = is_waiting || !legs[at].stream;
        }
        if (!is_waiting) co_return legs.size();
        auto const woken = co_await changed_.wait(cancel);
        if (woken != Wake::ready) co_return net::cancelled_error(cancel);
    }
}

Result<std::unique_ptr<net::UpstreamStream>> FanOut::all(Cancel& cancel, dialect::FanIn& reader,
                                                         std::uint64_t plain_bytes_max) {
    for (auto& leg : legs) {
        auto const coding = leg.stream->head().headers.get("content-encoding");
        auto decoder = codec::open_decoder(coding, plain_bytes_max);
        if (!decoder) {
            return upstream_error(ErrorCode::upstream_bad_response, Retry::same, 502,
                                  "The provider's answer could not be read.",
                                  "unknown content-encoding");
        }
        leg.decoder = std::move(*decoder);
    }
    return std::unique_ptr<net::UpstreamStream>{
        std::make_unique<Stream>(shared_from_this(), 0, legs.size(), cancel, &reader)};
}

std::unique_ptr<net::UpstreamStream> FanOut::only(std::size_t leg, Cancel& cancel) {
    return std::make_unique<Stream>(shared_from_this(), leg, leg + 1, cancel, nullptr);
}

// A stream that has come to its end keeps its connection.
void FanOut::stop() noexcept {
    for (auto& leg : legs) {
        if (!leg.ended) leg.cancel.cancel(CancelReason::superseded);
    }
}

}  // namespace sluice::engine
