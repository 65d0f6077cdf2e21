#include "engine/front_door.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/nearest.hpp"
#include "engine/answer.hpp"
#include "engine/client_address.hpp"
#include "engine/finish.hpp"
#include "engine/tracing.hpp"
#include "net/worker.hpp"

namespace sluice::engine {
namespace {

// From malformed_headers() to malformed(), which follows at once on the same worker's thread.
thread_local Ulid malformed_id_;

bool path_matches(std::string_view pattern, std::string_view path) noexcept {
    if (!pattern.ends_with("/*")) return pattern == path;
    auto const stem = pattern.substr(0, pattern.size() - 1);  // keeps the '/'
    return path.size() > stem.size() && path.starts_with(stem);
}

bool method_serves(http::Method entry, http::Method asked) noexcept {
    return entry == asked || (entry == http::Method::get && asked == http::Method::head);
}

void begin(Exchange& x) {
    auto const now = Wall::now();
    x.record.id = Ulid::next(now);
    x.record.at = now;
    x.record.worker = x.worker.index;
    begin_trace(x);
}

constexpr std::int64_t record_again_ms = 5'000;

Error cannot_record() {
    auto error = gateway_error(ErrorCode::ledger_unavailable, 503,
                               "The gateway cannot record usage right now and therefore serves no "
                               "request. Try again shortly.");
    error.retry_after_ms = record_again_ms;
    return error;
}

// One of the requests being served in this process.
class InFlight {
  public:
    explicit InFlight(Exchange const& x) noexcept {
        auto const most = x.snapshot.requests_in_flight_max;
        if (most == 0 || !x.worker.requests_in_flight) return;
        counter_ = x.worker.requests_in_flight;
        is_over_ = counter_->fetch_add(1, std::memory_order_relaxed) >= most;
    }
    InFlight(InFlight const&) = delete;
    InFlight& operator=(InFlight const&) = delete;
    ~InFlight() {
        if (counter_) counter_->fetch_sub(1, std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_over() const noexcept { return is_over_; }

  private:
    std::atomic<std::int64_t>* counter_ = nullptr;
    bool is_over_ = false;
};

Error too_many_requests() {
    auto error =
        gateway_error(ErrorCode::overloaded, 503,
                      "The gateway serves too many requests right now. Try again shortly.");
    error.retry_after_ms = 1000;
    return error;
}

// OPTIONS: a CORS preflight where CORS is configured, else the plain list of methods.
Async<> answer_options(Exchange& x, std::string_view allow) {
    http::HeaderBlock headers;
    headers.add("allow", allow);
    add_answer_headers(x, headers);
    auto const& asked = x.client.head().headers;
    if (x.snapshot.cors && asked.has("origin") && asked.has("access-control-request-method")) {
        headers.add("access-control-allow-methods", allow);
        headers.add("access-control-allow-headers",
                    x.snapshot.cors->allow_headers.empty()
                        ? asked.get("access-control-request-headers")
                        : std::string_view{x.snapshot.cors->allow_headers});
        headers.add("access-control-max-age", x.snapshot.cors->max_age);
    }
    x.record.status = 204;
    auto sent = co_await x.client.respond(204, headers, std::string_view{});
    x.record.completed = sent.ok();
    co_return sent;
}

}  // namespace

FrontDoor::FrontDoor(std::vector<EndpointEntry> endpoints, std::span<WorkerContext> workers,
                     Dialect const& default_dialect)
    : endpoints_(std::move(endpoints)), workers_(workers), default_dialect_(default_dialect) {
    for (auto const& entry : endpoints_) {
        auto const* dialect = entry.dialect;
        bool const is_new = dialect && !dialect->version_header.empty() &&
                            std::find(shown_dialects_.begin(), shown_dialects_.end(), dialect) ==
                                shown_dialects_.end();
        if (is_new) shown_dialects_.push_back(dialect);
    }
}

FrontDoor::Match FrontDoor::find(http::Method method, std::string_view path) const {
    Match match;
    for (auto const& entry : endpoints_) {
        if (!path_matches(entry.path, path)) continue;
        if (method_serves(entry.method, method)) {
            match.entry = &entry;
            return match;
        }
        if (!match.allow.empty()) match.allow += ", ";
        match.allow += http::to_string(entry.method);
        if (entry.method == http::Method::get) match.allow += ", HEAD";
    }
    if (!match.allow.empty()) match.allow += ", OPTIONS";
    return match;
}

Error FrontDoor::unknown_path(std::string_view path) const {
    std::string message = "There is nothing at this path.";
    if (find(http::Method::post, "/v1" + std::string{path}).entry ||
        find(http::Method::get, "/v1" + std::string{path}).entry) {
        message += " Set the SDK's base_url so that it ends in /v1.";
    } else if (path.starts_with("/v1/v1/")) {
        message += " The path holds /v1 twice: leave it out of one of base_url and path.";
    } else {
        std::vector<std::string_view> known;
        for (auto const& entry : endpoints_) known.emplace_back(entry.path);
        auto const near = nearest(path, known);
        if (!near.empty() && near != "/") {
            message += " Did you mean " + std::string{near} + "?";
        } else {
            message += " Served here:";
            for (auto const name : known) message += " " + std::string{name};
        }
    }
    return client_error(ErrorCode::unknown_path, 404, std::move(message));
}

// No coroutine: a frame less while an answer is relayed.
Async<> FrontDoor::serve(Exchange& x, Match const& match) const {
    if (x.worker.sink && x.worker.sink->refuses_new()) return refuse(x, cannot_record());
    if (!match.entry) return serve_none(x, match);
    x.record.surface = match.entry->endpoint->surface();
    return match.entry->endpoint->run(x);
}

Async<> FrontDoor::serve_none(Exchange& x, Match const& match) const {
    auto const& head = x.client.head();
    if (head.method == http::Method::options && !match.allow.empty()) {
        co_return co_await answer_options(x, match.allow);
    }
    if (!match.allow.empty()) {
        auto error = client_error(ErrorCode::method_not_allowed, 405,
                                  "This path does not take " + std::string{head.method_text} +
                                      "; use one of: " + match.allow + ".");
        co_return co_await refuse(x, std::move(error), match.allow);
    }
    co_return co_await refuse(x, unknown_path(head.path));
}

// A caller who shows a dialect's version header is told errors in that dialect, on any path.
Dialect const& FrontDoor::dialect_of(http::HeaderView headers) const {
    for (auto const* dialect : shown_dialects_) {
        if (headers.has(dialect->version_header)) return *dialect;
    }
    return default_dialect_;
}

Async<> FrontDoor::handle(net::ServerStream& stream) {
    auto& worker = workers_[net::Worker::current().index()];
    SnapshotPin const pin = worker.snapshot;
    Exchange x(stream, worker, *pin);
    Match const match = find(stream.head().method, stream.head().path);
    bool const is_of_dialect = match.entry && match.entry->dialect;
    x.dialect = is_of_dialect ? match.entry->dialect : &dialect_of(stream.head().headers);
    begin(x);
    FinishGuard const guard(x);
    InFlight const in_flight(x);
    co_return co_await admit(x, match, in_flight.is_over());
}

// No coroutine either.
Async<> FrontDoor::admit(Exchange& x, Match const& match, bool is_too_many) const {
    auto located = find_client_address(x);
    if (!located) return refuse(x, std::move(located).error());
    if (is_too_many) return refuse(x, too_many_requests());
    return serve(x, match);
}

void FrontDoor::malformed_headers(Error const& error, http::HeaderBlock& headers) {
    malformed_id_ = Ulid::next(Wall::now());
    headers.add("x-sluice-request-id", malformed_id_.view());
    headers.add("x-sluice-error-origin", to_string(error.origin));
    if (error.code == ErrorCode::overloaded) return;  // a connection too many: counted
    log::info("request {} was malformed: {} {}", malformed_id_.view(), error.http_status,
              error.detail.empty() ? error.message : error.detail);
}

std::string FrontDoor::malformed(Error const& error, std::string_view) {
    return default_dialect_.write_error(error, malformed_id_.view());
}

}  // namespace sluice::engine
