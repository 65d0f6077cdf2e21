// A bounded queue of UsageRecords from one worker to the writer thread: one producer, one consumer,
// no lock. A slot keeps the record it held until it is used again, so that the worker which made a
// record's strings also frees them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "sluice/usage_record.hpp"

namespace sluice::telemetry {

class RecordQueue {
  public:
    // `capacity`: a power of two.
    explicit RecordQueue(std::size_t capacity)
        : mask_(capacity - 1), slots_(std::make_unique<Slot[]>(capacity)) {}

    // Producer. False when full; the record is left as it was.
    bool push(UsageRecord&& record) noexcept {
        auto const head = head_.load(std::memory_order_relaxed);
        if (head - tail_seen_ > mask_) {
            tail_seen_ = tail_.load(std::memory_order_acquire);
            if (head - tail_seen_ > mask_) return false;
        }
        auto& slot = slots_[head & mask_];
        if (slot.record) {
            std::swap(*slot.record, record);
        } else {
            slot.record.reset(new (std::nothrow) UsageRecord);
            if (!slot.record) return false;
            *slot.record = std::move(record);
        }
        head_.store(head + 1, std::memory_order_release);
        return true;
    }

    // Consumer; one at a time. Calls read(UsageRecord const&) -> bool for each record queued now,
    // until it says false; returns how many were read.
    template <class Read>
    std::size_t drain(Read&& read) {
        auto const head = head_.load(std::memory_order_acquire);
        auto const tail = tail_.load(std::memory_order_relaxed);
        auto at = tail;
        for (bool more = true; more && at != head; ++at) {
            more = read(std::as_const(*slots_[at & mask_].record));
            tail_.store(at + 1, std::memory_order_release);
        }
        return at - tail;
    }

    // Any thread; as of now.
    [[nodiscard]] std::size_t size() const noexcept {
        auto const tail = tail_.load(std::memory_order_acquire);
        return head_.load(std::memory_order_acquire) - tail;
    }
    [[nodiscard]] bool is_nearly_full() const noexcept { return size() * 4 > (mask_ + 1) * 3; }

  private:
    struct Slot {
        std::unique_ptr<UsageRecord> record;  // made when first used: an idle worker holds little
    };

    std::size_t const mask_;
    std::unique_ptr<Slot[]> slots_;
    alignas(64) std::atomic<std::size_t> head_{0};  // next to write
    std::size_t tail_seen_ = 0;                     // producer's last look at tail_
    alignas(64) std::atomic<std::size_t> tail_{0};  // next to read
};

}  // namespace sluice::telemetry
