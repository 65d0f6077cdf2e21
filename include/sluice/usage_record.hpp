// The one record of a request: who, what, where it went, what it used. finish() makes exactly one
// per request on every path; the ledger is the list of them. Totals are sums over attempts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/ids.hpp"
#include "sluice/llm/usage.hpp"
#include "sluice/time.hpp"

namespace sluice {

struct AttemptRecord {
    std::string provider;
    std::string model;         // the provider's name for it
    std::string credential;    // the credential's name in config, never its value
    std::string outcome;       // "answered" or the error's code
    std::string error_detail;  // class of failure for the log; no secret
    std::uint16_t status = 0;  // HTTP status of the provider, 0 = none came
    llm::Usage usage;
    bool estimated = false;  // usage was not reported and is derived from what was sent
    microseconds connect{0};
    microseconds first_byte{0};  // request written to first byte
    microseconds total{0};
};

struct UsageRecord {
    static constexpr int schema = 1;

    Ulid id;  // = request id
    std::uint32_t worker = 0;
    std::uint64_t sequence = 0;  // per worker, without gaps
    Wall::time_point at{};       // arrival
    std::string org = "default";
    std::string team;
    std::string key;   // name, never the secret
    std::string user;  // as the caller named its end user; "" when not
    std::string agent;
    std::vector<std::string> tags;
    std::string surface;  // "chat.completions", "embeddings", ...; "" when no endpoint matched
    std::string route;    // the route's name in config
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
    microseconds first_token{0};  // arrival to the first byte of the answer sent; 0 = none
    microseconds total{0};
    microseconds upstream_wait{0};  // of total: waiting on providers; the rest is sluice's own
};

}  // namespace sluice
