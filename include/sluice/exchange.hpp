// Exchange: one request's life, from its head to its record. Fields are set once, each by the verb
// named beside it. Lives in the frame of the session that serves the request; one worker's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/async.hpp"
#include "sluice/dialect.hpp"
#include "sluice/http.hpp"
#include "sluice/ip.hpp"
#include "sluice/limiter.hpp"
#include "sluice/llm/request.hpp"
#include "sluice/loss.hpp"
#include "sluice/principal.hpp"
#include "sluice/time.hpp"
#include "sluice/usage_record.hpp"

namespace sluice {

namespace net {
class ServerStream;
}
namespace guard {
class GuardRun;
}
namespace engine {
struct Route;
struct Snapshot;
struct WorkerContext;
}  // namespace engine

struct Exchange {
    Exchange(net::ServerStream& client_stream, engine::WorkerContext& worker_context,
             engine::Snapshot const& pinned)
        : client(client_stream), worker(worker_context), snapshot(pinned) {}
    Exchange(Exchange const&) = delete;
    Exchange& operator=(Exchange const&) = delete;

    net::ServerStream& client;         // front_door
    engine::WorkerContext& worker;     // front_door
    engine::Snapshot const& snapshot;  // front_door; pinned for the whole exchange
    Dialect const* dialect =
        nullptr;               // front_door: the caller's, for errors too; never null after it
    IpAddress client_address;  // front_door: behind the trusted proxies; none = they do not say
    bool counts_against_address = false;  // front_door: client_address is one client's, no proxy's
    std::shared_ptr<Principal const> principal;  // authenticate; null under server.auth none
    Operation operation = Operation::chat;       // endpoint
    http::Body body;                             // read_request
    RequestFacts facts;                          // read_request
    engine::Route const* route = nullptr;        // read_request
    Deadline deadline;     // read_request: the route's total, or what the caller asked for
    int attempts_max = 0;  // read_request: the route's, or what the caller asked for
    // attempt: the request in the neutral model, when a target speaks another dialect. Views into
    // `body`.
    std::unique_ptr<llm::Request> neutral;
    // guard_request: what the guards of this request have seen and done; null: none applies.
    std::shared_ptr<guard::GuardRun> guards;
    std::unique_ptr<HeldLimits> limits;  // admit, begin_attempt; null: nothing is limited
    Losses losses;                     // attempt: what the last target that was tried cannot carry
    std::uint64_t prompt_bytes = 0;    // read_request: the body's size after decoding
    std::int64_t body_bytes_held = 0;  // read_request; given back by release_body
    // read_request, on_disconnect drain: cancels what goes on upstream in the client's place, at
    // the end of a drain only.
    std::optional<Cancel> kept;
    UsageRecord record;  // front_door begins it, each verb adds, finish sends it
};

}  // namespace sluice
