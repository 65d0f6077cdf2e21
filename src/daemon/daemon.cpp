#include "daemon/daemon.hpp"

#include <future>

#include "base/background.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "config/print.hpp"
#include "daemon/memory.hpp"
#include "daemon/outlets.hpp"
#include "daemon/server_options.hpp"
#include "dialect/anthropic/anthropic.hpp"
#include "dialect/openai_chat/openai_chat.hpp"
#include "endpoint/admin/page.hpp"
#include "endpoint/admin/providers.hpp"
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
#include "stage/limiter/limits_page.hpp"

namespace sluice::daemon {
namespace {

constexpr auto scrape_wait_step = milliseconds{1};
constexpr int scrape_wait_steps = 200;
constexpr milliseconds usage_catch_up{1000};

telemetry::LedgerOptions ledger_options(config::Document const& document) {
    using config::Ledger;
    auto const& settings = document.ledger;
    telemetry::LedgerOptions options;
    options.dir = document.storage.dir;
    options.spill_dir = settings.spill_dir;
    options.rotate_bytes_max = static_cast<std::uint64_t>(settings.rotate_bytes_max);
    options.rotate_age = std::chrono::hours{settings.rotate_hours};
    if (settings.sync == Ledger::Sync::interval)
        options.sync_every = milliseconds{settings.sync_ms};
    options.must_keep = settings.on_failure == Ledger::OnFailure::refuse;
    return options;
}

unsigned worker_count_of(config::Server const& server) {
    if (server.workers > 0) return static_cast<unsigned>(server.workers);
    return std::max(1U, std::thread::hardware_concurrency());
}

// Null: nothing is limited.
std::shared_ptr<stage::TokenLimiter const> limiter_of(engine::Snapshot const& snapshot) {
    return std::static_pointer_cast<stage::TokenLimiter const>(snapshot.limiter);
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
    endpoint::AdminPage admin_providers{
        "admin.providers", endpoint::AdminPage::at_once([](Exchange& x) {
            return Result<endpoint::AdminAnswer>{
                endpoint::AdminAnswer{endpoint::providers_json(x.snapshot, Steady::now())}};
        })};
    endpoint::AdminPage admin_limits{
        "admin.limits", endpoint::AdminPage::at_once([](Exchange& x) {
            auto const limiter = limiter_of(x.snapshot);
            return Result<endpoint::AdminAnswer>{{stage::limits_json(limiter.get())}};
        })};
    endpoint::AdminPage admin_reload;
    endpoint::AdminPage admin_config;

    endpoint::AdminPage admin_usage;

    explicit Scripts(Daemon& daemon)
        : readyz([&daemon] { return daemon.why_not_ready(); }),
          metrics([&daemon](Cancel& cancel) { return daemon.scrape(cancel); }),
          admin_reload("admin.reload", [&daemon](Exchange& x) { return daemon.answer_reload(x); }),
          admin_config("admin.config", [&daemon](Exchange& x) { return daemon.answer_config(x); }),
          admin_usage("admin.usage", endpoint::usage_page(daemon.offload_, daemon.usage_source())) {
    }

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
            {Method::get, "/v1/models", &model_list, nullptr},
            {Method::get, "/v1/models/*", &model_get, nullptr},
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
            {Method::get, "/admin/config", &admin_config, openai},
            {Method::get, "/admin/limits", &admin_limits, openai},
            {Method::get, "/admin/providers", &admin_providers, openai},
            {Method::get, "/admin/routes", &admin_routes, openai},
            {Method::post, "/admin/reload", &admin_reload, openai},
            {Method::get, "/admin/usage", &admin_usage, openai},
        };
    }
};

Daemon::Daemon(config::Document document, ProxyEnvironment environment)
    : document_(std::move(document)),
      environment_(std::move(environment)),
      current_document_(std::make_shared<config::Document const>(document_)) {}

