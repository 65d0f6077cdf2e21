// A bounded queue of UsageRecords from one worker to the writer thread: one producer, one consumer,
// no lock. A record that was read goes back to the worker, which made its strings and frees them;
// the one that came back last is used next, so that few records are touched in turn, and those are
// in the cache.
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
        : mask_(capacity - 1), slots_(std::make_unique<Node*[]>(capacity)) {}
    RecordQueue(RecordQueue const&) = delete;
    RecordQueue& operator=(RecordQueue const&) = delete;
    ~RecordQueue() {
        auto const head = head_.load(std::memory_order_acquire);
        for (auto at = tail_.load(std::memory_order_acquire); at != head; ++at) {
            delete slots_[at & mask_];
        }
        while (auto* const node = take_spare()) delete node;
    }

    // Producer. False when full; the record is left as it was.
    bool push(UsageRecord&& record) noexcept {
        auto const head = head_.load(std::memory_order_relaxed);
        if (head - tail_seen_ > mask_) {
            tail_seen_ = tail_.load(std::memory_order_acquire);
            if (head - tail_seen_ > mask_) return false;
        }
        auto* node = take_spare();
        if (!node) node = new (std::nothrow) Node;
        if (!node) return false;
        node->record = std::move(record);
        slots_[head & mask_] = node;
        head_.store(head + 1);  // in one order with whether the writer sleeps: ledger/threads.cpp
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
            auto* const node = slots_[at & mask_];
            more = read(std::as_const(node->record));
            tail_.store(at + 1, std::memory_order_release);
            give_back(node);
        }
        return at - tail;
    }

    // Any thread; as of now.
    [[nodiscard]] std::size_t size() const noexcept {
        auto const tail = tail_.load(std::memory_order_acquire);
        return head_.load() - tail;
    }
    [[nodiscard]] bool is_nearly_full() const noexcept { return size() * 4 > (mask_ + 1) * 3; }

  private:
    struct Node {
        UsageRecord record;
        Node* next = nullptr;   // of those that came back together
        Node* older = nullptr;  // in the first of them: those that came back before
    };

    // Consumer.
    void give_back(Node* node) noexcept {
        node->older = nullptr;
        node->next = returned_.load(std::memory_order_relaxed);
        while (!returned_.compare_exchange_weak(node->next, node, std::memory_order_release,
                                                std::memory_order_relaxed)) {
        }
    }

    // Producer. Null: all are queued or being read.
    Node* take_spare() noexcept {
        if (returned_.load(std::memory_order_relaxed)) {
            auto* const first = returned_.exchange(nullptr, std::memory_order_acquire);
            first->older = spare_;
            spare_ = first;
        }
        auto* const node = spare_;
        if (!node) return nullptr;
        if (node->next) node->next->older = node->older;
        spare_ = node->next ? node->next : node->older;
        return node;
    }

    std::size_t const mask_;
    std::unique_ptr<Node*[]> slots_;
    alignas(64) std::atomic<std::size_t> head_{0};  // next to write
    std::size_t tail_seen_ = 0;                     // producer's last look at tail_
    Node* spare_ = nullptr;                         // producer's
    alignas(64) std::atomic<std::size_t> tail_{0};  // next to read
    std::atomic<Node*> returned_{nullptr};
};

}  // namespace sluice::telemetry
