#include "engine/dispatch.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/log.hpp"
#include "base/turn_time.hpp"
#include "engine/reserve.hpp"
#include "engine/worker_context.hpp"
#include "net/cancelled.hpp"
#include "net/server_stream.hpp"
#include "net/worker.hpp"

namespace sluice::engine {
namespace {

using provider::Credential;
using provider::Provider;

// Drawn by weight among those not benched; null when none is left.
// `full`: those whose limits had no room.
Credential const* pick_credential(Provider const& provider, Dice& dice, Steady::time_point now,
                                  std::vector<Credential const*> const& full) {
    auto const is_out = [&](Credential const& credential) {
        return credential.health->is_benched(now) ||
               std::find(full.begin(), full.end(), &credential) != full.end();
    };
    std::uint64_t sum = 0;
    for (auto const& credential : provider.credentials) {
        if (!is_out(credential)) sum += static_cast<std::uint64_t>(credential.weight);
    }
    if (sum == 0) return nullptr;
    auto mark = dice.below(sum);
    for (auto const& credential : provider.credentials) {
        if (is_out(credential)) continue;
        auto const weight = static_cast<std::uint64_t>(credential.weight);
        if (mark < weight) return &credential;
        mark -= weight;
    }
    return nullptr;
}

Error credentials_exhausted(Plan const& plan, Steady::time_point now) {
    auto soonest = Steady::time_point::max();
    std::string names;
    for (auto const* target : plan.targets) {
        for (auto const& credential : target->provider->credentials) {
            auto const until = credential.health->benched_until();
            if (until <= now) continue;
            soonest = std::min(soonest, until);
            names += fmt::format("{}{}/{} benched for {} s", names.empty() ? "" : ", ",
                                 target->provider->name, credential.name,
                                 std::chrono::ceil<seconds>(until - now).count());
        }
    }
    auto error =
        gateway_error(ErrorCode::upstream_credentials_exhausted, 502,
                      "The gateway has no working provider credential for this model right "
                      "now. Try again later or tell its operator.",
                      std::move(names));
    if (soonest != Steady::time_point::max()) {
        error.retry_after_ms =
            std::max<std::int64_t>(std::chrono::ceil<milliseconds>(soonest - now).count(), 1);
    }
    return error;
}

// Does this failure speak against the target itself?
bool is_targets_fault(Error const& error) noexcept {
    switch (error.code) {
        case ErrorCode::upstream_connect:
        case ErrorCode::upstream_tls:
        case ErrorCode::upstream_timeout:
        case ErrorCode::upstream_reset:
        case ErrorCode::upstream_protocol:
        case ErrorCode::upstream_bad_response:
        case ErrorCode::upstream_server_error:
            return true;
        default:
            return false;
    }
}

// The dispatch of one exchange: what was tried and what came of it last.
class Dispatch {
  public:
    Dispatch(Exchange& x, Codec const& codec, Plan const& plan)
        : x_(x), codec_(codec), plan_(plan), policy_(x.route->retry) {}

    Async<std::unique_ptr<Answer>> run() {
        for (int round = 0; attempts_left(); ++round) {
            if (round > 0) {
                auto const woken = co_await pause(round);
                if (woken.value() != Wake::ready) break;
            }
            tried_ = false;
            may_change_ = false;
            wait_ms_ = 0;
            auto answer = co_await visit_targets();
            if (answer || is_over_) co_return answer;
            if (!tried_ || !may_change_ || wait_ms_ > backoff_max_ms()) break;
        }
        co_return give_up();
    }

  private:
    [[nodiscard]] bool attempts_left() const noexcept { return attempts_ < x_.attempts_max; }

    // One round: every target once, each with the credentials it has left.
    Async<std::unique_ptr<Answer>> visit_targets() {
        for (auto const* target : plan_.targets) {
            auto answer = co_await visit(*target);
            if (answer || is_over_) co_return answer;
            if (!attempts_left()) break;
        }
        co_return last_;
    }

