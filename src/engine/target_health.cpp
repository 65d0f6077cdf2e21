#include "engine/target_health.hpp"

namespace sluice::engine {
namespace {
std::int64_t ticks(Steady::time_point at) { return at.time_since_epoch().count(); }
}  // namespace

Admit TargetHealth::admit(Steady::time_point now, HealthPolicy const& policy) noexcept {
    if (policy.failures_in_a_row == 0) return Admit::yes;
    if (failures_.load(std::memory_order_relaxed) < policy.failures_in_a_row) return Admit::yes;
    // On trial: whoever moves skip_until_ forward is the probe.
    auto until = skip_until_.load(std::memory_order_relaxed);
    if (ticks(now) < until) return Admit::no;
    bool const mine = skip_until_.compare_exchange_strong(until, ticks(now + policy.skip),
                                                          std::memory_order_relaxed);
    return mine ? Admit::probe : Admit::no;
}

void TargetHealth::on_success() noexcept {
    if (failures_.load(std::memory_order_relaxed) == 0) return;
    failures_.store(0, std::memory_order_relaxed);
    skip_until_.store(0, std::memory_order_relaxed);
}

void TargetHealth::on_failure(Steady::time_point now, HealthPolicy const& policy) noexcept {
    auto const failures = failures_.fetch_add(1, std::memory_order_relaxed) + 1;
    if (policy.failures_in_a_row == 0 || failures < policy.failures_in_a_row) return;
    skip_until_.store(ticks(now + policy.skip), std::memory_order_relaxed);
}

void TargetHealth::on_probe_abandoned() noexcept {
    skip_until_.store(0, std::memory_order_relaxed);
}

}  // namespace sluice::engine
