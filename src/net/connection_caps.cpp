// See connection_caps.hpp.
#include "net/connection_caps.hpp"

#include <algorithm>
#include <random>

namespace sluice::net {

ConnectionCaps::ConnectionCaps(unsigned workers) : of_worker_(std::max(1U, workers)) {
    std::random_device device;
    seed_ = (static_cast<std::uint64_t>(device()) << 32) | device();
}

bool ConnectionCaps::open(unsigned worker, std::size_t most) noexcept {
    if (open_.fetch_add(1, std::memory_order_relaxed) >= most) {
        open_.fetch_sub(1, std::memory_order_relaxed);
        return false;
    }
    of_worker_[worker].open.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void ConnectionCaps::close(unsigned worker) noexcept {
    open_.fetch_sub(1, std::memory_order_relaxed);
    of_worker_[worker].open.fetch_sub(1, std::memory_order_relaxed);
}

std::array<std::atomic<std::uint32_t>*, 2> ConnectionCaps::cells_of(
    IpAddress const& address) noexcept {
    auto const hash = address.site().hash(seed_);
    auto const first = static_cast<std::uint32_t>(hash) % row_cells;
    auto const second = static_cast<std::uint32_t>(hash >> 32) % row_cells;
    return {&rows_[0][first], &rows_[1][second]};
}

bool ConnectionCaps::take(IpAddress const& address, std::uint32_t most) noexcept {
    auto const cells = cells_of(address);
    auto const first = cells[0]->fetch_add(1, std::memory_order_relaxed);
    auto const second = cells[1]->fetch_add(1, std::memory_order_relaxed);
    if (std::min(first, second) < most) return true;
    give_back(address);
    return false;
}

void ConnectionCaps::give_back(IpAddress const& address) noexcept {
    for (auto* cell : cells_of(address)) cell->fetch_sub(1, std::memory_order_relaxed);
}

bool ConnectionCaps::is_far_above_mean(unsigned worker) const noexcept {
    // The mean of what is read here, so that some worker is at or below it whatever changes
    // meanwhile.
    std::uint64_t sum = 0;
    for (auto const& one : of_worker_) sum += one.open.load(std::memory_order_relaxed);
    auto const mean = sum / of_worker_.size();
    auto const own = of_worker_[worker].open.load(std::memory_order_relaxed);
    return own > mean + std::max<std::uint64_t>(least_surplus, mean / 4);
}

}  // namespace sluice::net
