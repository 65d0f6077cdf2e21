// See upstream_stream_http1.hpp.
#include "net/upstream_stream_http1.hpp"

#include <algorithm>
#include <charconv>
#include <climits>
#include <cstring>
#include <openssl/ssl.h>
#include <optional>
#include <sys/uio.h>

#include "net/dial_errors.hpp"
#include "net/proxy.hpp"
#include "net/worker_impl.hpp"

namespace sluice::net {
namespace {

constexpr std::size_t head_read_bytes = 16 * 1024;

bool has_no_body(http::Method method) {
    return method != http::Method::post && method != http::Method::put &&
           method != http::Method::patch;
}

iovec to_iovec(std::string_view s) { return {const_cast<char*>(s.data()), s.size()}; }

// Drops what was written from the front of pieces[first..].
void advance(BlockVector<iovec>& pieces, std::size_t& first, std::size_t bytes) {
    while (first < pieces.size() && bytes >= pieces[first].iov_len) {
        bytes -= pieces[first].iov_len;
        ++first;
    }
    if (first == pieces.size()) return;
    pieces[first].iov_base = static_cast<char*>(pieces[first].iov_base) + bytes;
    pieces[first].iov_len -= bytes;
}

Error unusual(std::string detail) {
    return upstream_error(ErrorCode::upstream_protocol, Retry::next, 502,
                          "the provider's answer is not valid HTTP", std::move(detail));
}

}  // namespace

Result<BlockText> request_lead(Endpoint const& endpoint, http::WireRequest const& request) {
    auto const breaks = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; };
    std::string made;
    std::string_view host = endpoint.host_header;
    if (host.empty()) {
        bool const is_address = endpoint.scheme == "http" || endpoint.scheme == "https";
        made = is_address ? authority(endpoint.host, endpoint.port) : "localhost";
        host = made;
    }
    if (request.target.empty() || request.target.front() != '/' ||
        std::any_of(request.target.begin(), request.target.end(), breaks) ||
        std::any_of(host.begin(), host.end(), breaks)) {
        return gateway_error(ErrorCode::internal, 500, "the request could not be sent",
                             "send: target or host would break the request's head");
    }
    BlockText lead;
    lead.reserve(64 + request.target.size() + host.size());
    lead.append(http::to_string(request.method)).append(" ");
    bool const through_proxy = !endpoint.proxy.empty() && endpoint.scheme == "http";
    if (through_proxy) lead.append("http://").append(host);
    lead.append(request.target).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
    if (through_proxy) {
        auto proxy = parse_proxy(endpoint.proxy);
        if (!proxy) return std::move(proxy).error();
        if (!proxy->authorization.empty()) {
            lead.append("Proxy-Authorization: ").append(proxy->authorization).append("\r\n");
        }
    }
    return lead;
}

Http1Exchange::Http1Exchange(WorkerImpl& worker, Pool& pool, std::unique_ptr<Connection> connection,
                             http::Method method, UpstreamTimeouts const& timeouts, Cancel& cancel)
    : worker_(worker),
      pool_(pool),
      connection_(std::move(connection)),
      timeouts_(timeouts),
      cancel_(cancel),
      reader_(pool.limits().head_bytes_max, pool.limits().header_count_max, method),
      connect_time_(connection_->connect_time),
      reused_(connection_->reused) {}

Async<> Http1Exchange::start(std::string_view lead, http::WireRequest const& request) {
    auto written = co_await write(lead, request);
    if (!written.ok()) {
        close();
        co_return std::move(written).error();
    }
    if (!reader_.complete()) {
        auto read = co_await read_head();
        if (!read.ok()) {
            close();
            co_return std::move(read).error();
        }
    }
    // From here on the socket dies with the cancellation, whether somebody reads or not.
    if (!link(cancel_) || !is_linked()) {
        close();
        co_return cancelled("answer", cancel_);
    }
    begin_body();
    co_return Result<void>{};
}

