#include "store/memory/window.hpp"

#include <algorithm>

namespace sluice::store {
namespace {

constexpr std::int64_t ring = 64;

std::size_t slot_of(std::int64_t second) noexcept {
    return static_cast<std::size_t>(second % ring);
}
std::uint64_t lap_of(std::int64_t second) noexcept {
    return static_cast<std::uint64_t>(second / ring);
}
std::uint64_t pack(std::uint64_t lap, std::int64_t amount) noexcept {
    return (lap << 40) | static_cast<std::uint64_t>(amount);
}
std::uint64_t lap_in(std::uint64_t word) noexcept { return word >> 40; }

}  // namespace

std::optional<std::int64_t> Window::take(std::int64_t amount, std::int64_t cap,
                                         std::int64_t now) noexcept {
    drop_old(now);
    if (amount < 0 || amount > std::min(cap, amount_max)) return std::nullopt;
    auto total = total_.load(std::memory_order_acquire);
    do {
        if (total > cap - amount) return std::nullopt;
    } while (!total_.compare_exchange_weak(total, total + amount, std::memory_order_acq_rel));
    // Not into the past: another thread's clock may be a tick ahead.
    auto const second = std::max(now, head_.load(std::memory_order_acquire));
    put(second, amount);
    reserved_.fetch_add(amount, std::memory_order_relaxed);
    return second;
}

// What is in total_ goes into its cell; a thread that slept past the cell's time gives it back.
void Window::put(std::int64_t second, std::int64_t amount) noexcept {
    auto& cell = cells_[slot_of(second)];
    auto const lap = lap_of(second);
    auto word = cell.load(std::memory_order_acquire);
    std::int64_t dropped = 0;
    for (;;) {
        if (lap_in(word) > lap) {
            total_.fetch_sub(amount, std::memory_order_acq_rel);
            return;
        }
        bool const is_same = lap_in(word) == lap;
        auto const there = static_cast<std::int64_t>(word & amount_mask);
        auto const sum =
            is_same ? std::min(there + amount, static_cast<std::int64_t>(amount_mask)) : amount;
        dropped = is_same ? there + amount - sum : there;
        if (cell.compare_exchange_weak(word, pack(lap, sum), std::memory_order_acq_rel)) break;
    }
    if (dropped != 0) total_.fetch_sub(dropped, std::memory_order_acq_rel);
}

void Window::adjust(std::int64_t second, std::int64_t by) noexcept {
    if (by == 0) return;
    by = std::clamp(by, -amount_max, amount_max);
    if (by > 0) total_.fetch_add(by, std::memory_order_acq_rel);
    auto& cell = cells_[slot_of(second)];
    auto const lap = lap_of(second);
    auto word = cell.load(std::memory_order_acquire);
    std::int64_t done = 0;
    for (;;) {
        if (lap_in(word) != lap) {
            done = 0;
            break;
        }
        auto const there = static_cast<std::int64_t>(word & amount_mask);
        auto const next = std::clamp<std::int64_t>(there + by, 0, amount_mask);
        done = next - there;
        if (cell.compare_exchange_weak(word, pack(lap, next), std::memory_order_acq_rel)) break;
    }
    auto const owed = by > 0 ? done - by : done;  // what total_ still has to lose
    if (owed != 0) total_.fetch_add(owed, std::memory_order_acq_rel);
}

// Every thread that finds the clock ahead of head_ drops what is old; each cell goes once, whoever
// does it. Only then head_ moves on, so nobody finds it current with old cells still counted.
void Window::drop_old(std::int64_t now) noexcept {
    auto head = head_.load(std::memory_order_acquire);
    if (now <= head) return;
    if (now == head + 1) {
        // One second on: the one cell that has just become too old.
        if (now >= seconds_kept) drop(slot_of(now - seconds_kept), now);
    } else {
        for (std::size_t slot = 0; slot < cells_.size(); ++slot) drop(slot, now);
    }
    while (head < now && !head_.compare_exchange_weak(head, now, std::memory_order_acq_rel)) {
    }
}

// The slot's latest second that counts no more, and all before it.
void Window::drop(std::size_t slot, std::int64_t now) noexcept {
    auto const oldest_out = now - seconds_kept;
    auto const behind = ((oldest_out - static_cast<std::int64_t>(slot)) % ring + ring) % ring;
    auto const out = oldest_out - behind;
    if (out < 0) return;
    auto const closed = pack(lap_of(out) + 1, 0);
    auto& cell = cells_[slot];
    auto word = cell.load(std::memory_order_acquire);
    do {
        if (lap_in(word) > lap_of(out)) return;
    } while (!cell.compare_exchange_weak(word, closed, std::memory_order_acq_rel));
    auto const amount = static_cast<std::int64_t>(word & amount_mask);
    if (amount != 0) total_.fetch_sub(amount, std::memory_order_acq_rel);
}

std::int64_t Window::held(std::int64_t now) noexcept {
    drop_old(now);
    return total_.load(std::memory_order_acquire);
}

std::int64_t Window::reset_s(std::int64_t now) noexcept {
    if (held(now) <= 0) return 0;
    now = std::max(now, head_.load(std::memory_order_acquire));
    auto const oldest = std::max<std::int64_t>(now - seconds_kept + 1, 0);
    for (auto second = now; second >= oldest; --second) {
        auto const word = cells_[slot_of(second)].load(std::memory_order_acquire);
        if (lap_in(word) != lap_of(second) || (word & amount_mask) == 0) continue;
        return second + seconds_kept - now;
    }
    return seconds_kept;  // on its way into a cell
}

std::int64_t Window::wait_s(std::int64_t amount, std::int64_t cap, std::int64_t now) noexcept {
    auto left = held(now);
    if (left <= cap - amount) return 0;
    now = std::max(now, head_.load(std::memory_order_acquire));
    for (auto second = std::max<std::int64_t>(now - seconds_kept + 1, 0); second <= now; ++second) {
        auto const word = cells_[slot_of(second)].load(std::memory_order_acquire);
        if (lap_in(word) != lap_of(second)) continue;
        left -= static_cast<std::int64_t>(word & amount_mask);
        if (left <= std::max<std::int64_t>(cap - amount, 0)) return second + seconds_kept - now;
    }
    return seconds_kept;
}

}  // namespace sluice::store
