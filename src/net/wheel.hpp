// The coarse timer wheel behind every deadline of a worker: O(1) to set and to clear, no
// allocation.
//
// Called by: wait.hpp (deadlines of leaf waits). Calls: nothing; the worker tells it what time it
// is. A deadline fires at the first tick at or after it, so up to one tick late and never early.
// Thread: one worker.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "sluice/time.hpp"

namespace sluice::net {

class Wheel {
  public:
    static constexpr Steady::duration tick = milliseconds{50};

    // Base of whatever has a deadline. Set while linked; clears itself when destroyed.
    class Entry {
      public:
        Entry() = default;
        Entry(Entry const&) = delete;
        Entry& operator=(Entry const&) = delete;

        void clear() noexcept;
        [[nodiscard]] bool is_set() const noexcept { return slot_ != nullptr; }

      protected:
        ~Entry() { clear(); }

      private:
        friend class Wheel;
        virtual void on_deadline() noexcept = 0;  // already cleared when called; resumes nobody

        Wheel* wheel_ = nullptr;
        Entry* next_ = nullptr;
        Entry** slot_ = nullptr;
        std::int64_t due_tick_ = 0;
    };

    explicit Wheel(Steady::time_point now) noexcept;
    Wheel(Wheel const&) = delete;
    Wheel& operator=(Wheel const&) = delete;
    ~Wheel();

    // True when the timer that drives the wheel has to be (re)armed at next_due().
    bool set(Entry& entry, Steady::time_point at) noexcept;
    // Fires everything due at `now`.
    void advance(Steady::time_point now) noexcept;
    // When advance() is wanted next; nullopt = the wheel is empty. Never later than the earliest
    // deadline, possibly earlier (an entry of a later round shares the slot).
    [[nodiscard]] std::optional<Steady::time_point> next_due() const noexcept;
    // The worker says what it armed, so that set() can tell whether that is early enough.
    void armed(std::optional<Steady::time_point> at) noexcept;
    [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }

  private:
    static constexpr std::size_t slots = 512;  // 25.6 s a round
    static std::int64_t tick_at_or_after(Steady::time_point at) noexcept;

    void fire_slot(std::size_t index, std::int64_t upto) noexcept;

    std::array<Entry*, slots> heads_{};
    std::size_t count_ = 0;
    std::int64_t done_tick_;  // every slot up to this tick was fired
    std::int64_t armed_tick_ = INT64_MAX;
};

}  // namespace sluice::net
