#include "store/memory/limit.hpp"

#include <algorithm>
#include <utility>

namespace sluice::store {

std::optional<std::int64_t> LimitCell::take(std::int64_t amount, std::int64_t cap,
                                            Moment now) noexcept {
    if (auto* window = std::get_if<Window>(&state_)) return window->take(amount, cap, now.steady_s);
    if (auto* budget = std::get_if<Budget>(&state_)) return budget->take(amount, cap, now.unix_s);
    auto& gauge = *std::get_if<Gauge>(&state_);
    return gauge.take(amount, cap) ? std::optional<std::int64_t>{0} : std::nullopt;
}

void LimitCell::settle(std::int64_t mark, std::int64_t reserved, std::int64_t used) noexcept {
    if (auto* window = std::get_if<Window>(&state_)) {
        window->adjust(mark, used - reserved);
        window->settled(reserved);
    } else if (auto* budget = std::get_if<Budget>(&state_)) {
        budget->settle(mark, reserved, used);
    } else {
        std::get_if<Gauge>(&state_)->give(reserved);
    }
}

LimitCell::State LimitCell::state(Moment now) noexcept {
    State state;
    if (auto* window = std::get_if<Window>(&state_)) {
        state.held = window->held(now.steady_s);
        state.reset_s = window->reset_s(now.steady_s);
        state.reserved = std::clamp<std::int64_t>(window->reserved(), 0, state.held);
    } else if (auto* budget = std::get_if<Budget>(&state_)) {
        auto const seen = budget->state(now.unix_s);
        state = {seen.held, seen.held - seen.spent, 0};
        if (seen.ends != PeriodSpan::never) state.reset_s = seen.ends - now.unix_s;
    } else {
        state.held = std::get_if<Gauge>(&state_)->held();
    }
    return state;
}

std::int64_t LimitCell::held(Moment now) noexcept {
    if (auto* window = std::get_if<Window>(&state_)) return window->held(now.steady_s);
    return state(now).held;
}

std::int64_t LimitCell::reset_s(Moment now) noexcept {
    if (auto* window = std::get_if<Window>(&state_)) return window->reset_s(now.steady_s);
    return state(now).reset_s;
}

std::int64_t LimitCell::wait_s(std::int64_t amount, std::int64_t cap, Moment now) noexcept {
    std::int64_t wait = 1;
    if (auto* window = std::get_if<Window>(&state_)) {
        wait = window->wait_s(amount, cap, now.steady_s);
    } else if (auto* budget = std::get_if<Budget>(&state_)) {
        auto const seen = budget->state(now.unix_s);
        // What is reserved may come back soon; what is spent stays to the period's end.
        bool const may_come_back = seen.spent <= cap - std::min(amount, cap);
        wait = may_come_back                    ? 1
               : seen.ends == PeriodSpan::never ? 24 * 3600
                                                : seen.ends - now.unix_s;
    }
    return std::max<std::int64_t>(wait, 1);
}

struct Grant::State {
    struct Charge {
        LimitCell* cell;
        LimitKind kind;
        bool is_likely;
        std::int64_t amount;
        std::int64_t mark;
    };

    void settle(Used const& bound, Used const& likely) noexcept;
    // Appends what the asks take; on a refusal takes back what this call took.
    std::optional<Denied> take(std::span<Ask const> asks, Moment now);
    // What is left of `used` for the charge at `index`, after those of the same cell before it.
    [[nodiscard]] std::int64_t share_of(std::size_t index, std::int64_t used) const noexcept;

