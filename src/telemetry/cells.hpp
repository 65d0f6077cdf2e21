// Counters and histograms that one thread writes and any thread reads: relaxed loads and stores, no
// read-modify-write, so an increment costs what a plain one does.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

namespace sluice::telemetry {

class Cell {
  public:
    void add(std::uint64_t n = 1) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t get() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }

  private:
    std::atomic<std::uint64_t> value_{0};
};

// Upper bounds of buckets, ascending, in the unit that is observed (microseconds, tokens).
template <std::size_t N>
using Bounds = std::array<std::uint64_t, N>;

template <std::size_t N>
class HistogramCells {
  public:
    explicit HistogramCells(Bounds<N> const& bounds) noexcept : bounds_(&bounds) {}

    void observe(std::uint64_t value) noexcept {
        std::size_t bucket = 0;
        while (bucket < N && value > (*bounds_)[bucket]) ++bucket;
        counts_[bucket].add();
        sum_.add(value);
    }

    [[nodiscard]] std::span<std::uint64_t const> bounds() const noexcept { return *bounds_; }
    // Observations in bucket i alone; i == N: above the last bound.
    [[nodiscard]] std::uint64_t count(std::size_t i) const noexcept { return counts_[i].get(); }
    [[nodiscard]] std::uint64_t sum() const noexcept { return sum_.get(); }

  private:
    Bounds<N> const* bounds_;
    std::array<Cell, N + 1> counts_;
    Cell sum_;
};

}  // namespace sluice::telemetry
