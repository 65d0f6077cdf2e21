#include "daemon/daemon.hpp"

#include <future>

#include "base/log.hpp"
#include "base/version.hpp"
#include "dialect/anthropic/anthropic.hpp"
#include "dialect/openai_chat/openai_chat.hpp"
#include "endpoint/admin/page.hpp"
#include "endpoint/admin/routes.hpp"
#include "endpoint/admin/usage.hpp"
#include "endpoint/health/health.hpp"
#include "endpoint/llm/count_tokens.hpp"
#include "endpoint/llm/inference.hpp"
#include "endpoint/llm/models.hpp"
#include "endpoint/root/welcome.hpp"
#include "net/bind.hpp"
#include "net/connection_caps.hpp"
#include "net/server_stream.hpp"
#include "net/tls.hpp"

namespace sluice::daemon {
namespace {

constexpr auto scrape_wait_step = milliseconds{1};
constexpr int scrape_wait_steps = 200;
constexpr milliseconds usage_catch_up{1000};

std::shared_ptr<net::ServerOptions const> server_options(config::Server const& server) {
    auto options = std::make_shared<net::ServerOptions>();
    auto const& limits = server.limits;
    options->head_bytes_max = static_cast<std::size_t>(limits.head_bytes_max);
    options->header_count_max = static_cast<std::size_t>(limits.header_count_max);
    options->connections_max = static_cast<std::size_t>(limits.connections_max);
    options->head_timeout = milliseconds{limits.head_timeout_ms};
    options->body_idle = milliseconds{limits.body_idle_ms};
    options->keep_alive_idle = milliseconds{limits.keep_alive_idle_ms};
    options->write_idle = milliseconds{limits.write_idle_ms};
    options->connections_per_address_max =
        static_cast<std::uint32_t>(limits.connections_per_address_max);
    options->body_rate_min = static_cast<std::uint32_t>(limits.body_rate_min);
    options->write_rate_min = static_cast<std::uint32_t>(limits.write_rate_min);
    options->trusted_proxies = server.trusted_proxies;
    options->half_close_cancels = server.half_close == config::HalfClose::cancel;
    return options;
}

unsigned worker_count_of(config::Server const& server) {
    if (server.workers > 0) return static_cast<unsigned>(server.workers);
    return std::max(1U, std::thread::hardware_concurrency());
}

// Telemetry knows no store: a plain struct of figures stands between them.
telemetry::ProjectionFigures figures_of(store::ProjectorCounters const& counters) {
    return {counters.records,       counters.duplicates,    counters.bad_lines, counters.failures,
            counters.files_deleted, counters.pending_bytes, counters.failing};
}

}  // namespace

// The endpoints; one of each serves every worker.
struct Daemon::Scripts {
    endpoint::Inference chat{dialect::openai_chat(), Operation::chat, "chat.completions"};
    endpoint::Inference complete{dialect::openai_chat(), Operation::complete, "completions"};
    endpoint::Inference messages{dialect::anthropic_messages(), Operation::chat, "messages"};
    endpoint::CountTokens count_tokens{dialect::anthropic_messages()};
    endpoint::Inference embed{dialect::openai_chat(), Operation::embed, "embeddings"};
    endpoint::ModelList model_list;
    endpoint::ModelGet model_get;
    endpoint::Welcome welcome;
    endpoint::Healthz healthz;
    endpoint::Readyz readyz;
    endpoint::MetricsPage metrics;

    endpoint::AdminPage admin_routes{"admin.routes", endpoint::AdminPage::at_once([](Exchange& x) {
                                         return Result<endpoint::AdminAnswer>{endpoint::AdminAnswer{
                                             endpoint::routes_json(x.snapshot, Steady::now())}};
                                     })};

    endpoint::AdminPage admin_usage;

    Scripts(endpoint::Readyz::Probe probe, endpoint::MetricsPage::Scrape scrape,
            endpoint::AdminPage::Make usage)
        : readyz(std::move(probe)),
          metrics(std::move(scrape)),
          admin_usage("admin.usage", std::move(usage)) {}

    std::vector<engine::EndpointEntry> client_paths() {
        auto const* openai = &dialect::openai_chat();
        using http::Method;
        return {
            {Method::post, "/v1/chat/completions", &chat, openai},
            {Method::post, "/v1/messages", &messages, &dialect::anthropic_messages()},
            {Method::post, "/v1/messages/count_tokens", &count_tokens,
             &dialect::anthropic_messages()},
            {Method::post, "/v1/completions", &complete, openai},
            {Method::post, "/v1/embeddings", &embed, openai},
            {Method::get, "/v1/models", &model_list, openai},
            {Method::get, "/v1/models/*", &model_get, openai},
            {Method::get, "/", &welcome, openai},
        };
    }