    // One target: the next credential is tried before the next target.
    Async<std::unique_ptr<Answer>> visit(Target const& target) {
        full_.clear();
        while (attempts_left() && !x_.client.cancel().cancelled()) {
            auto const now = turn_time();
            auto const* credential = pick_credential(*target.provider, x_.worker.dice, now, full_);
            if (!credential && target.provider->needs_credential) break;
            auto const admitted = health_of(target).admit(now, x_.route->health);
            if (admitted == Admit::no) break;
            auto const reserved = reserve_attempt(x_, target, credential);
            if (!reserved) {
                if (admitted == Admit::probe) health_of(target).on_probe_abandoned();
                remember_limit(reserved.error());
                if (is_over_) co_return give_up();
                if (!credential || !credential->limits) break;
                full_.push_back(credential);
                continue;
            }
            ++attempts_;
            tried_ = true;
            auto tried = co_await attempt(x_, codec_, target, credential);
            auto outcome = std::move(tried).value();
            judge(target, admitted, outcome.error);
            count(target, credential, outcome.error);
            if (!outcome.error) co_return std::move(outcome.answer);
            settle_attempt(x_);
            status_ = outcome.status;
            bool const is_last = is_final(*outcome.error);
            remember(std::move(*outcome.error), std::move(outcome.answer));
            if (is_last) {
                is_over_ = true;
                co_return give_up();
            }
            bool const credential_is_out =
                credential && credential->health->is_benched(Steady::now());
            if (!credential_is_out) break;
        }
        co_return last_;
    }

    void judge(Target const& target, Admit admitted, std::optional<Error> const& error) const {
        if (!error) {
            health_of(target).on_success();
        } else if (is_targets_fault(*error) && !x_.deadline.is_past()) {
            health_of(target).on_failure(Steady::now(), x_.route->health);
        } else if (admitted == Admit::probe) {
            // The caller left, or its own total time was over: that says nothing of the target.
            health_of(target).on_probe_abandoned();
        }
    }

    // For the admin API. A caller who left says nothing about the target.
    void count(Target const& target, Credential const* credential,
               std::optional<Error> const& error) const {
        if (error && x_.client.cancel().cancelled()) return;
        // It answered; that the answer may not pass is our own rule.
        if (error && error->code == ErrorCode::guardrail_blocked) return;
        auto const worker = x_.worker.index;
        auto const note = [&](provider::CallStats& stats) {
            if (error) stats.failed(worker, error->code, x_.record.at);
            if (!error) stats.answered(worker, x_.record.attempts.back().first_byte);
        };
        if (target.stats) note(*target.stats);
        if (credential && credential->stats) note(*credential->stats);
    }

    // A limit had no room for an attempt: another target may have. What is told is the soonest.
    void remember_limit(Error const& error) {
        if (error.retry == Retry::no) is_over_ = true;  // the caller's own
        if (limited_ && limited_->retry_after_ms <= error.retry_after_ms) return;
        limited_ = error;
    }

    // Keeps what the caller will be told should this have been the last try. A target that merely
    // had a bad moment says more than another that does not know the model.
    void remember(Error error, std::unique_ptr<Answer> shown) {
        bool const is_throttled = error.code == ErrorCode::upstream_rate_limited;
        bool const is_listed = error.code == ErrorCode::upstream_rejected && covers(error);
        bool const may_change = error.code != ErrorCode::upstream_auth &&
                                (error.retry == Retry::same || is_throttled || is_listed);
        if (may_change) {
            wait_ms_ =
                may_change_ ? std::min(wait_ms_, error.retry_after_ms) : error.retry_after_ms;
            may_change_ = true;
        }
        bool const keeps_better = !may_change && may_change_ &&
                                  error.code == ErrorCode::upstream_rejected &&
                                  error.retry == Retry::next;
        if (keeps_better) return;
        last_ = std::move(error);
        shown_ = std::move(shown);
    }

    [[nodiscard]] std::int64_t backoff_max_ms() const noexcept {
        return std::chrono::duration_cast<milliseconds>(policy_.backoff_max).count();
    }

    [[nodiscard]] TargetHealth& health_of(Target const& target) const noexcept {
        return target.health_of(x_.facts.model);
    }

    // No other try can help, whatever is left.
    [[nodiscard]] bool is_final(Error const& error) const noexcept {
        if (x_.client.cancel().cancelled() || x_.deadline.is_past()) return true;
        if (error.code == ErrorCode::upstream_auth) return false;
        // This target cannot be told what was asked; another dialect may have a place for it.
        if (error.code == ErrorCode::invalid_request) return error.retry != Retry::next;
        // No room for another connection to it, or to hold its answer: whatever `retry.when` says.
        if (error.code == ErrorCode::overloaded) return error.retry != Retry::next;
        // About this request, not about the target: only a target that differs can help, unless
        // the status is one that the route tries again.
        if (error.code == ErrorCode::upstream_rejected) {
            return error.retry != Retry::next && !covers(error);
        }
        return error.retry == Retry::no || !covers(error);
    }

