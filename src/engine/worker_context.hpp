// What one worker holds for the engine: its reference to the Snapshot, its sink, its dice.
// Thread: the worker's own, but for the process-wide counter.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "sluice/sink.hpp"

#include "engine/snapshot.hpp"
#include "engine/tags.hpp"

namespace sluice::engine {

// A Snapshot reference whose count is not atomic: one per worker and snapshot.
class SnapshotPin {
  public:
    SnapshotPin() = default;
    explicit SnapshotPin(std::shared_ptr<Snapshot const> snapshot)
        : cell_(new Cell{std::move(snapshot), 1}) {}
    SnapshotPin(SnapshotPin const& other) noexcept : cell_(other.cell_) {
        if (cell_) ++cell_->pins;
    }
    SnapshotPin& operator=(SnapshotPin other) noexcept {
        std::swap(cell_, other.cell_);
        return *this;
    }
    ~SnapshotPin() {
        if (cell_ && --cell_->pins == 0) delete cell_;
    }
    Snapshot const& operator*() const noexcept { return *cell_->snapshot; }
    Snapshot const* operator->() const noexcept { return cell_->snapshot.get(); }

  private:
    struct Cell {
        std::shared_ptr<Snapshot const> snapshot;
        std::uint64_t pins;
    };
    Cell* cell_ = nullptr;
};

// xorshift64*: enough for weights and jitter, not for secrets.
class Dice {
  public:
    explicit Dice(std::uint64_t seed) noexcept : state_(seed | 1) {}
    // Uniform in [0, bound); bound > 0.
    std::uint64_t below(std::uint64_t bound) noexcept {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return ((state_ * 0x2545F4914F6CDD1DULL) >> 16) % bound;
    }

  private:
    std::uint64_t state_;
};

struct WorkerContext {
    unsigned index = 0;
    SnapshotPin snapshot;
    UsageSink* sink = nullptr;  // outlives the worker
    Dice dice{1};
    KnownValues known_values;
    std::atomic<std::int64_t>* body_bytes_in_flight{};  // one for the process
    std::atomic<std::int64_t>* requests_in_flight{};    // one for the process; null = not counted
    stage::AuthThrottle* auth_throttle = nullptr;       // one for the process; null = none
};

}  // namespace sluice::engine
