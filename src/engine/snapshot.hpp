// Snapshot: everything a request needs that came from config, compiled and immutable. A request
// pins one for its whole life; a worker keeps its own reference so that pinning costs no atomic.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/directory.hpp"
#include "sluice/ip.hpp"
#include "sluice/limiter.hpp"

#include "codec/sha256.hpp"
#include "engine/route.hpp"
#include "engine/tracing.hpp"
#include "guard/guard_set.hpp"
#include "provider/provider.hpp"
#include "stage/auth/auth_throttle.hpp"

namespace sluice::engine {

struct CorsPolicy {
    std::vector<std::string> allow_origins;
    std::string allow_headers;
    std::string max_age;
};

// Which of the optional x-sluice-* answer headers are sent.
struct AnswerHeaders {
    bool route = true;
    bool provider = true;
    bool model = true;
    bool attempts = true;
};

// What requests may be told apart by (config `tags`).
struct TagPolicy {
    std::vector<std::string> names;
    bool any_name = true;
    bool from_metadata = true;
    std::size_t values_max = 1000;
    std::size_t users_max = 10'000;
};

struct Snapshot {
    enum class ForwardedHeader : std::uint8_t { any, x_forwarded_for, forwarded };

    std::vector<std::unique_ptr<provider::Provider>> providers;
    RouteTable routes;
    std::shared_ptr<Directory const> directory;      // null: server.auth none
    std::shared_ptr<Limiter const> limiter;          // null: nothing is limited
    std::unique_ptr<CorsPolicy> cors;                // null: not configured
    std::unique_ptr<guard::GuardBook const> guards;  // null: no guardrail is configured
    guard::GuardBook::Mask guard_defaults = 0;       // of every request
    AnswerHeaders answer_headers;
    TagPolicy tags;
    TracePolicy trace;
    IpRanges trusted_proxies;
    ForwardedHeader forwarded_header = ForwardedHeader::any;
    stage::AuthThrottle::Settings auth_throttle;
    std::int64_t requests_in_flight_max = 0;  // of the process; 0 = no bound
    std::size_t body_bytes_max = 32 << 20;
    Steady::duration upload_time =
        seconds{600};  // head to the end of the body, before the route is known
    std::size_t response_bytes_max = 64 << 20;
    std::size_t frame_bytes_max = 1 << 20;
    std::size_t peek_bytes = 64 << 10;
    Steady::duration peek_time{};  // zero = first_byte of the route
    std::int64_t body_bytes_in_flight_max = std::int64_t{1} << 30;
    std::optional<codec::Sha256> admin_token;  // digest of admin.token; nullopt: none is set
    bool has_trial_key = false;
    bool trial = false;      // no credential was found: all is mock
    std::string public_url;  // for GET /: "http://127.0.0.1:8080"
    Wall::time_point loaded_at{};
};

}  // namespace sluice::engine
