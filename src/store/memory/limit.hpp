// Limits: what may be taken from, and a Grant that holds what was taken until it is settled.
// reserve() takes from all that are asked, in the order they are asked, or from none. Lock-free
// between workers. Called by stage/limiter.
//
// LimitCell is the state, kept by identity over reloads; its cap comes with each ask, from the
// configuration in force. A remote store can stand behind the same words: a reservation is a batch
// of (cell, amount, cap), named by the grant's id, so that one that is sent twice counts once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "sluice/ids.hpp"
#include "sluice/time.hpp"

#include "store/memory/budget.hpp"
#include "store/memory/gauge.hpp"
#include "store/memory/window.hpp"

namespace sluice::store {

enum class LimitKind : std::uint8_t { concurrency, requests, tokens, token_budget, usd_budget };

// Seconds of both clocks, read once per decision.
struct Moment {
    std::int64_t steady_s = 0;  // for windows; never goes back
    std::int64_t unix_s = 0;    // for calendar periods
};

class LimitCell {
  public:
    struct Gauged {};
    struct Windowed {};
    explicit LimitCell(Gauged) : state_(std::in_place_type<Gauge>) {}
    explicit LimitCell(Windowed) : state_(std::in_place_type<Window>) {}
    LimitCell(BudgetSlot& slot, Period period, std::shared_ptr<TimeZone const> zone,
              BudgetNews* news = nullptr)
        : state_(std::in_place_type<Budget>, slot, period, std::move(zone), news) {}

    std::optional<std::int64_t> take(std::int64_t amount, std::int64_t cap, Moment now) noexcept;
    // Ends what take() began: of `reserved`, `used` counts.
    void settle(std::int64_t mark, std::int64_t reserved, std::int64_t used) noexcept;

    struct State {
        std::int64_t held = 0;      // reserved and used
        std::int64_t reserved = 0;  // of it, not settled yet
        std::int64_t reset_s = 0;   // until nothing held counts any more; 0: nothing is held
    };
    State state(Moment now) noexcept;
    std::int64_t held(Moment now) noexcept;     // state().held
    std::int64_t reset_s(Moment now) noexcept;  // state().reset_s
    // Seconds until `amount` may fit; at least 1.
    std::int64_t wait_s(std::int64_t amount, std::int64_t cap, Moment now) noexcept;
    [[nodiscard]] Budget* budget() noexcept { return std::get_if<Budget>(&state_); }
    // Something was refused since the last time this was asked.
    void note_refusal() noexcept {
        was_refused_.store(true, std::memory_order_relaxed);
        if (auto* const its = budget()) its->note_refusal();
    }
    bool take_refusal() noexcept { return was_refused_.exchange(false, std::memory_order_relaxed); }

  private:
    std::atomic<bool> was_refused_{false};
    std::variant<Gauge, Window, Budget> state_;
};

// `cap`: the limit's, or less of it for a caller who may not use all.
struct Ask {
    LimitCell* cell = nullptr;
    LimitKind kind = LimitKind::requests;
    std::int64_t amount = 0;
    std::int64_t cap = 0;
    bool is_likely = false;  // settled by what was likely used, where nobody knows
};

struct Denied {
    std::size_t ask = 0;  // index of the one that refused
    std::int64_t retry_after_s = 0;
    bool never = false;  // the amount is above the cap
};

// What a request has used, by kind.
struct Used {
    std::int64_t requests = 0;
    std::int64_t tokens = 0;
    std::int64_t nano_usd = 0;
};

class Leases;

// What was taken. Move-only; settled, released or run out exactly once. One thread's.
class Grant {
  public:
    Grant() = default;
    Grant(Grant&&) noexcept = default;
    Grant& operator=(Grant&& other) noexcept;
    ~Grant() { release(); }

    [[nodiscard]] bool is_held() const noexcept;
    // What was used counts, the rest goes back; gauges are given back. Where the asks differ in
    // what they go by: `bound` is what was used at most, `likely` what was likely used.
    void settle(Used const& bound, Used const& likely) noexcept;
    void settle(Used const& used) noexcept { settle(used, used); }
    // Nothing was used.
    void release() noexcept { settle({}); }
    // Takes more from the same or other cells, all or nothing: it is settled together with the
    // rest.
    std::optional<Denied> extend(std::span<Ask const> asks, Moment now);
    [[nodiscard]] Ulid const& id() const noexcept;

  private:
    friend class Leases;
    struct State;
    struct Delete {
        void operator()(State* state) const noexcept;
    };
    explicit Grant(std::unique_ptr<State, Delete> state) : state_(std::move(state)) {}
    std::unique_ptr<State, Delete> state_;
};

// The grants of one worker, with their ends. A grant that is still held when its lease has ended is
// settled at what it reserved: what it stood for may have been used. One thread's; outlives the
// grants made by it.
class Leases {
  public:
    Leases() = default;
    Leases(Leases const&) = delete;
    Leases& operator=(Leases const&) = delete;
    ~Leases();

    // `cells` of the asks outlive the grant. Grants of before whose leases have ended end first.
    std::variant<Grant, Denied> reserve(Ulid const& id, std::span<Ask const> asks, Moment now,
                                        std::int64_t lease_s);
    // Returns how many grants had run out.
    std::size_t expire(Moment now) noexcept;
    [[nodiscard]] std::size_t held() const noexcept { return held_; }
    [[nodiscard]] std::uint64_t expired() const noexcept { return expired_.load(); }

  private:
    friend class Grant;
    static constexpr std::size_t spares_max = 256;

    using Owned = std::unique_ptr<Grant::State, Grant::Delete>;
    Owned fresh();
    void keep(Grant::State* state) noexcept;  // for the next, or deletes it
    void link(Grant::State& state) noexcept;
    void unlink(Grant::State& state) noexcept;

    Grant::State* first_ = nullptr;
    std::size_t held_ = 0;
    Grant::State* spare_ = nullptr;  // of grants that have ended, linked by `after`
    std::size_t spares_ = 0;
    std::atomic<std::uint64_t> expired_{0};
    std::int64_t looked_at_ = 0;  // steady seconds of the last expire()
};

}  // namespace sluice::store
