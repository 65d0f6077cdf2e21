// The writing half of a client connection: whole answers, streamed answers, aborts, lingering
// close.
#include <algorithm>
#include <charconv>
#include <limits.h>

#include "base/log.hpp"
#include "net/cancelled.hpp"
#include "net/http1_connection.hpp"
#include "net/send_turn.hpp"

namespace sluice::net {
namespace {

constexpr auto linger_max = seconds{2};
constexpr std::size_t linger_bytes_max = 16 * 1024 * 1024;
constexpr std::size_t gathered_bytes_max = 8 * 1024;  // of an answer that is copied to wait

// Reused per thread and never held over a suspension: the head being written, the list of pieces.
thread_local BlockText head_text_;
thread_local std::vector<iovec> gather_;

void gather(std::string_view piece) {
    if (piece.empty()) return;
    gather_.push_back({const_cast<char*>(piece.data()), piece.size()});
}

std::span<iovec const> gathered() {
    return {gather_.data(), std::min<std::size_t>(gather_.size(), IOV_MAX)};
}

void append_number(BlockText& out, std::uint64_t value) {
    std::array<char, 20> digits;
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
}

// What of the gathered pieces lies behind the first `sent` bytes.
void append_unsent(BlockText& out, std::size_t sent) {
    for (auto const& piece : gather_) {
        auto const skip = std::min(sent, piece.iov_len);
        sent -= skip;
        out.append(static_cast<char const*>(piece.iov_base) + skip, piece.iov_len - skip);
    }
}

void release(BlockText& text) noexcept { BlockText{}.swap(text); }

std::size_t sum(std::span<std::string_view const> pieces) {
    std::size_t total = 0;
    for (auto const piece : pieces) total += piece.size();
    return total;
}

Error out_of_turn() {
    return gateway_error(ErrorCode::internal, 500, "internal error",
                         "an answer was written out of turn");
}

// The status line and what sluice itself adds to a head, about.
constexpr std::size_t own_lines_bytes = 160;

}  // namespace

bool Http1Connection::sends_body(std::uint16_t status) const noexcept {
    return head_.method != http::Method::head && status != 204 && status != 304;
}

bool Http1Connection::must_close() const noexcept {
    return close_ || !head_.keep_alive || !body_read_ || worker_.draining();
}

void Http1Connection::start_answer(BlockText& out, std::uint16_t status,
                                   http::HeaderBlock const& headers) {
    out.reserve(headers.wire().size() + own_lines_bytes);
    out.append("HTTP/1.1 ");
    append_number(out, status);
    out.push_back(' ');
    out.append(http::reason_phrase(status)).append("\r\n");
    out.append(worker_.date_line());
    out.append(headers.wire());
}

void Http1Connection::end_head(BlockText& out) {
    closing_ = must_close();
    if (closing_) {
        out.append("Connection: close\r\n");
    } else if (head_.version_minor == 0) {
        out.append("Connection: keep-alive\r\n");
    }
    out.append("\r\n");
}

Async<> Http1Connection::respond(std::uint16_t status, http::HeaderBlock const& headers,
                                 std::span<std::string_view const> body) {
    if (answer_ != Answer::none) co_return out_of_turn();
    if (gone_) co_return write_error(Wake::cancelled);
    answer_ = Answer::open;
    auto const body_bytes = sum(body);
    bool const with_body = sends_body(status);
    head_text_.clear();
    start_answer(head_text_, status, headers);
    if (status != 204 && status != 304) {
        head_text_.append("Content-Length: ");
        append_number(head_text_, body_bytes);
        head_text_.append("\r\n");
    }
    end_head(head_text_);
    gather_.clear();
    gather(head_text_);
    if (with_body) {
        for (auto const piece : body) gather(piece);
    }
    auto const result = stream_.try_write(gathered());
    if (!result.moved() && !result.blocked()) co_return write_error(result);
    auto const sent = result.bytes;
    if (sent > 0) head_sent_ = true;
    auto const total = head_text_.size() + (with_body ? body_bytes : 0);
    if (sent < total) {
        auto const head_left = sent < head_text_.size();
        auto rest = head_left ? head_text_.substr(sent) : BlockText{};
        auto const offset = head_left ? 0 : sent - head_text_.size();
        auto const pieces = with_body ? body : std::span<std::string_view const>{};
        auto sending = send_rest(std::move(rest), pieces, offset);
        auto const done = co_await sending;
        if (!done.ok()) co_return done.error();
    }
    head_sent_ = true;
    if (with_body) bytes_sent_ = body_bytes;
    answer_ = Answer::done;
    co_return Result<void>{};
}

// `body` from `offset` on, after `head`. The views outlive this (respond's contract): no copy.
Async<> Http1Connection::send_rest(BlockText head, std::span<std::string_view const> body,
                                   std::size_t offset) {
    for (;;) {
        gather_.clear();
        gather(head);
        auto skip = offset;
        for (auto const piece : body) {
            auto const cut = std::min(skip, piece.size());
            skip -= cut;
            gather(piece.substr(cut));
        }
        if (gather_.empty()) co_return Result<void>{};
        auto const result = stream_.try_write(gathered());
        if (result.moved()) {
            head_sent_ = true;
            note_taken(result.bytes);
            auto const of_head = std::min(result.bytes, head.size());
            head.erase(0, of_head);
            offset += result.bytes - of_head;
            continue;
        }
        if (!result.blocked()) co_return write_error(result);
        auto const deadline = begin_write_wait();
        auto const wake = co_await stream_.wait(result.wants, *cancel_, deadline);
        end_write_wait();
        if (wake != Wake::ready) co_return write_error(wake);
    }
}

// Time to wait is earned with bytes taken, on top of write_idle: a client that takes a byte now and
// then does not hold a provider's stream for ever. What the kernel's buffers swallow before the
// first wait earns nothing.
Deadline Http1Connection::begin_write_wait() noexcept {
    auto const& options = *side_->options;
    write_wait_from_ = Steady::now();
    auto const until = earlier(Deadline{write_wait_from_ + options.write_idle}, write_deadline_);
    if (options.write_rate_min == 0) return until;
    auto const earned =
        milliseconds{static_cast<std::int64_t>(taken_after_wait_ * 1000 / options.write_rate_min)};
    auto const left = options.write_idle + earned - write_waited_;
    return earlier(until, Deadline{write_wait_from_ + left});
}

void Http1Connection::end_write_wait() noexcept {
    write_waited_ += Steady::now() - write_wait_from_;
}

void Http1Connection::note_taken(std::size_t bytes) noexcept {
    if (write_waited_ > Steady::duration::zero()) taken_after_wait_ += bytes;
}

void Http1Connection::begin(std::uint16_t status, http::HeaderBlock const& headers,
                            std::optional<std::uint64_t> length) {
    if (answer_ != Answer::none) {
        log::error("an answer was begun twice");
        return;
    }
    answer_ = Answer::open;
    start_answer(pending_head_, status, headers);
    if (status == 204 || status == 304) {
        framing_ = Framing::none;
    } else if (length) {
        framing_ = Framing::length;
        length_left_ = *length;
        pending_head_.append("Content-Length: ");
        append_number(pending_head_, *length);
        pending_head_.append("\r\n");
    } else if (head_.version_minor == 0) {
        framing_ = Framing::until_close;
        close_ = true;
    } else {
        framing_ = Framing::chunked;
        pending_head_.append("Transfer-Encoding: chunked\r\n");
    }
    if (!sends_body(status)) framing_ = Framing::none;
    end_head(pending_head_);
}

// Of what is announced as `bytes` more.
Result<void> Http1Connection::check_length(std::size_t bytes, bool last) {
    if (framing_ != Framing::length) return {};
    if (bytes > length_left_ || (last && bytes < length_left_)) {
        abort();
        return gateway_error(ErrorCode::internal, 500, "internal error",
                             "an answer does not have the length it announced");
    }
    length_left_ -= bytes;
    return {};
}

Result<void> Http1Connection::send_now(std::span<std::string_view const> pieces, std::size_t bytes,
                                       bool last) {
    codec::ChunkHead const chunk{bytes};
    bool const chunked = framing_ == Framing::chunked;
    gather_.clear();
    gather(pending_head_);
    if (bytes > 0) {
        if (chunked) gather(chunk.view());
        for (auto const piece : pieces) gather(piece);
        if (chunked) gather(codec::chunk_end);
    }
    if (last && chunked) gather(codec::last_chunk);
    if (gather_.empty()) return {};
    auto const result = stream_.try_write(gathered());
    if (!result.moved() && !result.blocked()) return write_error(result);
    append_unsent(backlog_, result.bytes);
    if (result.bytes > 0) head_sent_ = true;
    if (!pending_head_.empty()) release(pending_head_);
    bytes_sent_ += bytes;
    return {};
}

// A small whole answer, together with what else this turn of the loop sends. It is copied: others
// use the scratch meanwhile.
Async<> Http1Connection::send_gathered(std::span<std::string_view const> pieces,
                                       std::size_t bytes) {
    std::swap(backlog_, pending_head_);
    if (bytes > 0) {
        for (auto const piece : pieces) backlog_.append(piece);
    }
    co_await SendTurn(worker_);
    if (aborted_ || gone_) co_return write_error(Wake::cancelled);
    auto const flushed = co_await flush_backlog();
    if (flushed.ok()) bytes_sent_ += bytes;
    co_return flushed;
}

Async<> Http1Connection::write(std::span<std::string_view const> pieces, bool last) {
    if (aborted_ || gone_) co_return write_error(Wake::cancelled);
    if (answer_ != Answer::open) co_return out_of_turn();
    auto const bytes = framing_ == Framing::none ? 0 : sum(pieces);
    if (auto fits = check_length(bytes, last); !fits.ok()) co_return fits;
    bool const is_whole = last && !pending_head_.empty() && framing_ != Framing::chunked;
    if (is_whole && bytes <= gathered_bytes_max && worker_.gathers_sends()) {
        auto const gathered = co_await send_gathered(pieces, bytes);
        if (!gathered.ok()) co_return gathered;
    } else {
        auto const sent = send_now(pieces, bytes, last);
        if (!sent.ok()) co_return sent;
    }
    if (!backlog_.empty()) {
        auto const flushed = co_await flush_backlog();
        if (!flushed.ok()) co_return flushed;
    }
    if (last) answer_ = Answer::done;
    co_return Result<void>{};
}

Async<> Http1Connection::end() {
    if (answer_ == Answer::done) co_return Result<void>{};
    auto const result = co_await write({}, true);
    co_return result;
}

Async<> Http1Connection::flush_backlog() {
    std::size_t sent = 0;
    Cancel& cancel = cancel_ ? *cancel_ : worker_.exchange_scope();
    while (sent < backlog_.size()) {
        iovec const rest{backlog_.data() + sent, backlog_.size() - sent};
        auto const result = stream_.try_write({&rest, 1});
        if (result.moved()) {
            sent += result.bytes;
            head_sent_ = true;
            note_taken(result.bytes);
            continue;
        }
        if (!result.blocked()) co_return write_error(result);
        auto const deadline = begin_write_wait();
        auto const wake = co_await stream_.wait(result.wants, cancel, deadline);
        end_write_wait();
        if (wake != Wake::ready) co_return write_error(wake);
    }
    release(backlog_);
    co_return Result<void>{};
}

Error Http1Connection::write_error(IoResult const& result) noexcept {
    lose_client();
    return client_error(ErrorCode::client_closed, 499, "The caller went away.", describe(result));
}

Error Http1Connection::write_error(Wake wake) noexcept {
    if (wake == Wake::timeout) {
        ++worker_.counters().slow_readers;
        abort();
        lose_client();
        return client_error(ErrorCode::request_timeout, 408,
                            "the client took its answer too slowly");
    }
    if (!gone_ && cancel_) return cancelled_error(*cancel_);
    return client_error(ErrorCode::client_closed, 499, "The caller went away.");
}

bool Http1Connection::withdraw() noexcept {
    if (head_sent_ || aborted_) return false;
    release(pending_head_);
    release(backlog_);
    answer_ = Answer::none;
    framing_ = Framing::none;
    return true;
}

void Http1Connection::abort() noexcept {
    if (aborted_) return;
    aborted_ = true;
    close_ = true;
    // Where only the end of the connection ends the body, a clean end would look like a whole
    // answer.
    if (framing_ == Framing::until_close) stream_.set_reset_on_close();
    stream_.close();
}

Async<> Http1Connection::refuse(std::uint16_t status, http::HeaderBlock const& headers,
                                std::string const& body) {
    close_ = true;
    start_answer(backlog_, status, headers);
    backlog_.append("Content-Length: ");
    append_number(backlog_, body.size());
    backlog_.append("\r\nConnection: close\r\n\r\n");
    backlog_.append(body);
    auto const flushed = co_await flush_backlog();
    co_return flushed;
}

Async<bool> Http1Connection::finish_exchange() {
    in_exchange_ = false;
    stream_.unwatch(Interest::read);
    if (std::exchange(in_flight_counted_, false)) --worker_.counters().requests_in_flight;
    if (answer_ != Answer::done) abort();
    bool const again = !must_close() && !closing_ && !gone_;
    drop_head();
    release(pending_head_);
    release(backlog_);
    cancel_.reset();
    if (again) co_return true;
    if (!gone_ && !aborted_) {
        auto const lingered = co_await linger();
        std::ignore = lingered;
    }
    stream_.close();
    co_return false;
}

Async<> Http1Connection::linger() {
    stream_.shutdown_write();
    auto const deadline = Deadline::in(linger_max);
    std::size_t left = linger_bytes_max;
    while (left > 0 && stream_.is_open()) {
        auto const result = stream_.try_read(worker_.scratch());
        if (result.moved()) {
            left -= std::min(left, result.bytes);
            continue;
        }
        if (!result.blocked()) break;
        auto const wake = co_await stream_.wait(result.wants, worker_.exchange_scope(), deadline);
        if (wake != Wake::ready) break;
    }
    stream_.close();
    co_return Result<void>{};
}

}  // namespace sluice::net
