#include "net/http1_session.hpp"

#include "base/log.hpp"
#include "net/http1_connection.hpp"

namespace sluice::net {
namespace {

// Counts a client connection for as long as it lives; the listener took its place in the caps.
// In-process ones are not clients.
class Counted {
  public:
    Counted(WorkerImpl& worker, std::shared_ptr<ServerSide const> side) noexcept
        : worker_(worker), side_(std::move(side)) {
        if (!side_->inproc) ++worker_.counters().connections_open;
    }
    Counted(Counted const&) = delete;
    Counted& operator=(Counted const&) = delete;
    ~Counted() {
        if (side_->inproc) return;
        --worker_.counters().connections_open;
        if (address_.is_known()) side_->caps->give_back(address_);
        side_->caps->close(worker_.index());
    }
    // False: this address has as many connections as one may have. A trusted proxy stands for many.
    bool take_address(IpAddress const& address) noexcept {
        auto const most = side_->options->connections_per_address_max;
        if (side_->inproc || most == 0 || !address.is_ip()) return true;
        if (contains(side_->options->trusted_proxies, address)) return true;
        if (!side_->caps->take(address, most)) {
            ++worker_.counters().connections_refused_address;
            return false;
        }
        address_ = address;
        return true;
    }

  private:
    WorkerImpl& worker_;
    std::shared_ptr<ServerSide const> side_;
    IpAddress address_;  // none: not counted
};

Error too_many_of_one_address() {
    auto error = gateway_error(ErrorCode::overloaded, 503,
                               "Too many connections are open from this address. Close some, or "
                               "try again shortly.");
    error.retry_after_ms = 1000;
    return error;
}

struct ErrorAnswer {
    http::HeaderBlock headers;
    std::string body;
};

// The answer to what never reached the handler, or was not answered by it.
ErrorAnswer error_answer(Handler& handler, Error const& error, std::string_view path) {
    ErrorAnswer answer;
    answer.headers.add("Content-Type", "application/json");
    try {
        handler.malformed_headers(error, answer.headers);
        if (error.retry_after_ms > 0) {
            answer.headers.add("Retry-After", std::to_string((error.retry_after_ms + 999) / 1000));
        }
        answer.body = handler.malformed(error, path);
    } catch (std::exception const& e) {
        log::error("the body of an error answer could not be made: {}", e.what());
    }
    return answer;
}

// The frames of what follows lie under each answer, so what is rarely done has frames of its own.

// The handler left without an answer, or within one.
Async<> answer_instead(Handler& handler, Http1Connection& connection, bool threw) {
    if (connection.is_begun()) {
        if (!connection.withdraw()) {
            connection.abort();
            co_return Result<void>{};
        }
    } else if (!threw) {
        log::error("a request was left without an answer");
    }
    auto const error = gateway_error(ErrorCode::internal, 500, "internal error");
    auto const answer = error_answer(handler, error, connection.head().path);
    connection.close_after_answer();
    std::string_view const pieces[1] = {answer.body};
    auto const sent = co_await connection.respond(error.http_status, answer.headers,
                                                  std::span<std::string_view const>{pieces});
    co_return sent;
}

// The one place that catches everything: an exception ends its request, not the worker.
Async<> handle(Handler& handler, Http1Connection& connection) {
    bool threw = false;
    try {
        auto const result = co_await handler.handle(connection);
        if (!result.ok()) {
            log::debug("request ended: {} {}", result.error().message, result.error().detail);
        }
    } catch (std::exception const& e) {
        threw = true;
        log::error("request failed by an exception: {}", e.what());
    } catch (...) {
        threw = true;
        log::error("request failed by an unknown exception");
    }
    if (connection.is_answered() || connection.is_aborted() || connection.is_gone()) {
        co_return Result<void>{};
    }
    co_return co_await answer_instead(handler, connection, threw);
}

// Before the first request: who connects, and TLS. False: the connection is over.
Async<bool> open_connection(ServerSide const& side, Counted& counted, Http1Connection& connection,
                            bool tls) {
    if (side.proxy_protocol) {
        auto named = co_await connection.accept_proxy();
        if (!named.ok()) co_return std::move(named).error();
    }
    if (!counted.take_address(connection.peer().ip)) {
        auto error = too_many_of_one_address();
        if (tls) co_return error;
        auto const answer = error_answer(*side.handler, error, {});
        auto sent = co_await connection.refuse(error.http_status, answer.headers, answer.body);
        if (!sent.ok()) co_return std::move(sent).error();
        co_return false;
    }
    if (!tls) co_return true;
    auto const accepted = co_await connection.accept_tls();
    if (accepted.ok()) co_return true;
    auto lingered = co_await connection.linger();
    if (!lingered.ok()) co_return std::move(lingered).error();
    co_return false;
}

Async<> refuse_head(Handler& handler, Http1Connection& connection) {
    auto const& error = connection.refusal();
    auto const answer = error_answer(handler, error, connection.refused_path());
    auto const sent = co_await connection.refuse(error.http_status, answer.headers, answer.body);
    auto const lingered = co_await connection.linger();
    co_return sent.ok() ? lingered : sent;
}

}  // namespace

Async<> serve_connection(WorkerImpl& worker, Stream stream, std::shared_ptr<ServerSide const> side,
                         Peer peer) {
    Counted counted{worker, side};
    auto const& served = *side;  // held by the connection
    Handler& handler = *side->handler;
    bool const tls = side->tls != nullptr;
    Http1Connection connection{worker, std::move(stream), std::move(side), std::move(peer)};
    {
        auto opened = co_await open_connection(served, counted, connection, tls);
        if (!opened.ok()) co_return std::move(opened).error();
        if (!opened.value()) co_return Result<void>{};
    }
    for (;;) {
        auto const outcome = co_await connection.read_head();
        if (outcome.value() == Http1Connection::HeadOutcome::closed) co_return Result<void>{};
        if (outcome.value() == Http1Connection::HeadOutcome::refused) {
            co_return co_await refuse_head(handler, connection);
        }
        connection.begin_exchange();
        auto const handled = co_await handle(handler, connection);
        std::ignore = handled;
        auto const again = co_await connection.finish_exchange();
        if (!again.value()) co_return Result<void>{};
    }
}

}  // namespace sluice::net
