// The daemon: opens the listeners, builds the Snapshot, runs the workers, stops them in order.
// Called by main and by the integration tests; constructs everything below it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sluice/result.hpp"

#include "config/document.hpp"
#include "daemon/build.hpp"
#include "daemon/config_source.hpp"
#include "daemon/config_watch.hpp"
#include "endpoint/admin/page.hpp"
#include "endpoint/admin/reload.hpp"
#include "engine/front_door.hpp"
#include "engine/runtime.hpp"
#include "engine/worker_context.hpp"
#include "net/inherited.hpp"
#include "net/offload.hpp"
#include "net/worker.hpp"
#include "stage/auth/auth_throttle.hpp"
#include "stage/limiter/budget_watch.hpp"
#include "store/projection/projector.hpp"
#include "store/usage/query.hpp"
#include "telemetry/ledger.hpp"
#include "telemetry/metrics.hpp"
#include "telemetry/record_sink.hpp"
#include "telemetry/trace/exporter.hpp"
#include "telemetry/webhook.hpp"

namespace sluice::daemon {

// What the ledger writes to; null: the real disk.
struct LedgerDisks {
    std::shared_ptr<telemetry::Disk> ledger;
    std::shared_ptr<telemetry::Disk> spill;
};

class Daemon {
  public:
    // Opens listeners and files, builds the first Snapshot. Nothing is accepted before start().
    // Error message: for the operator.
    // `source`: from where a reload loads; null = this process does not reload.
    static Result<std::unique_ptr<Daemon>> create(
        config::Document document, ProxyEnvironment const& environment = ProxyEnvironment::read(),
        std::unique_ptr<ConfigSource> source = nullptr, WatchOptions watch = {},
        LedgerDisks disks = {}, std::vector<net::InheritedSocket> inherited = {});
    ~Daemon();  // stops at once when it runs

    void start();
    // Lets exchanges end until `drain` has passed, joins the workers, writes out the ledger.
    // Any thread but a worker's; idempotent.
    void stop(Steady::duration drain);

    // Loads the configuration again and, when it is good, has every worker take it. Any thread but
    // a worker's; waits for the workers, bounded. One at a time.
    endpoint::ReloadReport reload(std::string const& cause);
    // The same soon, on the watch's thread. Any thread; after start().
    void request_reload(std::string cause);

    // Listeners in config order, with real ports; "127.0.0.1:8080", "unix:/path".
    [[nodiscard]] std::string const& address(std::size_t listener = 0) const;
    [[nodiscard]] std::uint16_t port(std::size_t listener = 0) const;
    [[nodiscard]] std::string const& admin_address() const { return admin_address_; }  // "" = none
    [[nodiscard]] std::uint16_t admin_port() const { return admin_port_; }

    // As started: what only a restart changes is always as it says.
    [[nodiscard]] config::Document const& document() const { return document_; }
    // As of the last reload. Any thread.
    [[nodiscard]] std::shared_ptr<config::Document const> current_document() const;
    [[nodiscard]] std::uint64_t config_version() const { return version_; }
    // Snapshots of before that some request still pins, or that were not freed yet.
    [[nodiscard]] std::size_t snapshots_retired();
    [[nodiscard]] std::size_t worker_count() const { return workers_.size(); }
    net::Worker& worker(std::size_t index) { return *workers_[index]; }
    telemetry::Ledger& ledger() { return *ledger_; }
    store::Projector& projector() { return *projector_; }
    stage::BudgetWatch& budget_watch() { return *budget_watch_; }
    telemetry::Metrics& metrics() { return *metrics_; }
    // One entry per worker, as of now. The thread that starts and stops the daemon.
    [[nodiscard]] std::vector<net::WorkerStats> worker_stats();

  private:
    struct Scripts;  // the endpoints

