// A provider: an address that speaks a dialect, with its credentials and the state of each of them.
// Built at load from config, immutable afterwards except for the atomics of CredentialHealth.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sluice/dialect.hpp"
#include "sluice/http.hpp"
#include "sluice/limiter.hpp"
#include "sluice/time.hpp"

#include "base/secret.hpp"
#include "dialect/common/shape.hpp"
#include "net/upstream_stream.hpp"
#include "provider/call_stats.hpp"
#include "provider/prices.hpp"

namespace sluice::provider {

// Whether a credential is benched, shared by all workers: read on every choice, written on
// failures. Lives in engine::Runtime by (provider, credential, hash of value), so it survives
// reloads.
class CredentialHealth {
  public:
    [[nodiscard]] bool is_benched(Steady::time_point now) const noexcept {
        return now.time_since_epoch().count() < until_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] Steady::time_point benched_until() const noexcept {
        return Steady::time_point{Steady::duration{until_.load(std::memory_order_relaxed)}};
    }
    // Never shortens a bench that is in force.
    void bench(Steady::time_point until) noexcept;
    // The provider refused it: benched for a while that doubles with each refusal in a row.
    Steady::duration refuse(Steady::time_point now) noexcept;
    void accept() noexcept;  // it worked: the next refusal starts small again

  private:
    std::atomic<std::int64_t> until_{0};
    std::atomic<std::uint32_t> refusals_{0};
};

struct Credential {
    std::string name;
    Secret value;
    int weight = 1;
    std::shared_ptr<CredentialHealth> health;
    std::shared_ptr<CallStats> stats;
    std::shared_ptr<LimitRules const> limits;  // null: none
};

struct Provider {
    std::string name;    // in config
    std::string system;  // as OpenTelemetry knows it: gen_ai.provider.name
    Dialect const* dialect = nullptr;
    net::Endpoint endpoint;
    std::string path_prefix;    // of base_url, "" or "/v1"
    std::string auth_header;    // "Authorization", "x-api-key", ...; "" = none
    std::string auth_prefix;    // "Bearer " or ""
    http::HeaderBlock headers;  // from config, sent with every request
    std::string accept_encoding = "identity";
    std::string max_output_name = "max_tokens";  // of a dialect that has had several
    Prices prices;
    std::vector<dialect::ShapeRule> shape;
    std::shared_ptr<LimitRules const> limits;  // null: none
    std::vector<Credential> credentials;       // usable ones; empty = none is needed
    bool needs_credential = true;
    bool is_mock = false;
    std::array<bool, operation_count> speaks{true, true, true, true};

    [[nodiscard]] bool is_available() const noexcept {
        return !needs_credential || !credentials.empty();
    }
    // A request that came in `from`, translated or as it is.
    [[nodiscard]] bool can(Operation operation, sluice::Dialect const& from) const noexcept {
        return can(operation) && can_serve(from, *dialect, operation);
    }
    [[nodiscard]] bool can(Operation operation) const noexcept {
        auto const index = static_cast<std::size_t>(operation);
        return speaks[index] && dialect && dialect->row[index];
    }
};

}  // namespace sluice::provider
