// What the client connections of one listener may be in all: how many, how many from one address,
// and how they lie on the workers. One object per listener, shared by its workers.
//
// Called by: listener, http1 session; the daemon makes them. Thread: any; relaxed atomics, touched
// when a connection comes or goes, never per request. No locks, no allocation after construction.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "sluice/ip.hpp"

#include "base/zero_pages.hpp"

namespace sluice::net {

class ConnectionCaps {
  public:
    explicit ConnectionCaps(unsigned workers);
    ConnectionCaps(ConnectionCaps const&) = delete;
    ConnectionCaps& operator=(ConnectionCaps const&) = delete;

    // False, and nothing taken, when `most` are open.
    bool open(unsigned worker, std::size_t most) noexcept;
    void close(unsigned worker) noexcept;

    // One more of this address (IPv6: of its /64). False, and nothing taken, over `most`; give_back
    // only what was taken. Counts may be too high when two addresses fall together, which two
    // independent rows make unlikely; never too low.
    bool take(IpAddress const& address, std::uint32_t most) noexcept;
    void give_back(IpAddress const& address) noexcept;

    [[nodiscard]] std::size_t count() const noexcept {
        return open_.load(std::memory_order_relaxed);
    }
    // Holds this worker so many more connections than the mean that others should take the next
    // ones? Never true for all workers at once, nor for the only one.
    [[nodiscard]] bool is_far_above_mean(unsigned worker) const noexcept;

  private:
    static constexpr std::size_t row_cells = 8192;
    static constexpr std::uint32_t least_surplus = 16;

    struct alignas(64) OfWorker {
        std::atomic<std::uint32_t> open{0};
    };
    using Row = std::array<std::atomic<std::uint32_t>, row_cells>;

    std::array<std::atomic<std::uint32_t>*, 2> cells_of(IpAddress const& address) noexcept;

    std::uint64_t seed_;
    std::atomic<std::size_t> open_{0};
    std::vector<OfWorker> of_worker_;
    ZeroPages<Row> rows_{2};  // few connections touch few pages
};

}  // namespace sluice::net
