#include <algorithm>

#include "provider/provider.hpp"

namespace sluice::provider {
namespace {
constexpr auto refusal_first = seconds{30};
constexpr auto refusal_max = seconds{1800};
}  // namespace

void CredentialHealth::bench(Steady::time_point until) noexcept {
    auto const wanted = until.time_since_epoch().count();
    auto held = until_.load(std::memory_order_relaxed);
    while (held < wanted &&
           !until_.compare_exchange_weak(held, wanted, std::memory_order_relaxed)) {
    }
}

Steady::duration CredentialHealth::refuse(Steady::time_point now) noexcept {
    // Requests in flight with the same credential are refused together: that is one refusal.
    if (is_benched(now)) return benched_until() - now;
    auto const before = refusals_.fetch_add(1, std::memory_order_relaxed);
    auto const length =
        std::min<Steady::duration>(refusal_first * (1U << std::min(before, 6U)), refusal_max);
    bench(now + length);
    return length;
}

void CredentialHealth::accept() noexcept {
    if (refusals_.load(std::memory_order_relaxed) != 0) {
        refusals_.store(0, std::memory_order_relaxed);
    }
}

}  // namespace sluice::provider
