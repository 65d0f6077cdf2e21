#include "engine/intake.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/nearest.hpp"
#include "base/turn_time.hpp"
#include "codec/encoding.hpp"
#include "engine/overrides.hpp"
#include "engine/snapshot.hpp"
#include "engine/tags.hpp"
#include "engine/worker_context.hpp"
#include "net/server_stream.hpp"
#include "net/worker.hpp"
#include "stage/auth/authenticate.hpp"

namespace sluice::engine {
namespace {

bool is_json_type(std::string_view type) noexcept {
    auto const end = type.find(';');
    auto media = type.substr(0, end);
    while (!media.empty() && media.back() == ' ') media.remove_suffix(1);
    constexpr std::string_view json = "application/json";
    if (http::iequals(media, json)) return true;
    constexpr std::string_view suffix = "+json";
    return media.size() > suffix.size() &&
           http::iequals(media.substr(media.size() - suffix.size()), suffix);
}

// Not the provider's fault: it is not even asked.
Error too_slow() {
    return client_error(ErrorCode::request_timeout, 408,
                        "The request took longer to arrive than its route allows in all.");
}

Result<void> check_content_type(http::HeaderView headers) {
    auto const type = headers.get("content-type");
    if (type.empty() || is_json_type(type)) return {};
    return client_error(ErrorCode::unsupported_media_type, 415,
                        "The body must be JSON: send 'Content-Type: application/json'.");
}

// A compressed request body is decoded whole, within the same bound as a plain one.
Result<void> decode_body(Exchange& x) {
    auto const coding = x.client.head().headers.get("content-encoding");
    auto decoder = codec::open_decoder(coding, x.snapshot.body_bytes_max, codec::Encoded::request);
    if (!decoder) {
        return client_error(ErrorCode::unsupported_encoding, 415,
                            "This Content-Encoding is not supported: send the body plain, or as "
                            "gzip, deflate, br or zstd.");
    }
    if (!*decoder) return {};
    std::string plain;
    auto decoded = (*decoder)->feed(x.body.view(), plain);
    if (decoded) decoded = (*decoder)->finish();
    if (!decoded) return decoded;
    if (!hold_bytes(x, static_cast<std::int64_t>(plain.size()))) return holds_too_much();
    x.body = http::Body::copy_of(plain);
    return {};
}

// Bytes are counted as they come, not as they are announced.
class CountedBytes final : public net::BodyBudget {
  public:
    explicit CountedBytes(Exchange& x) noexcept : x_(x) {}
    bool take(std::size_t bytes) noexcept override {
        return hold_bytes(x_, static_cast<std::int64_t>(bytes));
    }

