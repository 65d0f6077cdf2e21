#include "engine/attempt.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

#include "base/log.hpp"
#include "codec/json_walk.hpp"
#include "engine/frame_collector.hpp"
#include "engine/guarding.hpp"
#include "engine/header_policy.hpp"
#include "engine/intake.hpp"
#include "engine/lane.hpp"
#include "engine/metering.hpp"
#include "engine/snapshot.hpp"
#include "engine/tracing.hpp"
#include "engine/worker_context.hpp"
#include "net/cancelled.hpp"
#include "net/server_stream.hpp"
#include "net/worker.hpp"

namespace sluice::engine {
namespace {

constexpr std::size_t error_body_bytes_max = 64 << 10;
constexpr std::int64_t throttled_ms = 1000;

// What attempt() and its parts share.
struct Try {
    Exchange& x;
    Codec const& codec;
    Target const& target;
    provider::Credential const* credential;
    std::size_t index;  // of the AttemptRecord

    [[nodiscard]] AttemptRecord& record() const { return x.record.attempts[index]; }
};

Outcome failed(Try const& t, Error error) {
    auto& record = t.record();
    record.outcome = to_string(error.code);
    record.error_detail = error.detail.empty() ? error.message : error.detail;
    Outcome outcome;
    outcome.error = std::move(error);
    return outcome;
}

// A provider that throttles or refuses a credential: benched, and said by name.
void judge_credential(Try const& t, Error& error) {
    if (!t.credential) return;
    auto const now = Steady::now();
    auto const& name = t.target.provider->name;
    if (error.code == ErrorCode::upstream_auth) {
        auto const length = t.credential->health->refuse(now);
        log::warn("credential {}/{} was refused by the provider ({}): benched for {} s", name,
                  t.credential->name, t.record().status,
                  std::chrono::duration_cast<seconds>(length).count());
    } else if (error.code == ErrorCode::upstream_rate_limited) {
        if (error.retry_after_ms == 0) error.retry_after_ms = throttled_ms;  // it did not say
        auto const wait = error.retry_after_ms;
        t.credential->health->bench(now + milliseconds{wait});
        log::info("credential {}/{} is rate limited: benched for {} ms", name, t.credential->name,
                  wait);
    }
}

// The next read may take until `until` at most, and never longer than the route's idle time.
void bound_wait(Try const& t, net::UpstreamStream& upstream, Deadline until) {
    auto const idle = t.x.route->timeout.idle;
    auto const left = std::max<Steady::duration>(until.at() - Steady::now(), milliseconds{1});
    upstream.set_idle(std::min(idle, left));
}

// Reads a non-2xx answer whole (bounded) and classifies it.
Async<Outcome> read_refusal(Try const& t, std::unique_ptr<net::UpstreamStream> upstream) {
    auto const status = upstream->head().status;
    auto const wall_s = std::chrono::duration_cast<seconds>(Wall::now().time_since_epoch()).count();
    auto const wait_ms = retry_after_ms(upstream->head().headers, wall_s);
    auto decoder =
        codec::open_decoder(upstream->head().headers.get("content-encoding"), error_body_bytes_max);
    std::string body;
    bool whole = decoder.ok();
    auto const until = Deadline::in(t.x.route->timeout.first_byte);
    while (whole) {
        bound_wait(t, *upstream, until);
        auto bytes = co_await upstream->read_some();
        if (!bytes || bytes->size() > error_body_bytes_max - body.size()) {
            whole = false;
        } else if (bytes->empty()) {
            break;
        } else if (*decoder) {
            whole = (*decoder)->feed(*bytes, body).ok() && body.size() <= error_body_bytes_max;
        } else {
            body += *bytes;
        }
    }
    if (upstream_cancel(t.x).cancelled()) {
        co_return failed(t, net::cancelled_error(upstream_cancel(t.x)));
    }
    Error error =
        t.target.provider->dialect->read_error(status, whole ? std::string_view{body} : "");
    error.retry_after_ms = wait_ms;
    judge_credential(t, error);
    // The provider's words about this request; those about our account stay here.
    bool const showable = whole && !is_translated(t.x, t.target) && status >= 400 && status < 500 &&
                          status != 403 && error.code == ErrorCode::upstream_rejected &&
                          codec::is_json(body);
    Outcome outcome = failed(t, std::move(error));
    if (!showable) co_return outcome;
    outcome.answer = std::make_unique<Answer>();
    outcome.answer->status = status;
    forward_answer_headers(upstream->head().headers, outcome.answer->headers,
                           t.target.provider->is_mock);
    outcome.answer->length = body.size();
    outcome.answer->held = std::move(body);
    outcome.answer->attempt = t.index;
    co_return outcome;
}

bool is_event_stream(http::HeaderView headers) noexcept {
    constexpr std::string_view type = "text/event-stream";
    auto const value = headers.get("content-type");
    return value.size() >= type.size() && http::iequals(value.substr(0, type.size()), type);
}

// What the first bytes prove: nothing yet, an answer, or a failure.
enum class Verdict { more, speaks, fault };

Error fault_of(AnswerReader const& reader) {
    if (reader.fault()) return *reader.fault();
    return upstream_error(ErrorCode::upstream_bad_response, Retry::same, 502,
                          "The provider's answer could not be read.");
}

// Feeds one read to the reader. `first`, `ended`: nothing came before, nothing more comes.
Result<Verdict> feed(Answer& answer, FrameCollector& frames, std::string_view bytes, bool first,
                     bool ended, std::string& decoded) {
    if (answer.decoder) {
        decoded.clear();
        auto inflated = answer.decoder->feed(bytes, decoded);
        if (inflated && ended) inflated = answer.decoder->finish();
        if (!inflated) return std::move(inflated).error();
        bytes = decoded;
    }
    frames.feeding(bytes);
    auto read = first && ended ? answer.reader->read_whole(bytes, frames)
                               : answer.reader->feed(bytes, frames);
    if (read && ended && !first) read = answer.reader->finish(frames);
    if (answer.guard && answer.guard->has_blocked()) return Verdict::fault;
    if (answer.reader->fault() && !frames.spoke()) return Verdict::fault;
    if (!read) return std::move(read).error();
    if (frames.spoke() && (answer.streamed || ended)) return Verdict::speaks;
    if (ended) return Verdict::fault;
    return Verdict::more;
}

// A 200 that went wrong has been worked on: what was used is noted, or estimated.
Outcome broken(Try const& t, Answer const& answer, Error error) {
    meter(t.x, t.index, *answer.reader);
    return failed(t, std::move(error));
}

// Reads until the answer speaks, bounded by peek_bytes and peek_time.
Async<Outcome> peek(Try const& t, std::unique_ptr<Answer> holder) {
    auto& answer = *holder;
    auto const& snapshot = t.x.snapshot;
    auto const limit = snapshot.peek_time > Steady::duration::zero()
                           ? snapshot.peek_time
                           : t.x.route->timeout.first_byte;
    // A whole answer that is translated or guarded speaks at its end only.
    bool const is_whole = (is_translated(t.x, t.target) || answer.guard) && !answer.streamed;
    auto const until = is_whole ? t.x.deadline : Deadline::in(limit);
    FrameCollector frames(answer.strip_usage);
    std::string decoded;
    std::size_t seen = 0;
    for (;;) {
        if (!frames.spoke()) bound_wait(t, *answer.upstream, until);
        auto bytes = co_await answer.upstream->read_some();
        if (!bytes) co_return broken(t, answer, std::move(bytes).error());
        if (is_whole && !hold_bytes(t.x, static_cast<std::int64_t>(bytes->size()))) {
            co_return broken(t, answer, holds_too_much());
        }
        bool const first = seen == 0;
        seen += bytes->size();
        auto const verdict =
            feed(answer, frames, *bytes, first, answer.upstream->complete(), decoded);
        if (!verdict) co_return broken(t, answer, verdict.error());
        if (*verdict == Verdict::fault && answer.guard && answer.guard->has_blocked()) {
            co_return broken(t, answer, answer.guard->error());
        }
        if (*verdict == Verdict::fault) {
            auto error = fault_of(*answer.reader);
            judge_credential(t, error);
            co_return failed(t, std::move(error));
        }
        if (frames.spoke()) answer.upstream->set_idle(t.x.route->timeout.idle);
        // Whole frames that say nothing are bounded here; one still coming, by frame_bytes_max.
        bool const is_far = answer.held.size() + frames.bytes() >= snapshot.peek_bytes;
        bool const is_late = until.is_past();
        if (*verdict == Verdict::speaks || (frames.spoke() && (is_far || is_late))) break;
        frames.move_to(answer.held);
        if (is_far || is_late) {
            co_return broken(t, answer,
                             upstream_error(ErrorCode::upstream_timeout, Retry::same, 504,
                                            "The provider did not begin its answer in time.",
                                            "no content within peek_ms or peek_bytes"));
        }
    }
    answer.done = frames.done();
    if (answer.streamed && frames.contents() > 0) answer.first_content_at = Steady::now();
    answer.contents = frames.contents();
    if (answer.decoder || frames.has_copies()) {
        frames.move_to(answer.held);  // `decoded` and the copies die here
    } else {
        answer.ready = std::move(frames.pieces());
    }
    Outcome outcome;
    outcome.answer = std::move(holder);
    co_return outcome;
}

Async<Outcome> read_answer(Try const& t, std::unique_ptr<net::UpstreamStream> upstream) {
    auto const& head = upstream->head();
    bool const streamed = is_event_stream(head.headers);
    // A stream is not held, so it has no size; what comes out of each byte is bounded all the same.
    std::uint64_t const plain_bytes_max =
        streamed ? std::numeric_limits<std::int64_t>::max() : t.x.snapshot.response_bytes_max;
    auto decoder = codec::open_decoder(head.headers.get("content-encoding"), plain_bytes_max);
    if (!decoder) {
        co_return failed(t, upstream_error(ErrorCode::upstream_bad_response, Retry::same, 502,
                                           "The provider's answer could not be read.",
                                           "unknown content-encoding"));
    }
    auto answer = std::make_unique<Answer>();
    bool const translated = is_translated(t.x, t.target);
    answer->status = head.status;
    answer->streamed = translated ? t.x.facts.stream : streamed;
    answer->decoder = std::move(decoder).value();
    if (head.has_length && !answer->decoder && !translated) answer->length = head.content_length;
    answer->strip_usage = answer->streamed && !translated && !t.x.facts.wants_usage;
    answer->attempt = t.index;
    forward_answer_headers(head.headers, answer->headers, t.target.provider->is_mock, !translated);
    if (translated) {
        answer->headers.add("content-type", answer->streamed ? "text/event-stream; charset=utf-8"
                                                             : "application/json");
    }
    answer->reader = open_reader(t.x, t.codec, t.target, streamed);
    if (guards_answer(t.x, t.codec)) {
        auto guard = guard_answer(t.x, t.codec, std::move(answer->reader), answer->streamed);
        answer->guard = guard.get();
        answer->reader = std::move(guard);
        answer->length.reset();
    }
    answer->upstream = std::move(upstream);
    co_return co_await peek(t, std::move(answer));
}

}  // namespace

Async<Outcome> attempt(Exchange& x, Codec const& codec, Target const& target,
                       provider::Credential const* credential) {
    auto const started = Steady::now();
    Try const t{x, codec, target, credential, x.record.attempts.size()};
    auto const& model = target.model.empty() ? x.facts.model : target.model;
    auto& record = x.record.attempts.emplace_back();
    record.provider = target.provider->name;
    x.record.mock = target.provider->is_mock;
    record.model = model;
    if (credential) record.credential = credential->name;
    record.started = std::chrono::duration_cast<microseconds>(started - x.client.arrived_at());
    begin_attempt_trace(x, *target.provider, record);

    Outgoing outgoing;
    auto written = write_outgoing(x, codec, target, credential, model, outgoing);
    if (!written) co_return failed(t, std::move(written).error());
    add_trace_headers(x, t.record(), outgoing.request.headers);
    net::UpstreamTimeouts const timeouts{x.route->timeout.connect, x.route->timeout.first_byte,
                                         x.route->timeout.idle, x.deadline};
    auto& client = net::Worker::current().upstreams();
    auto upstream = co_await client.send(target.provider->endpoint, outgoing.request, timeouts,
                                         upstream_cancel(x));
    Outcome outcome;
    if (!upstream) {
        outcome = failed(t, std::move(upstream).error());
    } else {
        auto& sent = t.record();
        sent.status = (*upstream)->head().status;
        sent.connect = std::chrono::duration_cast<microseconds>((*upstream)->connect_time());
        sent.first_byte = std::chrono::duration_cast<microseconds>(Steady::now() - started);
        bool const good = sent.status >= 200 && sent.status < 300;
        auto read =
            good ? read_answer(t, std::move(*upstream)) : read_refusal(t, std::move(*upstream));
        outcome = (co_await read).value();
    }
    if (outcome.error && outcome.error->code == ErrorCode::client_closed) {
        t.record().estimated = true;  // it may have been worked on: what was sent is what we know
        t.record().usage.input = estimated_tokens(x.prompt_bytes);
    }
    if (!outcome.error && credential) credential->health->accept();
    auto const spent = std::chrono::duration_cast<microseconds>(Steady::now() - started);
    t.record().total = spent;
    x.record.upstream_wait += spent;
    co_return outcome;
}

}  // namespace sluice::engine
