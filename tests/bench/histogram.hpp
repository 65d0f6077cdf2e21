// Latencies in nanoseconds, log-linear: 64 steps per doubling, so a quantile is within 1.6 %.
// Used by bench_load only.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace bench {

class Histogram {
  public:
    void add(std::int64_t value_ns) {
        auto const value = static_cast<std::uint64_t>(value_ns < 0 ? 0 : value_ns);
        ++counts_[slot_of(value)];
        ++total_;
        if (value > max_) max_ = value;
    }

    [[nodiscard]] std::uint64_t count() const { return total_; }
    [[nodiscard]] double max_us() const { return static_cast<double>(max_) / 1e3; }

    // The upper edge of the slot that holds the quantile, in microseconds.
    [[nodiscard]] double quantile_us(double q) const {
        auto const wanted = static_cast<std::uint64_t>(q * static_cast<double>(total_));
        std::uint64_t seen = 0;
        for (std::size_t slot = 0; slot < counts_.size(); ++slot) {
            seen += counts_[slot];
            if (seen > wanted) return static_cast<double>(edge_of(slot)) / 1e3;
        }
        return max_us();
    }

  private:
    static constexpr unsigned step_bits = 6;
    static constexpr std::size_t slots = (64 - step_bits) << step_bits;

    static std::size_t slot_of(std::uint64_t value) {
        if (value < (1U << step_bits)) return value;
        unsigned const shift = static_cast<unsigned>(std::bit_width(value)) - 1 - step_bits;
        std::size_t const slot =
            ((shift + 1U) << step_bits) + ((value >> shift) - (1U << step_bits));
        return slot < slots ? slot : slots - 1;
    }

    static std::uint64_t edge_of(std::size_t slot) {
        if (slot < (1U << step_bits)) return slot;
        unsigned const shift = static_cast<unsigned>(slot >> step_bits) - 1;
        return ((slot & ((1U << step_bits) - 1)) + (1U << step_bits) + 1) << shift;
    }

    std::array<std::uint64_t, slots> counts_{};
    std::uint64_t total_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace bench
