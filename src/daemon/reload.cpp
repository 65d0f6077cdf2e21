// The Daemon's reload: load and validate, build the new Snapshot and everything beside it off the
// workers, then have each worker swap its own pointer. Nothing is half taken: until the first post
// the old configuration is untouched. See docs/guide/operate.md.
#include <condition_variable>

#include "base/log.hpp"
#include "config/print.hpp"
#include "daemon/daemon.hpp"
#include "daemon/reload_rules.hpp"
#include "daemon/server_options.hpp"
#include "net/upstream_stream.hpp"

namespace sluice::daemon {
namespace {

using endpoint::ReloadReport;
using Outcome = ReloadReport::Outcome;

constexpr auto acknowledged_within = seconds{5};

std::vector<ReloadReport::Reason> reasons_of(std::vector<config::Problem> const& problems,
                                             config::Problem::Severity severity) {
    std::vector<ReloadReport::Reason> reasons;
    for (auto const& problem : problems) {
        if (problem.severity != severity) continue;
        reasons.push_back(
            {problem.message, problem.place.file, problem.place.line, problem.place.column});
    }
    return reasons;
}

void tell(ReloadReport const& report, std::string const& cause) {
    auto const joined = [](std::vector<std::string> const& words) {
        std::string out;
        for (auto const& word : words) out += (out.empty() ? "" : ", ") + word;
        return out.empty() ? std::string{"nothing"} : out;
    };
    if (report.is_applied()) {
        log::info("reload ({}): configuration {} is in force; changed: {}{}", cause, report.version,
                  joined(report.changed),
                  report.files.empty() ? "" : "; files: " + joined(report.files));
        for (auto const& warning : report.warnings) log::warn("{}", to_text(warning));
        if (report.outcome == Outcome::late) {
            log::warn("reload: not every worker has taken it within {} s",
                      acknowledged_within.count());
        }
        return;
    }
    log::error("reload ({}) refused: configuration {} stays in force", cause, report.version);
    for (auto const& reason : report.reasons) log::error("{}", to_text(reason));
}

}  // namespace

// What the workers are given. Shared by the messages to them: the last to go destroys nothing
// that is expensive, the Snapshot is held by the Daemon besides.
struct Daemon::Next {
    std::shared_ptr<engine::Snapshot const> snapshot;
    std::shared_ptr<net::ServerOptions const> options;
    std::vector<std::shared_ptr<net::TlsServer const>> tls;  // by listener
    std::vector<std::string> identities;                     // of the upstreams in use
    net::UpstreamLimits upstream_limits;
};

// How many workers have not taken it yet.
class Daemon::Acknowledgements {
  public:
    explicit Acknowledgements(std::size_t missing) : missing_(missing) {}
    void arrive() {
        {
            std::lock_guard const lock(mutex_);
            --missing_;
        }
        changed_.notify_all();
    }
    void give_up() {
        {
            std::lock_guard const lock(mutex_);
            given_up_ = true;
        }
        changed_.notify_all();
    }
    // True when all have come.
    bool wait() {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, acknowledged_within, [this] { return missing_ == 0 || given_up_; });
        return missing_ == 0;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t missing_;
    bool given_up_ = false;
};

ReloadReport Daemon::reload(std::string const& cause) {
    std::lock_guard const one_at_a_time(reload_mutex_);
    ReloadReport report;
    report.version = version_;
    if (!source_ || stopping_) return report;
    auto loaded = source_->load();
    if (!loaded.ok()) {
        note_failure();
        report.outcome = Outcome::invalid;
        report.reasons = reasons_of(loaded.problems, config::Problem::Severity::error);
        tell(report, cause);
        return report;
    }
    report.warnings = reasons_of(loaded.problems, config::Problem::Severity::warning);
    report.changed = config::changed_paths(*current_document(), loaded.document);
    report.files = source_->changed_files();
    report.reasons = restart_reasons(report.changed, loaded.document);
    if (!report.reasons.empty()) {
        note_failure();
        report.outcome = Outcome::needs_restart;
        tell(report, cause);
        return report;
    }
    auto next = prepare(loaded.document);
    if (!next) {
        note_failure();
        report.outcome = Outcome::invalid;
        report.reasons.push_back({next.error().message, source_->path(), 0, 0});
        tell(report, cause);
        return report;
    }
    last_reload_failed_ = false;
    take_over(std::move(loaded.document));
    report.outcome = publish(*next) ? Outcome::applied : Outcome::late;
    report.version = ++version_;  // whoever sees it finds the workers there already
    if (watch_) watch_->tidy_soon();
    tell(report, cause);
    return report;
}

// Everything that can fail.
Result<std::shared_ptr<Daemon::Next const>> Daemon::prepare(config::Document const& wanted) {
    auto next = std::make_shared<Next>();
    auto built = build(wanted, runtime_, environment_, limits_);
    if (!built) return std::move(built).error();
    next->snapshot = std::move(*built);
    next->options = server_options(wanted.server);
    next->upstream_limits = upstream_limits(wanted.server.upstreams);
    for (auto const& listener : wanted.server.listeners) {
        auto tls = tls_server(listener);
        if (!tls) return std::move(tls).error();
        next->tls.push_back(std::move(*tls));
    }
    for (auto const& provider : next->snapshot->providers) {
        next->identities.push_back(provider->endpoint.identity());
    }
    return std::shared_ptr<Next const>{std::move(next)};
}

void Daemon::note_failure() {
    ++reload_failures_;
    last_reload_failed_ = true;
}

// What is not the workers'.
void Daemon::take_over(config::Document wanted) {
    auto const& keep = wanted.storage.retention;
    projector_->set_retention({keep.rows_days, keep.ledger_days});
    if (auto const level = log::to_level(wanted.telemetry.log_level)) log::set_level(*level);
    std::lock_guard const lock(document_mutex_);
    current_document_ = std::make_shared<config::Document const>(std::move(wanted));
}

bool Daemon::publish(std::shared_ptr<Next const> const& next) {
    auto const acknowledgements = std::make_shared<Acknowledgements>(workers_.size());
    {
        std::lock_guard const lock(document_mutex_);
        waiting_ = acknowledgements;
    }
    retired_.push_back(std::exchange(snapshot_, next->snapshot));
    budget_watch_->watch(
        std::static_pointer_cast<stage::TokenLimiter const>(next->snapshot->limiter));
    identities_ = next->identities;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        workers_[i]->post([this, i, next, acknowledgements] {
            take(i, *next);
            acknowledgements->arrive();
        });
    }
    if (stopping_) acknowledgements->give_up();
    return acknowledgements->wait();
}