    // Does `retry.when` name this failure?
    [[nodiscard]] bool covers(Error const& error) const noexcept {
        return policy_.covers(error, status_);
    }

    // Exponential with full jitter above a half, never less than Retry-After.
    Async<Wake> pause(int round) {
        auto const grown = policy_.backoff * (1LL << std::min(round - 1, 16));
        auto const ceiling = std::min<Steady::duration>(grown, policy_.backoff_max);
        auto const half_us = std::chrono::duration_cast<microseconds>(ceiling).count() / 2;
        auto const jitter = static_cast<std::int64_t>(
            x_.worker.dice.below(static_cast<std::uint64_t>(half_us) + 1));
        auto const wanted =
            std::max<Steady::duration>(microseconds{half_us + jitter}, milliseconds{wait_ms_});
        if (x_.deadline.at() - Steady::now() <= wanted) co_return Wake::timeout;
        x_.record.upstream_wait += std::chrono::duration_cast<microseconds>(wanted);
        co_return co_await net::Worker::current().sleep(wanted, x_.client.cancel());
    }

    // What the caller gets: the provider's own words where they may be shown, else our error.
    Result<std::unique_ptr<Answer>> give_up() {
        report();
        if (x_.client.cancel().cancelled()) return net::cancelled_error(x_.client.cancel());
        if (attempts_ == 0 && limited_) return std::move(*limited_);
        if (attempts_ == 0 || last_.code == ErrorCode::upstream_auth) {
            auto const now = Steady::now();
            return all_benched(now) ? credentials_exhausted(plan_, now) : not_admitted();
        }
        if (shown_) {
            x_.record.error_code = to_string(last_.code);
            x_.record.error_origin = to_string(last_.origin);
            if (last_.retry_after_ms > 0 && shown_->headers.get("retry-after").empty()) {
                shown_->headers.add("retry-after",
                                    fmt::format_int((last_.retry_after_ms + 999) / 1000).c_str());
            }
            return std::move(shown_);
        }
        return std::move(last_);
    }

    [[nodiscard]] bool all_benched(Steady::time_point now) const noexcept {
        return std::all_of(plan_.targets.begin(), plan_.targets.end(), [now](Target const* target) {
            auto const& keys = target->provider->credentials;
            return target->provider->needs_credential &&
                   std::all_of(keys.begin(), keys.end(),
                               [now](auto const& key) { return key.health->is_benched(now); });
        });
    }

    // Every target was skipped or taken by a probe between choose() and now.
    [[nodiscard]] Error not_admitted() const {
        if (last_.code == ErrorCode::upstream_auth) {
            auto error = credentials_exhausted(plan_, Steady::now());
            error.retry_after_ms = 0;
            return error;
        }
        auto error = gateway_error(ErrorCode::provider_unavailable, 503,
                                   "No provider is available for this model right now.",
                                   "every target is skipped after failures");
        error.retry_after_ms = 1000;
        return error;
    }

    void report() const {
        if (x_.record.attempts.empty() || x_.client.cancel().cancelled()) return;
        if (last_.code == ErrorCode::upstream_rejected ||
            last_.code == ErrorCode::guardrail_blocked) {
            return;  // the caller's request, and answered
        }
        std::string list;
        for (auto const& attempt : x_.record.attempts) {
            list += fmt::format("{}{}/{} {} {} in {} ms", list.empty() ? "" : "; ",
                                attempt.provider, attempt.model, attempt.status, attempt.outcome,
                                attempt.total.count() / 1000);
        }
        log::warn("request {}: no target answered: {}", x_.record.id.view(), list);
    }

    Exchange& x_;
    Codec const& codec_;
    Plan const& plan_;
    RetryPolicy const& policy_;
    int attempts_ = 0;
    std::uint16_t status_ = 0;  // of the last that failed
    bool tried_ = false;        // in this round
    bool may_change_ = false;   // in this round: some target may answer differently later
    std::int64_t wait_ms_ = 0;  // the shortest Retry-After among those
    bool is_over_ = false;      // no further try
    std::vector<Credential const*> full_;  // of the target being visited
    std::optional<Error> limited_;         // what a limit of the gateway's refused with
    Error last_;
    std::unique_ptr<Answer> shown_;  // the provider's own error answer of the last attempt
};

}  // namespace

Async<std::unique_ptr<Answer>> dispatch(Exchange& x, Codec const& codec, Plan const& plan) {
    Dispatch dispatch(x, codec, plan);
    co_return co_await dispatch.run();
}

}  // namespace sluice::engine
