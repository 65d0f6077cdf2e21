// The one record of a request: who, what, where it went, what it used. finish() makes exactly one
// per request on every path; the ledger is the list of them. Totals are sums over attempts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sluice/ids.hpp"
#include "sluice/ip.hpp"
#include "sluice/llm/usage.hpp"
#include "sluice/money.hpp"
#include "sluice/time.hpp"
#include "sluice/trace.hpp"

namespace sluice {

struct AttemptRecord {
    std::string provider;
    std::string model;         // the provider's name for it
    std::string credential;    // the credential's name in config, never its value
    std::string outcome;       // "answered" or the error's code
    std::string error_detail;  // class of failure for the log; no secret
    std::uint16_t status = 0;  // HTTP status of the provider, 0 = none came
    llm::Usage usage;
    bool estimated = false;       // usage was not reported and is derived from what was sent
    bool is_sibling = false;      // sent beside the one before it: another choice of the answer
    bool drained = false;         // the caller had gone; the answer was read on for its usage
    std::optional<PicoUsd> cost;  // nullopt: the model's price is unknown. finish sets it
    std::string price;            // version of the price it was reckoned with; "" = unknown
    std::string finish_reason;    // first choice's, as the provider said it; bounded
    std::string response_model;   // as the provider named it in its answer; bounded
    SpanId span{};                // of this attempt; the request's span is UsageRecord::trace
    std::string system;           // sampled traces only: the provider's OpenTelemetry name,
    std::string server_address;   // and where it was reached
    std::uint16_t server_port = 0;
    microseconds started{0};     // after the request's arrival
    std::uint64_t chunks = 0;    // streamed: frames with content
    microseconds chunk_time{0};  // streamed: first frame with content to the last
    microseconds connect{0};
    microseconds first_byte{0};  // request written to first byte
    microseconds total{0};
};

struct UsageRecord {
    static constexpr int schema = 2;

    Ulid id;  // = request id
    std::uint32_t worker = 0;
    std::uint64_t sequence = 0;  // per worker, without gaps
    Wall::time_point at{};       // arrival
    std::string org = "default";
    std::string team;
    std::string key;   // name, never the secret
    std::string user;  // as the caller named its end user; "" when not
    std::string agent;
    std::vector<std::string> tags;    // "name=value" or "name", sorted, each name once; bounded
    std::vector<std::string> losses;  // what the provider's dialect could not carry; bounded
    std::vector<std::string> guards;  // what guards found: "name:action:way:matches"; bounded
    TraceContext trace;               // sampled or not
    std::string surface;  // "chat.completions", "embeddings", ...; "" when no endpoint matched
    IpAddress client;     // behind the trusted proxies; for the access log, never in the ledger
    std::string client_certificate;  // subject, when one was shown and verified; access log only
    std::string route;               // the route's name in config
    std::string model_asked;
    std::uint16_t status = 0;  // what the client got; 0 = it was gone before a status was sent
    std::string error_code;    // "" when answered well
    std::string error_origin;  // client | gateway | upstream, "" when none
    bool streamed = false;
    bool client_gone = false;
    bool completed = false;  // the answer reached its end
    bool mock = false;
    std::vector<AttemptRecord> attempts;
    std::uint64_t bytes_in = 0;   // request body
    std::uint64_t bytes_out = 0;  // answer body
    // What guards looked at, for the metrics: the request's body, and providers' answers as they
    // were read, those of failed attempts too. Never in the ledger.
    std::uint64_t guarded_in = 0;
    std::uint64_t guarded_out = 0;
    microseconds first_token{0};  // arrival to the first byte of the answer sent; 0 = none
    microseconds total{0};
    microseconds upstream_wait{0};  // of total: waiting on providers
    microseconds caller_wait{0};    // ... and on the caller; the rest is sluice's own
};

}  // namespace sluice
