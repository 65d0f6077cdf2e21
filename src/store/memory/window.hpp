// Window: how much was taken in the last sixty seconds, in cells of one second. Lock-free; any
// worker's thread, and the admin's to look. Called by limit.cpp.
//
// The promise: no sixty seconds in a row hold more than the cap, wherever they begin. So a cell
// counts until the sixty seconds after its last moment are over, and one second longer, as slack
// for the way to the provider: what was taken just before a cell ended may arrive there a little
// later.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

namespace sluice::store {

class Window {
  public:
    static constexpr std::int64_t seconds_kept = 62;  // the cell being filled, 60, one of slack
    static constexpr std::int64_t amount_max = (std::int64_t{1} << 39) - 1;  // of a cell

    // Takes `amount` (0 or more) at second `now` where it fits under `cap`, and tells which cell
    // holds it; nullopt: nothing was changed. `now` may be a little behind other threads' `now`.
    std::optional<std::int64_t> take(std::int64_t amount, std::int64_t cap,
                                     std::int64_t now) noexcept;
    // Changes what was taken in cell `second`; without effect when the cell counts no more.
    void adjust(std::int64_t second, std::int64_t by) noexcept;
    // Held now, reserved or used. Never less than there is.
    std::int64_t held(std::int64_t now) noexcept;
    // Of it, taken and not settled yet: for people to look at.
    [[nodiscard]] std::int64_t reserved() const noexcept {
        return reserved_.load(std::memory_order_relaxed);
    }
    void settled(std::int64_t amount) noexcept {
        reserved_.fetch_sub(amount, std::memory_order_relaxed);
    }
    // Seconds until nothing that is held now counts any more; 0: nothing is held. Fast where
    // something was taken lately.
    std::int64_t reset_s(std::int64_t now) noexcept;
    // Seconds until `amount` would fit; 0: now. For an amount above the cap: until it is empty.
    std::int64_t wait_s(std::int64_t amount, std::int64_t cap, std::int64_t now) noexcept;

  private:
    static constexpr std::int64_t cells_count = 64;
    static constexpr std::uint64_t amount_mask = (std::uint64_t{1} << 40) - 1;

    void drop_old(std::int64_t now) noexcept;
    void drop(std::size_t slot, std::int64_t now) noexcept;
    void put(std::int64_t second, std::int64_t amount) noexcept;

    // total_ is raised before a cell is and lowered after it, so it is never less than their sum.
    alignas(64) std::atomic<std::int64_t> total_{0};
    std::atomic<std::int64_t> head_{0};  // the latest second that was seen
    std::atomic<std::int64_t> reserved_{0};
    // Lap of the ring (24 bits) and amount (40 bits) in one word: a cell that was dropped already
    // has the next lap, so that a late adjust finds it gone.
    alignas(64) std::array<std::atomic<std::uint64_t>, cells_count> cells_{};
};

}  // namespace sluice::store