Async<> Http1Exchange::write(std::string_view lead, http::WireRequest const& request) {
    std::size_t body_bytes = 0;
    for (auto const& piece : request.body) body_bytes += piece.size();
    char length[64] = "\r\n";
    std::size_t length_size = 2;
    if (body_bytes > 0 || !has_no_body(request.method)) {
        constexpr std::string_view name = "Content-Length: ";
        std::memcpy(length, name.data(), name.size());
        auto* end = std::to_chars(length + name.size(), length + sizeof length, body_bytes).ptr;
        std::memcpy(end, "\r\n\r\n", 4);
        length_size = static_cast<std::size_t>(end + 4 - length);
    }
    BlockVector<iovec> pieces;
    pieces.reserve(3 + request.body.size());
    pieces.push_back(to_iovec(lead));
    if (!request.headers.wire().empty()) pieces.push_back(to_iovec(request.headers.wire()));
    pieces.push_back(to_iovec({length, length_size}));
    for (auto const& piece : request.body) {
        if (!piece.empty()) pieces.push_back(to_iovec(piece));
    }

    auto& stream = connection_->stream;
    std::size_t first = 0;
    while (first < pieces.size()) {
        auto const window = std::span<iovec const>{pieces}.subspan(first).first(
            std::min<std::size_t>(pieces.size() - first, IOV_MAX));
        auto const result = stream.try_write(window);
        if (result.moved()) {
            advance(pieces, first, result.bytes);
            continue;
        }
        if (!result.blocked()) {
            // It may have answered before it hung up: 413 and the like.
            auto early = take_head();
            if (early.ok() && early.value()) co_return Result<void>{};
            if (!early.ok() && !reset_) co_return std::move(early).error();
            reset_ = true;
            co_return reset_by_upstream("write", describe(result));
        }
        // An answer may come before all was taken: it ends the writing.
        auto const interest = result.wants == Interest::write ? Interest::both : Interest::read;
        auto const woken = co_await stream.wait(interest, cancel_, idle_deadline());
        if (woken != Wake::ready) co_return given_up(woken, cancel_, "write");
        auto early = take_head();
        if (!early.ok()) co_return std::move(early).error();
        if (early.value()) co_return Result<void>{};
    }
    written_ = true;
    co_return Result<void>{};
}

Async<> Http1Exchange::read_head() {
    auto& stream = connection_->stream;
    auto const first_byte = earlier(bound(timeouts_.first_byte), timeouts_.total);
    bool look_first = stream.is_tls();  // OpenSSL may hold bytes the socket does not show
    while (true) {
        if (look_first) {
            auto taken = take_head();
            if (!taken.ok()) co_return std::move(taken).error();
            if (taken.value()) co_return Result<void>{};
        }
        look_first = true;
        bool const begun = reader_.has_begun();
        auto const deadline = begun ? idle_deadline() : first_byte;
        auto const woken = co_await stream.wait(Interest::read, cancel_, deadline);
        if (woken != Wake::ready) {
            co_return given_up(woken, cancel_, begun ? "head" : "first byte");
        }
    }
}

Result<bool> Http1Exchange::take_head() {
    auto const scratch = worker_.scratch().first(head_read_bytes);
    while (true) {
        auto const result = connection_->stream.try_read(scratch);
        if (result.blocked()) return false;
        if (!result.moved()) return read_failed("head", result);
        std::string_view const bytes{scratch.data(), result.bytes};
        auto used = reader_.feed(bytes);
        if (!used.ok()) return std::move(used).error();
        if (!reader_.complete()) continue;
        leftover_.assign(bytes.substr(used.value()));
        return true;
    }
}

Error Http1Exchange::read_failed(std::string_view phase, IoResult const& result) {
    if (cancel_.cancelled()) return cancelled(phase, cancel_);
    reset_ = true;
    return reset_by_upstream(phase, describe(result));
}