// On worker `index`: from here on its new requests go by `next`; those under way keep what they
// pinned.
void Daemon::take(std::size_t index, Next const& next) {
    contexts_[index].snapshot = engine::SnapshotPin{next.snapshot};
    admin_contexts_[index].snapshot = engine::SnapshotPin{next.snapshot};
    auto& worker = *workers_[index];
    for (std::size_t id = 0; id < next.tls.size(); ++id) {
        worker.update_listener(static_cast<std::uint32_t>(id), next.tls[id], next.options);
    }
    // The admin listener has the id after theirs.
    worker.update_listener(static_cast<std::uint32_t>(next.tls.size()), nullptr, next.options);
    worker.upstreams().set_limits(next.upstream_limits);
    worker.upstreams().retain(next.identities);
}

void Daemon::request_reload(std::string cause) {
    if (watch_) watch_->request(std::move(cause));
}

// Frees Snapshots that no worker pins any more, here and not on a worker. A request of an old one
// may have opened a connection that the retain of its reload could not see: once it is gone, the
// pools are swept again.
bool Daemon::tidy() {
    std::lock_guard const one_at_a_time(reload_mutex_);
    auto const freed =
        std::erase_if(retired_, [](auto const& snapshot) { return snapshot.use_count() == 1; });
    if (freed > 0) {
        runtime_.sweep();
        limits_->sweep();
        auto const identities = std::make_shared<std::vector<std::string> const>(identities_);
        for (auto& worker : workers_) {
            worker->post(
                [&upstreams = *worker, identities] { upstreams.upstreams().retain(*identities); });
        }
    }
    return !retired_.empty();
}

std::size_t Daemon::snapshots_retired() {
    std::lock_guard const one_at_a_time(reload_mutex_);
    return retired_.size();
}

std::shared_ptr<config::Document const> Daemon::current_document() const {
    std::lock_guard const lock(document_mutex_);
    return current_document_;
}

void Daemon::give_up_waiting() {
    std::lock_guard const lock(document_mutex_);
    if (waiting_) waiting_->give_up();
}

}  // namespace sluice::daemon