    Daemon(config::Document document, ProxyEnvironment environment);
    Result<void> open(LedgerDisks disks);
    // A socket that was handed over, else a new one. At the admin address, `name` is "admin".
    Result<net::Bound> bind(std::string const& name, std::string const& address, unsigned workers);
    Result<void> open_outlets(LedgerDisks disks);
    Result<void> open_listeners();
    Result<void> open_admin();
    void make_contexts(std::shared_ptr<engine::Snapshot const> const& snapshot);
    void make_doors();
    std::function<Result<store::UsageReport>(store::UsageQuery)> usage_source();
    [[nodiscard]] std::string why_not_ready() const;
    // The admin listener's worker.
    [[nodiscard]] telemetry::ConfigFigures config_figures() const;
    Async<std::string> scrape(Cancel& cancel);
    Async<endpoint::AdminAnswer> answer_reload(Exchange& x);
    Async<endpoint::AdminAnswer> answer_config(Exchange& x);

    // reload.cpp
    struct Next;
    class Acknowledgements;
    Result<std::shared_ptr<Next const>> prepare(config::Document const& wanted);
    void take_over(config::Document wanted);
    void note_failure();
    bool publish(std::shared_ptr<Next const> const& next);
    void take(std::size_t index, Next const& next);
    bool tidy();
    void give_up_waiting();

    struct OpenListener {
        std::string address;
        std::uint16_t port = 0;
    };

    config::Document const document_;
    ProxyEnvironment const environment_;
    std::unique_ptr<ConfigSource> source_;
    WatchOptions watch_options_;

    std::mutex reload_mutex_;  // one reload at a time; of these:
    engine::Runtime runtime_;
    std::shared_ptr<stage::LimitState> limits_;  // before the Snapshots that speak of it
    std::shared_ptr<engine::Snapshot const> snapshot_;
    std::vector<std::shared_ptr<engine::Snapshot const>> retired_;  // until no worker pins them
    std::vector<std::string> identities_;                           // of snapshot_'s upstreams
    mutable std::mutex document_mutex_;                             // short; of these:
    std::shared_ptr<config::Document const> current_document_;
    std::shared_ptr<Acknowledgements> waiting_;
    std::atomic<std::uint64_t> version_{1};
    std::atomic<std::uint64_t> reload_failures_{0};
    std::atomic<bool> last_reload_failed_{false};

    std::unique_ptr<telemetry::Ledger> ledger_;
    std::unique_ptr<store::Projector> projector_;       // reads what the ledger wrote
    std::unique_ptr<telemetry::TraceExporter> traces_;  // null: off
    std::unique_ptr<telemetry::Webhook> webhook_;       // null: off
    std::unique_ptr<stage::BudgetWatch> budget_watch_;
    std::unique_ptr<telemetry::Metrics> metrics_;
    std::vector<std::unique_ptr<telemetry::RecordSink>> sinks_;
    std::vector<net::InheritedSocket> inherited_;  // not taken by a listener yet
    // Each on a cache line of its own: every worker touches them.
    alignas(64) std::atomic<std::int64_t> body_bytes_in_flight_{0};
    alignas(64) std::atomic<std::int64_t> requests_in_flight_{0};
    stage::AuthThrottle auth_throttle_;
    std::vector<engine::WorkerContext> contexts_;
    std::vector<engine::WorkerContext> admin_contexts_;  // without a sink: probes are no usage
    std::unique_ptr<Scripts> scripts_;
    std::unique_ptr<engine::FrontDoor> door_;
    std::unique_ptr<engine::FrontDoor> admin_door_;
    std::vector<std::unique_ptr<net::Worker>> workers_;
    net::Offload offload_;  // these two end before the workers are destroyed
    std::unique_ptr<ConfigWatch> watch_;
    std::vector<std::thread> threads_;
    std::vector<OpenListener> listeners_;
    std::mutex stats_mutex_;  // stats_: written by each worker for a scrape, never per request
    std::vector<net::WorkerStats> stats_;
    std::string admin_address_;
    std::uint16_t admin_port_ = 0;
    std::atomic<bool> running_{false};
    std::atomic<bool> stopping_{false};
};

}  // namespace sluice::daemon
