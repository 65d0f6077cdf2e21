// The metrics of the process: per-worker cells, summed when somebody asks. The admin listener
// serves scrape(). Names: sluice_* for the gateway's own, OpenTelemetry's gen_ai_client_* for calls
// to providers. docs/reference lists them.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sluice/time.hpp"

#include "net/worker.hpp"
#include "telemetry/ledger.hpp"
#include "telemetry/metrics_cells.hpp"

namespace sluice::telemetry {

// Of the database that is made from the ledger.
struct ProjectionFigures {
    std::uint64_t records = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t bad_lines = 0;
    std::uint64_t failures = 0;
    std::uint64_t files_deleted = 0;
    std::uint64_t pending_bytes = 0;
    bool failing = false;
};

// Figures that others keep; asked for at each scrape, on the thread that scrapes. Any may be empty.
struct CredentialFigures {
    std::string provider;
    std::string name;
    bool is_benched = false;
};

struct ConfigFigures {
    std::uint64_t version = 0;  // 1 = the one at start; one more with each reload taken over
    Wall::time_point loaded_at{};
    std::uint64_t failures = 0;  // reloads that were refused
    bool last_failed = false;
};

// Of the limits and budgets.
struct LimitFigures {
    struct Refused {
        std::string owner;  // kind: "team", "provider"
        std::string limit;  // kind: "requests", "usd"
        std::uint64_t count = 0;
    };
    struct Budget {
        std::string owner;
        std::string name;
        std::string limit;
        double used_ratio = 0;
    };
    std::vector<Refused> refused;
    std::vector<Budget> budgets;  // of owners that the configuration names
    std::array<std::uint64_t, 3> warnings{};
    std::uint64_t overshoot_tokens = 0;
    double overshoot_usd = 0;
    std::uint64_t leases_expired = 0;
    std::uint64_t owners_named = 0;
    bool store_failing = false;
    std::uint64_t webhooks_sent = 0;
    std::uint64_t webhooks_failed = 0;
    std::uint64_t webhooks_dropped = 0;
};

struct TraceCounters {
    std::uint64_t exported = 0;  // spans a collector took
    std::uint64_t dropped = 0;   // spans given up: queue full, refused, or the collector was away
    std::uint64_t failures = 0;  // requests to the collector that failed
};

struct MetricsSources {
    std::function<std::vector<net::WorkerStats>()> workers;
    std::function<LedgerCounters()> ledger;
    std::function<ProjectionFigures()> projection;
    std::function<std::uint64_t()> log_dropped;
    std::function<ConfigFigures()> config;
    std::function<std::vector<CredentialFigures>()> credentials;
    std::function<TraceCounters()> traces;
    std::function<LimitFigures()> limits;
};

class Metrics {
  public:
    Metrics(unsigned workers, std::string version, MetricsSources sources);
    ~Metrics();

    // Written by that worker's thread only.
    MetricsCells& worker_cells(unsigned worker) noexcept { return *cells_[worker]; }

    // Any thread. Prometheus text format 0.0.4.
    [[nodiscard]] std::string scrape() const;

  private:
    class Collector;

    std::vector<std::unique_ptr<MetricsCells>> cells_;
    std::unique_ptr<Collector> collector_;
};

}  // namespace sluice::telemetry