    std::vector<engine::EndpointEntry> admin_paths() {
        auto const* openai = &dialect::openai_chat();
        using http::Method;
        return {
            {Method::get, "/healthz", &healthz, openai},
            {Method::get, "/readyz", &readyz, openai},
            {Method::get, "/metrics", &metrics, openai},
            {Method::get, "/admin/routes", &admin_routes, openai},
            {Method::get, "/admin/usage", &admin_usage, openai},
        };
    }
};

Daemon::Daemon(config::Document document) : document_(std::move(document)) {}

Daemon::~Daemon() { stop(Steady::duration::zero()); }

Result<std::unique_ptr<Daemon>> Daemon::create(config::Document document,
                                               ProxyEnvironment const& environment,
                                               std::vector<net::InheritedSocket> inherited) {
    std::unique_ptr<Daemon> daemon{new Daemon(std::move(document))};
    daemon->inherited_ = std::move(inherited);
    auto opened = daemon->open(environment);
    if (!opened) return std::move(opened).error();
    return daemon;
}

Result<void> Daemon::open(ProxyEnvironment const& environment) {
    auto built = build(document_, runtime_, environment);
    if (!built) return std::move(built).error();
    built_ = std::move(*built);
    auto const workers = worker_count_of(document_.server);
    stats_.resize(workers);
    for (unsigned i = 0; i < workers; ++i) workers_.push_back(net::Worker::create(i));
    auto outlets = open_outlets();
    if (!outlets) return outlets;
    make_contexts(built_.snapshot);
    make_doors();
    auto listening = open_listeners();
    if (!listening) return listening;
    auto admin = open_admin();
    if (admin && !inherited_.empty()) return net::not_taken(inherited_);
    return admin;
}

Result<net::Bound> Daemon::bind(std::string const& name, std::string const& address,
                                unsigned workers) {
    auto taken = net::take_inherited(inherited_, name, address, workers);
    if (!taken || !taken->fds.empty()) return taken;
    return net::bind_listeners(address, workers);
}

Result<void> Daemon::open_outlets() {
    auto const workers = static_cast<unsigned>(workers_.size());
    std::unique_ptr<telemetry::AccessLog> access_log;
    auto const& settings = document_.telemetry.access_log;
    if (settings.format != config::AccessLog::Format::off) {
        auto opened = telemetry::AccessLog::open(settings.format == config::AccessLog::Format::json
                                                     ? telemetry::AccessLog::Format::json
                                                     : telemetry::AccessLog::Format::text,
                                                 settings.path);
        if (!opened) return std::move(opened).error();
        access_log = std::move(*opened);
    }
    auto ledger = telemetry::Ledger::open(document_.storage.dir, workers, std::move(access_log));
    if (!ledger) return std::move(ledger).error();
    ledger_ = std::move(*ledger);
    auto const& keep = document_.storage.retention;
    projector_ = std::make_unique<store::Projector>(
        document_.storage.dir, store::RetentionSettings{keep.rows_days, keep.ledger_days});

    telemetry::MetricsSources sources;
    sources.workers = [this] {
        std::lock_guard const lock(stats_mutex_);
        return stats_;
    };
    sources.ledger = [this] { return ledger_->counters(); };
    sources.projection = [this] { return figures_of(projector_->counters()); };
    sources.log_dropped = [] { return log::dropped(); };
    metrics_ =
        std::make_unique<telemetry::Metrics>(workers, std::string{version()}, std::move(sources));
    return {};
}

void Daemon::make_contexts(std::shared_ptr<engine::Snapshot const> const& snapshot) {
    auto const workers = static_cast<unsigned>(workers_.size());
    auto const seed = static_cast<std::uint64_t>(Wall::now().time_since_epoch().count());
    for (unsigned i = 0; i < workers; ++i) {
        sinks_.push_back(
            std::make_unique<telemetry::RecordSink>(i, metrics_->worker_cells(i), ledger_.get()));
        engine::WorkerContext context;
        context.index = i;
        context.snapshot = engine::SnapshotPin{snapshot};
        context.sink = sinks_.back().get();
        context.dice = engine::Dice{seed * (2 * i + 3)};
        context.body_bytes_in_flight = &body_bytes_in_flight_;
        context.requests_in_flight = &requests_in_flight_;
        context.auth_throttle = &auth_throttle_;
        contexts_.push_back(context);
        context.requests_in_flight = nullptr;
        context.snapshot = engine::SnapshotPin{snapshot};
        context.sink = nullptr;
        admin_contexts_.push_back(context);
    }
}

void Daemon::make_doors() {
    scripts_ = std::make_unique<Scripts>([this] { return why_not_ready(); },
                                         [this](Cancel& cancel) { return scrape(cancel); },
                                         endpoint::usage_page(offload_, usage_source()));
    auto const& dialect = dialect::openai_chat();
    door_ = std::make_unique<engine::FrontDoor>(scripts_->client_paths(), contexts_, dialect);
    admin_door_ =
        std::make_unique<engine::FrontDoor>(scripts_->admin_paths(), admin_contexts_, dialect);
}

// What was written to the ledger before the question is in the answer, when that is soon done.
std::function<Result<store::UsageReport>(store::UsageQuery)> Daemon::usage_source() {
    return [projector = projector_.get(), dir = document_.storage.dir](store::UsageQuery query) {
        projector->catch_up(usage_catch_up);
        return store::read_usage(dir, std::move(query));
    };
}

Result<void> Daemon::open_listeners() {
    auto const options = server_options(document_.server);
    auto const workers = static_cast<unsigned>(workers_.size());
    for (auto& worker : workers_) {
        for (auto const& upstream : built_.inproc) {
            worker->add_inproc(upstream.name, *upstream.handler, options);
        }
    }
    for (auto const& described : document_.server.listeners) {
        std::shared_ptr<net::TlsServer const> tls;
        if (described.tls) {
            auto made = net::TlsServer::create(
                {described.tls->cert, described.tls->key, described.tls->client_ca,
                 described.tls->client_auth == config::ClientAuth::require});
            if (!made) return std::move(made).error();
            tls = std::move(*made);
        }
        auto bound = bind(described.name, described.address, workers);
        if (!bound) return std::move(bound).error();
        net::ListenerFd listener;
        listener.tls = std::move(tls);
        listener.base_path = described.base_path;
        listener.id = static_cast<std::uint32_t>(listeners_.size());
        listener.proxy_protocol = described.proxy_protocol;
        listener.shared_queue = bound->shared_queue;
        listener.caps = std::make_shared<net::ConnectionCaps>(workers);
        for (unsigned i = 0; i < workers; ++i) {
            listener.fd = bound->fds[i];
            workers_[i]->add_listener(listener, *door_, options);
        }
        listeners_.push_back({std::move(bound->address), bound->port});
    }
    return {};
}

// Admin requests are few: the first worker serves them.
Result<void> Daemon::open_admin() {
    if (document_.admin.address.empty()) return {};
    auto bound = bind("admin", document_.admin.address, 1);
    if (!bound) return std::move(bound).error();
    net::ListenerFd listener;
    listener.fd = bound->fds.front();
    listener.id = static_cast<std::uint32_t>(listeners_.size());
    workers_.front()->add_listener(std::move(listener), *admin_door_,
                                   server_options(document_.server));
    admin_address_ = std::move(bound->address);
    admin_port_ = bound->port;
    return {};
}

void Daemon::start() {
    running_ = true;
    projector_->start();
    for (auto& worker : workers_) {
        threads_.emplace_back([&worker] { worker->run(); });
    }
}

void Daemon::stop(Steady::duration drain) {
    if (!running_.exchange(false)) return;
    stopping_ = true;
    offload_.stop();
    for (auto& worker : workers_) worker->stop(drain);
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    ledger_->stop();
    projector_->stop();
}

std::string const& Daemon::address(std::size_t listener) const {
    return listeners_.at(listener).address;
}

std::uint16_t Daemon::port(std::size_t listener) const { return listeners_.at(listener).port; }

std::string Daemon::why_not_ready() const {
    if (stopping_) return "shutting down";
    if (ledger_->counters().failing) return "the usage ledger cannot be written";
    return {};
}

std::vector<net::WorkerStats> Daemon::worker_stats() {
    std::vector<net::WorkerStats> all;
    for (auto& worker : workers_) {
        if (!running_) {  // no thread is left that could answer, or change them
            all.push_back(worker->stats());
            continue;
        }
        auto promise = std::make_shared<std::promise<net::WorkerStats>>();
        auto figures = promise->get_future();
        worker->post([promise, &worker] { promise->set_value(worker->stats()); });
        all.push_back(figures.get());
    }
    return all;
}

// Each worker writes down its own figures; this one waits a little for the others.
Async<std::string> Daemon::scrape(Cancel& cancel) {
    auto const missing = std::make_shared<std::atomic<std::size_t>>(workers_.size());
    for (auto& worker : workers_) {
        worker->post([this, missing, self = worker.get()] {
            auto const figures = self->stats();
            {
                std::lock_guard const lock(stats_mutex_);
                stats_[self->index()] = figures;
            }
            missing->fetch_sub(1);
        });
    }
    for (int i = 0; i < scrape_wait_steps && missing->load() != 0; ++i) {
        auto const woken = co_await net::Worker::current().sleep(scrape_wait_step, cancel);
        if (!woken || woken.value() == Wake::cancelled) {
            co_return client_error(ErrorCode::client_closed, 499, "The caller went away.");
        }
    }
    co_return metrics_->scrape();
}

}  // namespace sluice::daemon
