#include "engine/attempt.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

#include "base/log.hpp"
#include "base/turn_time.hpp"
#include "codec/json_walk.hpp"
#include "engine/fan_out.hpp"
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
    outcome.status = record.status;
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
    auto const left = std::max<Steady::duration>(until.at() - turn_time(), milliseconds{1});
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
    auto const until = in_turn(t.x.route->timeout.first_byte);
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
    if (answer.guarded_bytes) *answer.guarded_bytes += bytes.size();
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
    meter(t.x, answer);
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
    auto const until = is_whole ? t.x.deadline : in_turn(limit);
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
            if (answer.fan) meter(t.x, answer);  // the others may have been worked on
            judge_credential(t, error);
            co_return failed(t, std::move(error));
        }
        if (frames.spoke()) answer.upstream->set_idle(t.x.route->timeout.idle);
        // Whole frames that say nothing are bounded here; one still coming, by frame_bytes_max.
        bool const is_far = answer.held.size() + frames.bytes() >= snapshot.peek_bytes;
        if (*verdict == Verdict::speaks || (frames.spoke() && is_far)) break;
        bool const is_late = until.is_past();
        if (frames.spoke() && is_late) break;
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

// Of an answer that is made here.
std::string_view content_type_of(Answer const& answer) noexcept {
    return answer.streamed ? "text/event-stream; charset=utf-8" : "application/json";
}

void add_guard(Try const& t, Answer& answer) {
    if (!guards_answer(t.x, t.codec)) return;
    auto guard = guard_answer(t.x, t.codec, std::move(answer.reader), answer.streamed,
                              answer.length.value_or(0));
    answer.guard = guard.get();
    answer.guarded_bytes = &t.x.record.guarded_out;
    answer.reader = std::move(guard);
    answer.length.reset();
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
    if (translated) answer->headers.add("content-type", content_type_of(*answer));
    answer->reader = open_reader(t.x, t.codec, t.target, streamed);
    add_guard(t, *answer);
    answer->upstream = std::move(upstream);
    co_return co_await peek(t, std::move(answer));
}

// All have good heads.
Async<Outcome> read_fanned(Try const& t, FanOut& fan) {
    auto answer = std::make_unique<Answer>();
    std::vector<bool> are_streams;
    for (auto const& leg : fan.legs) {
        are_streams.push_back(is_event_stream(leg.stream->head().headers));
    }
    auto reader = open_fan_in(t.x, t.codec, t.target, are_streams);
    answer->streamed = t.x.facts.stream;
    auto upstream = fan.all(upstream_cancel(t.x), *reader,
                            answer->streamed ? std::numeric_limits<std::int64_t>::max()
                                             : t.x.snapshot.response_bytes_max);
    if (!upstream) co_return failed(t, std::move(upstream).error());
    auto const& head = (*upstream)->head();
    answer->status = head.status;
    answer->attempt = t.index;
    forward_answer_headers(head.headers, answer->headers, t.target.provider->is_mock, false);
    answer->headers.add("content-type", content_type_of(*answer));
    answer->fan = reader.get();
    answer->reader = std::move(reader);
    add_guard(t, *answer);
    answer->upstream = std::move(*upstream);
    co_return co_await peek(t, std::move(answer));
}

AttemptRecord& begin_record(Try const& t, std::string const& model, Steady::time_point started) {
    auto& x = t.x;
    auto& record = x.record.attempts.emplace_back();
    record.provider = t.target.provider->name;
    record.model = model;
    if (t.credential) record.credential = t.credential->name;
    record.started = std::chrono::duration_cast<microseconds>(started - x.client.arrived_at());
    begin_attempt_trace(x, *t.target.provider, record);
    return record;
}

net::UpstreamTimeouts timeouts_of(Exchange const& x) noexcept {
    return {x.route->timeout.connect, x.route->timeout.first_byte, x.route->timeout.idle,
            x.deadline};
}

// What is known of each leg by now.
void note_heads(Try const& t, FanOut const& fan, Steady::time_point started) {
    for (std::size_t at = 0; at < fan.legs.size(); ++at) {
        auto const& leg = fan.legs[at];
        if (!leg.stream) continue;
        auto& record = t.x.record.attempts[t.index + at];
        record.status = leg.stream->head().status;
        record.connect = std::chrono::duration_cast<microseconds>(leg.stream->connect_time());
        record.first_byte = std::chrono::duration_cast<microseconds>(leg.head_at - started);
    }
}