    Ulid id;
    Leases* leases = nullptr;  // null: it had run out, and they may be gone
    State* before = nullptr;
    State* after = nullptr;
    std::int64_t ends = 0;  // steady seconds
    bool is_held = true;
    bool is_extended = false;  // a cell may be charged twice
    std::vector<Charge> charges;
};

std::optional<Denied> Grant::State::take(std::span<Ask const> asks, Moment now) {
    charges.reserve(charges.size() + asks.size());  // nothing below may throw
    auto const from = charges.size();
    for (std::size_t i = 0; i < asks.size(); ++i) {
        auto const& ask = asks[i];
        auto const mark = ask.cell->take(ask.amount, ask.cap, now);
        if (mark) {
            charges.push_back({ask.cell, ask.kind, ask.is_likely, ask.amount, *mark});
            continue;
        }
        while (charges.size() > from) {
            auto const& taken = charges.back();
            taken.cell->settle(taken.mark, taken.amount, 0);
            charges.pop_back();
        }
        ask.cell->note_refusal();
        return Denied{i, ask.cell->wait_s(ask.amount, ask.cap, now), ask.amount > ask.cap};
    }
    return std::nullopt;
}

void Grant::State::settle(Used const& bound, Used const& likely) noexcept {
    if (!is_held) return;
    is_held = false;
    leases->unlink(*this);
    for (std::size_t i = 0; i < charges.size(); ++i) {
        auto const& charge = charges[i];
        auto const& used = charge.is_likely ? likely : bound;
        auto const all = charge.kind == LimitKind::requests      ? used.requests
                         : charge.kind == LimitKind::usd_budget  ? used.nano_usd
                         : charge.kind == LimitKind::concurrency ? 0
                                                                 : used.tokens;
        charge.cell->settle(charge.mark, charge.amount, is_extended ? share_of(i, all) : all);
    }
}

// What was used fills the charges of a cell in their order, and what is more goes to the last.
std::int64_t Grant::State::share_of(std::size_t index, std::int64_t used) const noexcept {
    auto const& charge = charges[index];
    for (std::size_t j = 0; j < index; ++j) {
        if (charges[j].cell == charge.cell) used -= std::min(used, charges[j].amount);
    }
    bool const is_last =
        std::none_of(charges.begin() + static_cast<std::ptrdiff_t>(index) + 1, charges.end(),
                     [&charge](Charge const& later) { return later.cell == charge.cell; });
    return is_last ? used : std::min(used, charge.amount);
}

void Grant::Delete::operator()(State* state) const noexcept {
    if (state->leases) {
        state->leases->keep(state);
    } else {
        delete state;
    }
}

Grant& Grant::operator=(Grant&& other) noexcept {
    if (this != &other) {
        release();
        state_ = std::move(other.state_);
    }
    return *this;
}

bool Grant::is_held() const noexcept { return state_ && state_->is_held; }

void Grant::settle(Used const& bound, Used const& likely) noexcept {
    if (!state_) return;
    state_->settle(bound, likely);
    state_.reset();
}

std::optional<Denied> Grant::extend(std::span<Ask const> asks, Moment now) {
    if (!is_held()) return std::nullopt;  // it had run out: nothing more can be held by it
    state_->is_extended = true;
    return state_->take(asks, now);
}

Ulid const& Grant::id() const noexcept {
    static Ulid const none{};
    return state_ ? state_->id : none;
}

Leases::~Leases() {
    while (first_) {  // a grant that outlives its worker was never used
        auto* const state = first_;
        state->settle({}, {});
        state->leases = nullptr;
    }
    while (spare_) delete std::exchange(spare_, spare_->after);
}

std::variant<Grant, Denied> Leases::reserve(Ulid const& id, std::span<Ask const> asks, Moment now,
                                            std::int64_t lease_s) {
    if (now.steady_s > looked_at_) expire(now);
    auto state = fresh();
    if (auto denied = state->take(asks, now)) return *denied;
    state->id = id;
    state->ends = now.steady_s + lease_s;
    link(*state);
    return Grant{std::move(state)};
}

Leases::Owned Leases::fresh() {
    Owned state{spare_};
    if (state) {
        spare_ = state->after;
        --spares_;
        state->after = nullptr;
        state->is_held = true;
        state->is_extended = false;
        state->charges.clear();
    } else {
        state.reset(new Grant::State);
    }
    state->leases = this;
    return state;
}

void Leases::keep(Grant::State* state) noexcept {
    if (spares_ >= spares_max) {
        delete state;
        return;
    }
    state->after = std::exchange(spare_, state);
    ++spares_;
}

std::size_t Leases::expire(Moment now) noexcept {
    looked_at_ = now.steady_s;
    std::size_t ended = 0;
    for (auto* state = first_; state;) {
        auto* const next = state->after;
        if (state->ends <= now.steady_s) {
            for (auto const& charge : state->charges) {
                charge.cell->settle(charge.mark, charge.amount, charge.amount);
            }
            state->charges.clear();
            state->settle({}, {});
            state->leases = nullptr;
            ++ended;
        }
        state = next;
    }
    expired_ += ended;
    return ended;
}

void Leases::link(Grant::State& state) noexcept {
    state.after = first_;
    if (first_) first_->before = &state;
    first_ = &state;
    ++held_;
}

void Leases::unlink(Grant::State& state) noexcept {
    (state.before ? state.before->after : first_) = state.after;
    if (state.after) state.after->before = state.before;
    state.before = state.after = nullptr;
    --held_;
}

}  // namespace sluice::store
