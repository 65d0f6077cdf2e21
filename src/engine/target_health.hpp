// Whether a target is worth a try: N failures in a row skip it for a while, then one request
// probes. Shared by all workers (atomics, written on failures only) and kept across reloads by
// identity.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "sluice/time.hpp"

namespace sluice::engine {

struct HealthPolicy {
    std::uint32_t failures_in_a_row = 5;  // 0 = never skip
    Steady::duration skip = seconds{10};
};

// no: skip this target; probe: go, and you are the one request on trial.
enum class Admit : std::uint8_t { no, yes, probe };

class TargetHealth {
  public:
    // Would a request be let through now? No side effect: for choose() and for reports.
    [[nodiscard]] bool is_open(Steady::time_point now) const noexcept {
        return now.time_since_epoch().count() >= skip_until_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] Steady::time_point skipped_until() const noexcept {
        return Steady::time_point{Steady::duration{skip_until_.load(std::memory_order_relaxed)}};
    }
    // Called when a request is about to be sent. While a target is on trial one request at a time
    // is the probe; it holds the trial until success, failure or `skip` has passed.
    Admit admit(Steady::time_point now, HealthPolicy const& policy) noexcept;
    void on_success() noexcept;
    void on_failure(Steady::time_point now, HealthPolicy const& policy) noexcept;
    // A probe ended without a verdict (the client left): it gives its turn back. Probes only.
    void on_probe_abandoned() noexcept;

  private:
    std::atomic<std::uint32_t> failures_{0};
    std::atomic<std::int64_t> skip_until_{0};  // steady clock, nanoseconds
};

// The health of a target's models. A target with a model of its own has one entry. One that passes
// the caller's model name through has a fixed number of them, found by the name's hash: bounded
// whatever callers invent, and two models that share an entry are rare.
class HealthTable {
  public:
    static constexpr std::size_t pass_through_entries = 256;

    explicit HealthTable(bool passes_through)
        : entries_(passes_through ? pass_through_entries : 1) {}

    TargetHealth& of(std::string_view model) noexcept {
        if (entries_.size() == 1) return entries_.front();
        return entries_[std::hash<std::string_view>{}(model) % entries_.size()];
    }

    // For reports: the latest end of a skip that is in force, nullopt when nothing is skipped.
    [[nodiscard]] std::optional<Steady::time_point> skipped_until(
        Steady::time_point now) const noexcept {
        std::optional<Steady::time_point> latest;
        for (auto const& entry : entries_) {
            if (entry.is_open(now)) continue;
            latest = latest ? std::max(*latest, entry.skipped_until()) : entry.skipped_until();
        }
        return latest;
    }

  private:
    std::vector<TargetHealth> entries_;
};

}  // namespace sluice::engine
