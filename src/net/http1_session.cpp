#include "net/http1_session.hpp"

#include "base/log.hpp"
#include "net/http1_connection.hpp"

namespace sluice::net {
namespace {

// Counts a client connection for as long as it lives. In-process ones are not clients.
class Counted {
  public:
    Counted(WorkerImpl& worker, std::shared_ptr<ServerSide const> side) noexcept
        : worker_(worker), side_(std::move(side)) {
        if (side_->inproc) return;
        ++worker_.counters().connections_open;
        ++side_->connections_open;
    }
    Counted(Counted const&) = delete;
    Counted& operator=(Counted const&) = delete;
    ~Counted() {
        if (side_->inproc) return;
        --worker_.counters().connections_open;
        --side_->connections_open;
    }

  private:
    WorkerImpl& worker_;
    std::shared_ptr<ServerSide const> side_;
};

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
        answer.body = handler.malformed(error, path);
    } catch (std::exception const& e) {
        log::error("the body of an error answer could not be made: {}", e.what());
    }
    return answer;
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

}  // namespace

Async<> serve_connection(WorkerImpl& worker, Stream stream, std::shared_ptr<ServerSide const> side,
                         Peer peer) {
    Counted const counted{worker, side};
    Handler& handler = *side->handler;
    bool const tls = side->tls != nullptr;
    Http1Connection connection{worker, std::move(stream), std::move(side), std::move(peer)};
    if (tls) {
        auto const accepted = co_await connection.accept_tls();
        if (!accepted.ok()) {
            auto const lingered = co_await connection.linger();
            co_return lingered;
        }
    }
    for (;;) {
        auto const outcome = co_await connection.read_head();
        if (outcome.value() == Http1Connection::HeadOutcome::closed) co_return Result<void>{};
        if (outcome.value() == Http1Connection::HeadOutcome::refused) {
            auto const& error = connection.refusal();
            auto const answer = error_answer(handler, error, connection.refused_path());
            auto const sent =
                co_await connection.refuse(error.http_status, answer.headers, answer.body);
            auto const lingered = co_await connection.linger();
            co_return sent.ok() ? lingered : sent;
        }
        connection.begin_exchange();
        auto const handled = co_await handle(handler, connection);
        std::ignore = handled;
        auto const again = co_await connection.finish_exchange();
        if (!again.value()) co_return Result<void>{};
    }
}

}  // namespace sluice::net
