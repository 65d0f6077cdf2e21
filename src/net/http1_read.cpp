// The reading half of a client connection: heads, bodies, and noticing that the client left.
#include <algorithm>
#include <cstring>
#include <sys/socket.h>

#include "base/log.hpp"
#include "base/turn_time.hpp"
#include "net/http1_connection.hpp"
#include "net/tls_server.hpp"

namespace sluice::net {
namespace {

RequestBounds to_bounds(ServerOptions const& options) {
    RequestBounds bounds;
    bounds.head_bytes_max = options.head_bytes_max;
    bounds.header_count_max = options.header_count_max;
    bounds.target_bytes_max = std::min(bounds.target_bytes_max, options.head_bytes_max);
    return bounds;
}

Error client_left() { return client_error(ErrorCode::client_closed, 499, "The caller went away."); }

Error body_too_late() {
    return client_error(ErrorCode::request_timeout, 408, "the request body did not arrive in time");
}

// What is reserved for a body at first; doubled while it grows.
constexpr std::size_t body_step_bytes = 64 * 1024;

bool is_refused(BodyBudget* budget, std::size_t bytes) noexcept {
    return budget && bytes > 0 && !budget->take(bytes);
}

Error too_many_bodies() {
    auto error =
        gateway_error(ErrorCode::overloaded, 503,
                      "The gateway holds too many request bodies right now. Try again shortly.");
    error.retry_after_ms = 1000;
    return error;
}

// Fields of the head being parsed, before they move to the connection's own block.
thread_local std::vector<http::Field> parsed_fields_;

std::string_view moved(std::string_view view, std::string_view from, char const* to) {
    // Views outside the text are literals: they stay.
    bool const inside = view.data() >= from.data() && view.data() <= from.data() + from.size();
    return inside ? std::string_view{to + (view.data() - from.data()), view.size()} : view;
}

}  // namespace

Http1Connection::Http1Connection(WorkerImpl& worker, Stream stream,
                                 std::shared_ptr<ServerSide const> side, Peer peer)
    : worker_(worker), stream_(std::move(stream)), side_(std::move(side)), peer_(std::move(peer)) {
    worker_.hangups().add(*this, stream_.fd());
}

Http1Connection::~Http1Connection() {
    // Only when the worker ends under a request.
    if (in_flight_counted_) --worker_.counters().requests_in_flight;
    drop_head();
}

Async<> Http1Connection::accept_tls() {
    auto const deadline = in_turn(side_->options->head_timeout);
    auto waited = co_await wait_as_new(Interest::read, deadline);
    if (waited.value() != Wake::ready) co_return client_left();
    char first = 0;
    if (::recv(stream_.fd(), &first, 1, MSG_PEEK) == 1 && first != 0x16) {
        log::info("listener {}: {} sent no TLS handshake to a TLS port", side_->id, peer_.address);
        std::string_view const answer =
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 35\r\n"
            "Connection: close\r\n\r\nthis port speaks TLS: use https://\n";
        iovec const piece{const_cast<char*>(answer.data()), answer.size()};
        std::ignore = stream_.try_write({&piece, 1});
        co_return client_left();
    }
    auto* const ssl = static_cast<TlsServerContext const&>(*side_->tls).open();
    if (!ssl) co_return client_left();
    stream_.start_tls(ssl);
    for (;;) {
        auto const result = stream_.try_handshake();
        if (result.moved()) {
            peer_.certificate = client_subject(stream_.ssl());
            co_return Result<void>{};
        }
        if (!result.blocked()) {
            log::info("listener {}: TLS handshake with {} failed: {}", side_->id, peer_.address,
                      describe(result));
            co_return client_left();
        }
        waited = co_await wait_as_new(result.wants, deadline);
        if (waited.value() != Wake::ready) co_return client_left();
    }
}

Async<Http1Connection::HeadOutcome> Http1Connection::read_head() {
    auto const held = side_->options;  // a reload may replace it while this waits
    auto const& options = *held;
    RequestHeadScan scan{to_bounds(options)};
    auto state = scan.scan(input_.view());
    std::string_view received = input_.view();
    Deadline deadline = in_turn(options.keep_alive_idle);
    bool timing_head = false;
    bool is_last_call = false;  // the worker drains: what has been sent already is still served
    // Who connects speaks at once: mostly the request is there when the connection is.
    bool looks_first = requests_ == 0 && !stream_.is_tls();
    while (state == RequestHeadScan::State::more) {
        if (!timing_head && scan.has_begun()) {
            timing_head = true;
            deadline = in_turn(options.head_timeout);
        }
        // A request that has begun may still come to its end while the worker drains.
        bool const idle = !timing_head && !side_->inproc;
        Cancel& scope = idle && !is_last_call ? worker_.idle_scope() : worker_.exchange_scope();
        auto wake = Wake::ready;
        if (!std::exchange(looks_first, false)) {
            if (side_->inproc) worker_.inproc_idle(+1);
            wake = co_await stream_.wait(Interest::read, scope, deadline);
            if (side_->inproc) worker_.inproc_idle(-1);
        }
        if (wake == Wake::cancelled && idle && !is_last_call && worker_.draining()) {
            is_last_call = true;
            deadline = Deadline::in(last_call);
            if (requests_ == 0) continue;
        } else if (wake == Wake::timeout && timing_head) {
            ++worker_.counters().slow_heads;
            refuse_head(client_error(ErrorCode::request_timeout, 408,
                                     "the request head did not arrive in time"),
                        scan.target(input_.view()));
            co_return HeadOutcome::refused;
        } else if (wake != Wake::ready) {
            co_return HeadOutcome::closed;
        }
        auto const scratch = worker_.scratch();
        auto const result = stream_.try_read(scratch);
        if (result.blocked() && is_last_call && requests_ > 0) co_return HeadOutcome::closed;
        if (result.blocked()) continue;
        if (!result.moved()) co_return HeadOutcome::closed;
        received = {scratch.data(), result.bytes};
        if (!input_.is_empty()) {
            input_.append(received);
            received = input_.view();
        }
        state = scan.scan(received);
        // A head that came in pieces is kept; one that came whole is parsed where it was received.
        if (state == RequestHeadScan::State::more && input_.is_empty()) input_.append(received);
    }
    if (state == RequestHeadScan::State::failed) {
        if (scan.is_tls_hello()) {
            log::info("listener {}: {} sent a TLS handshake to a plain HTTP port", side_->id,
                      peer_.address);
        }
        refuse_head(scan.error(), scan.target(received));
        co_return HeadOutcome::refused;
    }
    auto const taken = take_head(received, scan);
    if (taken.ok()) co_return HeadOutcome::request;
    refuse_head(taken.error(), scan.target(received));
    co_return HeadOutcome::refused;
}

Result<void> Http1Connection::take_head(std::string_view received, RequestHeadScan const& scan) {
    auto const text = received.substr(scan.head_begin(), scan.head_end() - scan.head_begin());
    auto const parsed = parse_request_head(text, to_bounds(*side_->options), side_->base_path,
                                           parsed_fields_, head_);
    if (!parsed.ok()) return parsed;
    keep_head(text, parsed_fields_);
    if (input_.is_empty()) {
        input_.append(received.substr(scan.head_end()));
    } else {
        input_.consume(scan.head_end());
    }
    arrived_at_ = Steady::now();
    return {};
}

void Http1Connection::keep_head(std::string_view text, std::span<http::Field const> fields) {
    auto const fields_bytes = fields.size() * sizeof(http::Field);
    head_block_bytes_ = fields_bytes + text.size();
    head_block_ = static_cast<char*>(allocate_block(head_block_bytes_));
    char* const to = head_block_ + fields_bytes;
    std::memcpy(to, text.data(), text.size());
    auto* const kept = reinterpret_cast<http::Field*>(head_block_);
    for (std::size_t i = 0; i < fields.size(); ++i) {
        new (kept + i)
            http::Field{moved(fields[i].name, text, to), moved(fields[i].value, text, to)};
    }
    head_.method_text = moved(head_.method_text, text, to);
    head_.target = moved(head_.target, text, to);
    head_.path = moved(head_.path, text, to);
    head_.query = moved(head_.query, text, to);
    head_.headers = http::HeaderView{std::span<http::Field const>{kept, fields.size()}};
}

void Http1Connection::drop_head() noexcept {
    if (head_block_) free_block(head_block_, head_block_bytes_);
    head_block_ = nullptr;
    head_ = {};
}

void Http1Connection::refuse_head(Error error, std::string_view path) {
    refused_path_ = path.substr(0, path.find('?'));
    refusal_ = ErrorBox(std::move(error));
}

void Http1Connection::begin_exchange() {
    cancel_.emplace(worker_.exchange_scope());
    answer_ = Answer::none;
    framing_ = Framing::none;
    head_sent_ = false;
    bytes_sent_ = 0;
    length_left_ = 0;
    write_deadline_ = Deadline::never();
    body_waited_ = write_waited_ = {};
    taken_after_wait_ = 0;
    body_asked_ = false;
    body_read_ = !head_.has_body;
    closing_ = false;
    in_exchange_ = true;
    ++requests_;
    auto const most = side_->options->requests_per_connection_max;
    if (most != 0 && requests_ >= most) close_ = true;
    if (!side_->inproc) ++worker_.counters().requests_in_flight;
    in_flight_counted_ = !side_->inproc;
    if (fin_seen_ && side_->options->half_close_cancels) lose_client();
    watch_input();
}

Async<http::Body> Http1Connection::read_body(std::size_t bytes_max, Deadline deadline,
                                             BodyBudget* budget) {
    if (std::exchange(body_asked_, true) || !head_.has_body) {
        co_return http::Body::copy_of({});
    }
    if (!head_.chunked && head_.content_length > bytes_max) {
        co_return client_error(ErrorCode::body_too_large, 413,
                               "the request body is larger than the limit");
    }
    stream_.unwatch(Interest::read);
    if (head_.expects_continue && input_.is_empty()) {
        auto const sent = co_await send_continue();
        if (!sent.ok()) co_return fail_body(sent.error());
    }
    auto body = head_.chunked ? read_chunked_body(bytes_max, deadline, budget)
                              : read_sized_body(static_cast<std::size_t>(head_.content_length),
                                                deadline, budget);
    auto result = co_await body;
    if (!result.ok()) co_return fail_body(result.error());
    body_read_ = true;
    watch_input();
    co_return result;
}

Async<> Http1Connection::send_continue() {
    backlog_ = "HTTP/1.1 100 Continue\r\n\r\n";
    auto flushed = co_await flush_backlog();
    co_return flushed;
}

Async<http::Body> Http1Connection::read_sized_body(std::size_t length, Deadline deadline,
                                                   BodyBudget* budget) {
    auto const here = std::min(input_.size(), length);
    if (is_refused(budget, here)) co_return too_many_bodies();
    auto body = input_.take(here);
    while (body.size() < length) {
        // What was announced costs the client nothing: memory follows what has come.
        if (body.room() == 0 || body.size() == here) {
            body.reserve(std::min(length, std::max(body_step_bytes, 2 * body.size())));
        }
        auto const most = std::min(body.room(), length - body.size());
        auto const until = body_until(body.size(), deadline);
        auto const got = co_await read_into({body.tail(), most}, until);
        if (!got.ok()) co_return got.error();
        if (is_refused(budget, got.value())) co_return too_many_bodies();
        body.commit(got.value());
    }
    co_return body;
}

Async<http::Body> Http1Connection::read_chunked_body(std::size_t bytes_max, Deadline deadline,
                                                     BodyBudget* budget) {
    codec::ChunkedDecoder decoder;
    http::Body body = http::Body::copy_of({});
    bool too_large = false;
    auto const keep = [&](std::string_view piece) {
        too_large |= piece.size() > bytes_max - body.size();
        if (!too_large) body.append(piece);
    };
    for (;;) {
        auto const held = input_.view();
        auto const before = body.size();
        auto const fed = decoder.feed(held, keep);
        if (too_large) {
            co_return client_error(ErrorCode::body_too_large, 413,
                                   "the request body is larger than the limit");
        }
        if (is_refused(budget, body.size() - before)) co_return too_many_bodies();
        if (fed.state == codec::ChunkedDecoder::State::failed) {
            co_return client_error(ErrorCode::invalid_request, 400, "the chunked body is malformed",
                                   std::string{decoder.reason()});
        }
        input_.consume(fed.consumed);
        if (fed.state == codec::ChunkedDecoder::State::done) co_return body;
        auto const until = body_until(body.size(), deadline);
        auto const got = co_await read_into(worker_.scratch(), until);
        if (!got.ok()) co_return got.error();
        input_.append({worker_.scratch().data(), got.value()});
    }
}

Async<std::size_t> Http1Connection::read_into(std::span<char> into, Deadline whole) {
    for (;;) {
        auto const result = stream_.try_read(into);
        if (result.moved()) co_return result.bytes;
        if (!result.blocked()) {
            lose_client();
            co_return client_left();
        }
        auto wake = Wake::timeout;
        if (!whole.is_past()) {
            auto const from = Steady::now();
            auto const deadline = earlier(Deadline{from + side_->options->body_idle}, whole);
            wake = co_await stream_.wait(result.wants, *cancel_, deadline);
            body_waited_ += Steady::now() - from;
        }
        if (wake == Wake::timeout) {
            ++worker_.counters().slow_bodies;
            co_return body_too_late();
        }
        if (wake == Wake::cancelled) {
            bool const late = cancel_->reason() == CancelReason::deadline;
            co_return late ? body_too_late() : write_error(wake);
        }
    }
}

Deadline Http1Connection::body_until(std::size_t received, Deadline whole) const noexcept {
    auto const rate = side_->options->body_rate_min;
    if (rate == 0) return whole;
    auto const earned = milliseconds{static_cast<std::int64_t>(received) * 1000 / rate};
    return earlier(whole, Deadline{arrived_at_ + side_->options->body_idle + earned});
}

Error Http1Connection::fail_body(Error error) {
    close_ = true;
    watch_input();
    return error;
}

void Http1Connection::watch_input() noexcept {
    if (!stream_.is_tls() || gone_ || !in_exchange_) return;
    if (stream_.has_pending()) {
        read_ahead();
    } else if (input_.size() < side_->options->input_bytes_max) {
        stream_.watch(Interest::read, *this);
    }
}

void Http1Connection::read_ahead() noexcept {
    for (;;) {
        auto const held = input_.size();
        auto const most = side_->options->input_bytes_max;
        if (held >= most) return;  // HangupWatch still sees a FIN
        auto const scratch = worker_.scratch();
        auto const result = stream_.try_read(scratch.first(std::min(scratch.size(), most - held)));
        if (result.moved()) {
            input_.append({scratch.data(), result.bytes});
            continue;
        }
        if (result.blocked()) {
            // Also when OpenSSL wants to write (a key update): the next write sends that, and the
            // write side may be waited for by the answer.
            stream_.watch(Interest::read, *this);
        } else if (result.kind != IoResult::Kind::eof || side_->options->half_close_cancels) {
            lose_client();
        }
        return;
    }
}

void Http1Connection::on_ready(Interest) noexcept {
    if (in_exchange_) read_ahead();
}

void Http1Connection::on_hangup(bool whole) noexcept {
    fin_seen_ = true;
    if (in_exchange_ && (whole || side_->options->half_close_cancels)) lose_client();
}

void Http1Connection::lose_client() noexcept {
    gone_ = true;
    close_ = true;
    if (cancel_) cancel_->cancel(CancelReason::client_gone);
}

}  // namespace sluice::net