// One has failed, and all with it: what the others may have used is noted.
void note_abandoned(Try const& t, FanOut const& fan) {
    for (std::size_t at = 0; at < fan.legs.size(); ++at) {
        auto const& leg = fan.legs[at];
        auto& record = t.x.record.attempts[t.index + at];
        if (record.outcome.empty()) {
            record.outcome = leg.error ? to_string(leg.error->code) : "superseded";
        }
        bool const is_known = record.usage.reported || record.usage.input > 0;
        if (is_known || leg.is_refused() || !leg.was_sent()) continue;
        record.estimated = true;
        record.usage.input = estimated_tokens(t.x.prompt_bytes);
    }
}

// The request is sent once for each choice.
Async<Outcome> attempt_fanned(Try const& t, std::string const& model, std::uint32_t requests,
                              Steady::time_point started) {
    auto& x = t.x;
    auto const fan = std::make_shared<FanOut>();
    auto written = write_outgoing(x, t.codec, t.target, t.credential, model, fan->outgoing);
    if (!written) co_return failed(t, std::move(written).error());
    for (std::uint32_t at = 0; at < requests; ++at) {
        if (at > 0) begin_record(t, model, started).is_sibling = true;
        auto& request = fan->legs.emplace_back().request;
        request = fan->outgoing.request;
        add_trace_headers(x, x.record.attempts.back(), request.headers);
    }
    fan->start(t.target.provider->endpoint, timeouts_of(x));
    auto const first_bad = co_await fan->heads(upstream_cancel(x));
    note_heads(t, *fan, started);
    Outcome outcome;
    if (!first_bad) {
        outcome = failed(t, first_bad.error());
    } else if (*first_bad == fan->legs.size()) {
        outcome = (co_await read_fanned(t, *fan)).value();
    } else {
        auto const& leg = fan->legs[*first_bad];
        Try const bad{x, t.codec, t.target, t.credential, t.index + *first_bad};
        if (leg.stream) {
            auto read = read_refusal(bad, fan->only(*first_bad, upstream_cancel(x)));
            outcome = (co_await read).value();
        } else {
            outcome = failed(bad, Error{*leg.error});
        }
    }
    if (!outcome.error) co_return outcome;
    note_abandoned(t, *fan);
    fan->stop();
    co_return outcome;
}

// The request is sent as it is.
Async<Outcome> attempt_one(Try const& t, std::string const& model, Steady::time_point started) {
    auto& x = t.x;
    Outgoing outgoing;
    auto written = write_outgoing(x, t.codec, t.target, t.credential, model, outgoing);
    if (!written) co_return failed(t, std::move(written).error());
    add_trace_headers(x, t.record(), outgoing.request.headers);
    auto const timeouts = timeouts_of(x);
    auto& client = net::Worker::current().upstreams();
    auto upstream = co_await client.send(t.target.provider->endpoint, outgoing.request, timeouts,
                                         upstream_cancel(x));
    if (!upstream) co_return failed(t, std::move(upstream).error());
    auto& sent = t.record();
    sent.status = (*upstream)->head().status;
    sent.connect = std::chrono::duration_cast<microseconds>((*upstream)->connect_time());
    sent.first_byte = std::chrono::duration_cast<microseconds>(Steady::now() - started);
    bool const good = sent.status >= 200 && sent.status < 300;
    auto read = good ? read_answer(t, std::move(*upstream)) : read_refusal(t, std::move(*upstream));
    co_return co_await read;
}

}  // namespace

Async<Outcome> attempt(Exchange& x, Codec const& codec, Target const& target,
                       provider::Credential const* credential) {
    auto const started = Steady::now();
    Try const t{x, codec, target, credential, x.record.attempts.size()};
    auto const& model = target.model.empty() ? x.facts.model : target.model;
    x.record.mock = target.provider->is_mock;
    begin_record(t, model, started);
    auto const requests = requests_of(x, target);
    auto made =
        requests > 1 ? attempt_fanned(t, model, requests, started) : attempt_one(t, model, started);
    auto outcome = (co_await made).value();
    if (outcome.error && outcome.error->code == ErrorCode::client_closed) {
        t.record().estimated = true;  // it may have been worked on: what was sent is what we know
        t.record().usage.input = estimated_tokens(x.prompt_bytes);
    }
    if (!outcome.error && credential) credential->health->accept();
    auto const spent = std::chrono::duration_cast<microseconds>(Steady::now() - started);
    for (auto at = t.index; at < x.record.attempts.size(); ++at) {
        x.record.attempts[at].total = spent;
    }
    x.record.upstream_wait += spent;
    co_return outcome;
}

}  // namespace sluice::engine