Daemon::~Daemon() { stop(Steady::duration::zero()); }

Result<std::unique_ptr<Daemon>> Daemon::create(config::Document document,
                                               ProxyEnvironment const& environment,
                                               std::unique_ptr<ConfigSource> source,
                                               WatchOptions watch, LedgerDisks disks,
                                               std::vector<net::InheritedSocket> inherited) {
    std::unique_ptr<Daemon> daemon{new Daemon(std::move(document), environment)};
    daemon->source_ = std::move(source);
    daemon->watch_options_ = watch;
    daemon->inherited_ = std::move(inherited);
    auto opened = daemon->open(std::move(disks));
    if (!opened) return std::move(opened).error();
    return daemon;
}

Result<void> Daemon::open(LedgerDisks disks) {
    auto const workers = worker_count_of(document_.server);
    limits_ = std::make_shared<stage::LimitState>(workers, document_.storage.dir);
    auto built = build(document_, runtime_, environment_, limits_);
    if (!built) return std::move(built).error();
    snapshot_ = std::move(*built);
    stats_.resize(workers);
    auto const limits = upstream_limits(document_.server.upstreams);
    for (unsigned i = 0; i < workers; ++i) {
        auto& worker = *workers_.emplace_back(net::Worker::create(i));
        worker.post([&worker, limits] { worker.upstreams().set_limits(limits); });
    }
    auto outlets = open_outlets(std::move(disks));
    if (!outlets) return outlets;
    make_contexts(snapshot_);
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

Result<void> Daemon::open_outlets(LedgerDisks disks) {
    auto const workers = static_cast<unsigned>(workers_.size());
    std::unique_ptr<telemetry::AccessLog> access_log;
    auto const& settings = document_.telemetry.access_log;
    if (settings.format != config::AccessLog::Format::off) {
        auto opened = telemetry::AccessLog::open(settings.format == config::AccessLog::Format::json
                                                     ? telemetry::AccessLog::Format::json
                                                     : telemetry::AccessLog::Format::text,
                                                 settings.path, settings.sample);
        if (!opened) return std::move(opened).error();
        access_log = std::move(*opened);
    }
    auto options = ledger_options(document_);
    options.disk = std::move(disks.ledger);
    options.spill_disk = std::move(disks.spill);
    auto ledger = telemetry::Ledger::open(std::move(options), workers, std::move(access_log));
    if (!ledger) return std::move(ledger).error();
    ledger_ = std::move(*ledger);
    auto const& keep = document_.storage.retention;
    projector_ = std::make_unique<store::Projector>(
        document_.storage.dir, store::RetentionSettings{keep.rows_days, keep.ledger_days});

    auto traces = open_traces(document_.telemetry.traces, workers);
    if (!traces) return std::move(traces).error();
    traces_ = std::move(*traces);

    webhook_ = open_webhook(document_.telemetry.budget_webhook);
    std::function<void(std::string)> tell;
    if (webhook_) tell = [this](std::string body) { webhook_->send(std::move(body)); };
    budget_watch_ = std::make_unique<stage::BudgetWatch>(std::move(tell));
    budget_watch_->watch(limiter_of(*snapshot_));

    telemetry::MetricsSources sources;
    sources.limits = [this] {
        return limit_figures(*limits_, limiter_of(*admin_contexts_.front().snapshot).get(),
                             *budget_watch_, webhook_.get());
    };
    sources.workers = [this] {
        std::lock_guard const lock(stats_mutex_);
        return stats_;
    };
    sources.ledger = [this] { return ledger_->counters(); };
    sources.projection = [this] { return figures_of(projector_->counters()); };
    sources.log_dropped = [] { return log::dropped(); };
    sources.config = [this] { return config_figures(); };
    sources.credentials = [this] { return credential_figures(*admin_contexts_.front().snapshot); };
    if (traces_) sources.traces = [this] { return traces_->counters(); };
    metrics_ =
        std::make_unique<telemetry::Metrics>(workers, std::string{version()}, std::move(sources));
    return {};
}

void Daemon::make_contexts(std::shared_ptr<engine::Snapshot const> const& snapshot) {
    auto const workers = static_cast<unsigned>(workers_.size());
    auto const seed = static_cast<std::uint64_t>(Wall::now().time_since_epoch().count());
    for (unsigned i = 0; i < workers; ++i) {
        sinks_.push_back(std::make_unique<telemetry::RecordSink>(i, metrics_->worker_cells(i),
                                                                 ledger_.get(), traces_.get()));
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
    scripts_ = std::make_unique<Scripts>(*this);
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
    for (auto const& described : document_.server.listeners) {
        auto tls = tls_server(described);
        if (!tls) return std::move(tls).error();
        auto bound = bind(described.name, described.address, workers);
        if (!bound) return std::move(bound).error();
        net::ListenerFd listener;
        listener.tls = *tls;
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
    give_memory_back();  // before the workers: what they touch from here on stays
    projector_->start();
    // Before the workers: one of them may ask for a reload with its first request.
    ConfigWatch::Calls calls;
    calls.reload = [this](std::string const& cause) { reload(cause); };
    calls.tidy = [this] { return tidy(); };
    calls.rest = give_memory_back;
    watch_ = std::make_unique<ConfigWatch>(source_.get(), std::move(calls), watch_options_);
    for (auto& worker : workers_) {
        threads_.emplace_back([&worker] {
            name_this_thread("worker");
            worker->run();
        });
    }
}

void Daemon::stop(Steady::duration drain) {
    if (!running_.exchange(false)) return;
    stopping_ = true;  // /readyz fails from here on
    for (auto& worker : workers_) worker->stop(drain);
    // A reload that is running ends by itself; it waits for no worker any more.
    give_up_waiting();
    watch_->stop();
    offload_.stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    ledger_->stop();
    budget_watch_->stop();
    if (webhook_) webhook_->stop();
    limits_->stop();
    projector_->stop();
    if (traces_) traces_->stop();
}

std::string const& Daemon::address(std::size_t listener) const {
    return listeners_.at(listener).address;
}

std::uint16_t Daemon::port(std::size_t listener) const { return listeners_.at(listener).port; }

std::string Daemon::why_not_ready() const {
    if (stopping_) return "shutting down";
    return ledger_->trouble();
}

telemetry::ConfigFigures Daemon::config_figures() const {
    return {.version = version_,
            .loaded_at = admin_contexts_.front().snapshot->loaded_at,
            .failures = reload_failures_,
            .last_failed = last_reload_failed_};
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

// The caller may leave: the reload goes on.
Async<endpoint::AdminAnswer> Daemon::answer_reload(Exchange& x) {
    std::function<Result<endpoint::ReloadReport>()> work =
        [this]() -> Result<endpoint::ReloadReport> { return reload("POST /admin/reload"); };
    auto report = co_await offload_.run<endpoint::ReloadReport>(std::move(work), x.client.cancel());
    if (!report) co_return std::move(report).error();
    co_return endpoint::to_answer(*report);
}

// A large configuration takes a while to write out.
Async<endpoint::AdminAnswer> Daemon::answer_config(Exchange& x) {
    std::function<Result<std::string>()> work =
        [document = current_document(), version = version_.load()]() -> Result<std::string> {
        config::Json page;
        page["version"] = version;
        page["trial"] = document->trial;
        page["config"] = config::to_json(*document);
        return page.dump(-1, ' ', false, config::Json::error_handler_t::replace) + "\n";
    };
    auto page = co_await offload_.run<std::string>(std::move(work), x.client.cancel());
    if (!page) co_return std::move(page).error();
    endpoint::AdminAnswer answer;
    answer.body = std::move(*page);
    co_return answer;
}

}  // namespace sluice::daemon