void Http1Exchange::begin_body() {
    switch (reader_.framing()) {
        case BodyFraming::none:
            return finish(leftover_.empty());
        case BodyFraming::length:
            remaining_ = head().content_length;
            if (remaining_ == 0) finish(leftover_.empty());
            return;
        case BodyFraming::chunked:
        case BodyFraming::until_close:
            return;
    }
}

Async<std::string_view> Http1Exchange::read_some() {
    if (complete_) co_return std::string_view{};
    if (cancel_.cancelled()) co_return cancelled("body", cancel_);
    if (!connection_) co_return reset_by_upstream("body", "closed");
    if (!leftover_.empty()) {
        // Moved to the scratch, so that the heap is free before the next wait.
        auto const n = std::min(leftover_.size(), worker_.scratch().size());
        std::memcpy(worker_.scratch().data(), leftover_.data(), n);
        BlockText{}.swap(leftover_);
        auto taken = take_body(worker_.scratch().first(n));
        if (!taken.ok()) close();
        if (!taken.ok() || complete_ || !taken.value().empty()) co_return std::move(taken);
    }
    auto& stream = connection_->stream;
    bool look_first = more_likely_ || stream.is_tls();
    // One bound for the whole read: framing that trickles in without a byte of the body does not
    // renew it.
    std::optional<Deadline> deadline;
    while (true) {
        if (look_first) {
            auto const scratch = worker_.scratch();
            auto const result = stream.try_read(scratch);
            more_likely_ = result.moved() && result.bytes == scratch.size();
            if (!result.blocked()) {
                auto taken =
                    result.moved() ? take_body(scratch.first(result.bytes)) : take_end(result);
                if (!taken.ok()) close();
                if (!taken.ok() || complete_ || !taken.value().empty()) co_return std::move(taken);
                continue;
            }
        }
        look_first = true;
        if (!deadline) deadline = idle_deadline();
        auto const woken = co_await stream.wait(Interest::read, cancel_, *deadline);
        if (woken != Wake::ready) {
            close();
            co_return given_up(woken, cancel_, "body");
        }
    }
}

// The payload within `bytes`; joined in place when several chunks came at once.
Result<std::string_view> Http1Exchange::take_body(std::span<char> bytes) {
    std::string_view const all{bytes.data(), bytes.size()};
    if (reader_.framing() == BodyFraming::until_close) return all;
    if (reader_.framing() == BodyFraming::length) {
        auto const n = std::min<std::uint64_t>(remaining_, all.size());
        remaining_ -= n;
        if (remaining_ == 0) finish(n == all.size());
        return all.substr(0, n);
    }
    std::size_t joined = 0;
    char const* start = bytes.data();
    auto const fed = chunks_.feed(all, [&](std::string_view piece) {
        if (joined == 0) {
            start = piece.data();
        } else if (start + joined != piece.data()) {
            std::memmove(bytes.data() + (start - bytes.data()) + joined, piece.data(),
                         piece.size());
        }
        joined += piece.size();
    });
    if (fed.state == codec::ChunkedDecoder::State::failed) {
        return unusual("body: " + std::string{chunks_.reason()});
    }
    if (fed.state == codec::ChunkedDecoder::State::done) finish(fed.consumed == all.size());
    return std::string_view{start, joined};
}

// The other side ended the stream.
Result<std::string_view> Http1Exchange::take_end(IoResult const& result) {
    if (result.kind == IoResult::Kind::eof && reader_.framing() == BodyFraming::until_close) {
        finish(false);
        return std::string_view{};
    }
    return read_failed("body", result);
}

void Http1Exchange::finish(bool clean) {
    complete_ = true;
    unlink();
    auto const* const ssl = connection_->stream.ssl();
    bool const reusable = clean && written_ && head().keep_alive && !cancel_.cancelled() &&
                          !(ssl && SSL_has_pending(ssl) == 1);
    if (reusable) {
        pool_.give_back(std::move(connection_));
    }
    connection_.reset();
    BlockText{}.swap(leftover_);
}

void Http1Exchange::close() noexcept {
    unlink();
    connection_.reset();
}

}  // namespace sluice::net