  private:
    Exchange& x_;
};

Async<> read_body(Exchange& x, std::optional<milliseconds> timeout) {
    CountedBytes counted(x);
    Steady::duration upload_time = x.snapshot.upload_time;
    if (timeout) upload_time = std::min<Steady::duration>(upload_time, *timeout);
    Deadline const until{x.client.arrived_at() + upload_time};
    auto body = co_await x.client.read_body(x.snapshot.body_bytes_max, until, &counted);
    if (!body) co_return std::move(body).error();
    x.body = std::move(*body);
    x.record.bytes_in = x.body.size();
    auto decoded =
        x.client.head().headers.has("content-encoding") ? decode_body(x) : Result<void>{};
    x.prompt_bytes = x.body.size();
    co_return decoded;
}

Error blocked(std::uint32_t left_s) {
    auto error = client_error(ErrorCode::too_many_auth_failures, 429,
                              "Too many unknown API keys came from this address. Correct the key "
                              "and try again in " +
                                  std::to_string(left_s) + " s.");
    error.retry_after_ms = std::int64_t{left_s} * 1000;
    return error;
}

Error not_from_here(Exchange const& x) {
    auto const from = x.client_address.is_known() ? x.client_address.text() : "an unknown address";
    return client_error(ErrorCode::address_not_allowed, 403,
                        "This API key may not be used from " + from +
                            ". Ask the gateway's operator to add it to allow_from.");
}

constexpr std::size_t model_bytes_max = 256;
constexpr std::size_t user_bytes_max = 256;
constexpr std::size_t models_named_max = 5;

Error no_such_model(Exchange const& x, std::string_view model) {
    std::vector<std::string_view> known;
    for (auto const& route : x.snapshot.routes.all()) {
        if (!x.principal || x.principal->may_use(route.name)) known.emplace_back(route.name);
    }
    std::string message = "The model '" + std::string{model.substr(0, 128)} +
                          "' does not exist here or this key may not use it.";
    auto const near = nearest_names(model, known, 3);
    for (std::size_t i = 0; i < near.size(); ++i) {
        message += i == 0 ? " Did you mean " : " or ";
        message += near[i];
    }
    if (!near.empty()) message += "?";
    for (std::size_t i = 0; near.empty() && i < known.size() && i < models_named_max; ++i) {
        message += i == 0 ? " It may use: " : ", ";
        message += known[i];
    }
    return client_error(ErrorCode::model_not_found, 404, std::move(message));
}

}  // namespace

Cancel& upstream_cancel(Exchange& x) noexcept { return x.kept ? *x.kept : x.client.cancel(); }

bool hold_bytes(Exchange& x, std::int64_t bytes) noexcept {
    auto& held = *x.worker.body_bytes_in_flight;
    auto const before = held.fetch_add(bytes, std::memory_order_relaxed);
    x.body_bytes_held += bytes;
    return before + bytes <= x.snapshot.body_bytes_in_flight_max;
}

Error holds_too_much() {
    auto error = gateway_error(ErrorCode::overloaded, 503,
                               "The gateway holds too many bodies right now. Try again shortly.");
    error.retry_after_ms = 1000;
    return error;
}

void release_body(Exchange& x) noexcept {
    x.neutral.reset();  // its views are into the body
    x.body = {};
    if (x.body_bytes_held == 0) return;
    x.worker.body_bytes_in_flight->fetch_sub(x.body_bytes_held, std::memory_order_relaxed);
    x.body_bytes_held = 0;
}

Result<void> authenticate(Exchange& x) {
    if (!x.snapshot.directory) return {};
    auto* throttle = x.counts_against_address && x.snapshot.auth_throttle.failures > 0
                         ? x.worker.auth_throttle
                         : nullptr;
    // Before any hashing: that is what a guesser would make us do.
    if (throttle) {
        auto const left_s = throttle->blocked_s(x.client_address, x.client.arrived_at());
        if (left_s > 0) return blocked(left_s);
    }
    auto principal = stage::authenticate(*x.snapshot.directory, x.client.head().headers,
                                         x.record.at, x.client.peer().loopback);
    if (!principal) {
        bool const is_guess = principal.error().code == ErrorCode::invalid_api_key;
        if (throttle && is_guess &&
            throttle->note_failure(x.client_address, x.snapshot.auth_throttle,
                                   x.client.arrived_at())) {
            log::warn("{} showed too many unknown keys: blocked for {} s", x.client_address.text(),
                      x.snapshot.auth_throttle.block_s);
        }
        return std::move(principal).error();
    }
    x.principal = std::move(*principal);
    x.record.org = x.principal->org;
    x.record.team = x.principal->team;
    x.record.key = x.principal->key;
    x.record.user = x.principal->user;
    if (!x.principal->may_come_from(x.client_address)) return not_from_here(x);
    return {};
}

Result<Route const*> find_route(Exchange const& x, std::string_view model) {
    auto const* route = x.snapshot.routes.match(model);
    if (!route || (x.principal && !x.principal->may_use(model))) return no_such_model(x, model);
    return route;
}

Async<> read_request(Exchange& x, Codec const& codec) {
    auto typed = check_content_type(x.client.head().headers);
    if (!typed) co_return typed;
    auto const overrides = read_overrides(x.client.head().headers);
    if (!overrides) co_return overrides.error();
    auto body = co_await read_body(x, overrides->timeout);
    if (!body) co_return body;
    auto facts = codec.read_request(x.body.view());
    if (!facts) co_return std::move(facts).error();
    x.facts = std::move(*facts);
    if (x.facts.model.size() > model_bytes_max) {
        co_return client_error(ErrorCode::invalid_request, 400,
                               "'model' is too long: a model's name has at most 256 bytes.");
    }
    if (x.facts.user.size() > user_bytes_max) x.facts.user.resize(user_bytes_max);
    x.record.model_asked = x.facts.model;
    auto tagged = tag(x);
    if (!tagged) co_return tagged;
    x.record.streamed = x.facts.stream;
    auto route = find_route(x, x.facts.model);
    if (!route) co_return std::move(route).error();
    x.route = *route;
    x.record.route = x.route->name;
    auto applied = apply_overrides(x, *overrides);
    if (!applied) co_return applied;
    if (x.route->drains) x.kept.emplace(net::Worker::current().exchange_scope());
    if (x.deadline.at() <= turn_time()) co_return too_slow();
    co_return Result<void>{};
}

}  // namespace sluice::engine
