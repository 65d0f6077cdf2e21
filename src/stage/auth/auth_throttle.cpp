// See auth_throttle.hpp.
#include "stage/auth/auth_throttle.hpp"

#include <algorithm>
#include <random>

namespace sluice::stage {
namespace {

// 12 bits of failures, 26 of each time: two years of seconds.
constexpr unsigned time_bits = 26;
constexpr std::uint32_t time_most = (1U << time_bits) - 1;
constexpr std::uint32_t failures_most = (1U << 12) - 1;

}  // namespace

AuthThrottle::AuthThrottle() : start_(Steady::now()) {
    std::random_device device;
    seed_ = (static_cast<std::uint64_t>(device()) << 32) | device();
}

std::uint64_t AuthThrottle::pack(State const& state) noexcept {
    return (static_cast<std::uint64_t>(std::min(state.failures, failures_most))
            << (2 * time_bits)) |
           (static_cast<std::uint64_t>(std::min(state.since_s, time_most)) << time_bits) |
           std::min(state.until_s, time_most);
}

AuthThrottle::State AuthThrottle::unpack(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word >> (2 * time_bits)),
            static_cast<std::uint32_t>(word >> time_bits) & time_most,
            static_cast<std::uint32_t>(word) & time_most};
}

std::uint64_t AuthThrottle::tag_of(IpAddress const& address) const noexcept {
    auto const hash = address.site().hash(seed_);
    return hash == 0 ? 1 : hash;
}

std::uint32_t AuthThrottle::seconds_of(Steady::time_point now) const noexcept {
    auto const passed = std::chrono::duration_cast<seconds>(now - start_).count();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(passed + 1, 1, time_most));
}

std::uint32_t AuthThrottle::blocked_s(IpAddress const& address,
                                      Steady::time_point now) const noexcept {
    auto const now_s = seconds_of(now);
    if (latest_until_s_.load(std::memory_order_relaxed) <= now_s) return 0;
    auto const tag = tag_of(address);
    for (auto const& slot : sets_[tag % sets].slots) {
        if (slot.tag.load(std::memory_order_relaxed) != tag) continue;
        auto const state = unpack(slot.state.load(std::memory_order_relaxed));
        return state.until_s > now_s ? state.until_s - now_s : 0;
    }
    return 0;
}

// The address's own slot, else a free one, else the one that is missed least.
AuthThrottle::Slot& AuthThrottle::slot_for(std::uint64_t tag, std::uint32_t now_s) noexcept {
    auto& slots = sets_[tag % sets].slots;
    Slot* least = nullptr;
    std::uint64_t least_worth = 0;
    for (auto& slot : slots) {
        auto const held = slot.tag.load(std::memory_order_relaxed);
        if (held == tag) return slot;
        auto const state = unpack(slot.state.load(std::memory_order_relaxed));
        bool const is_blocked = state.until_s > now_s;
        std::uint64_t const worth = held == 0    ? 0
                                    : is_blocked ? (std::uint64_t{1} << 32) + state.until_s
                                                 : state.since_s;
        if (least && worth >= least_worth) continue;
        least = &slot;
        least_worth = worth;
    }
    // Two that take the same slot at once: one of them begins anew at its next failure.
    least->tag.store(tag, std::memory_order_relaxed);
    least->state.store(0, std::memory_order_relaxed);
    return *least;
}

bool AuthThrottle::note_failure(IpAddress const& address, Settings const& settings,
                                Steady::time_point now) noexcept {
    if (settings.failures == 0) return false;
    auto const now_s = seconds_of(now);
    auto& word = slot_for(tag_of(address), now_s).state;
    auto seen = word.load(std::memory_order_relaxed);
    for (;;) {
        auto state = unpack(seen);
        if (state.until_s > now_s) return false;  // by another worker, a moment ago
        bool const is_new = state.since_s == 0 || state.since_s + settings.window_s <= now_s;
        state.failures = is_new ? 1 : state.failures + 1;
        if (is_new) state.since_s = now_s;
        bool const blocks = state.failures >= settings.failures;
        if (blocks) state = {0, 0, now_s + settings.block_s};
        if (!word.compare_exchange_weak(seen, pack(state), std::memory_order_relaxed)) continue;
        if (!blocks) return false;
        auto latest = latest_until_s_.load(std::memory_order_relaxed);
        while (latest < state.until_s && !latest_until_s_.compare_exchange_weak(
                                             latest, state.until_s, std::memory_order_relaxed)) {
        }
        return true;
    }
}

}  // namespace sluice::stage
