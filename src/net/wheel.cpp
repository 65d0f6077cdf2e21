#include "net/wheel.hpp"

#include <algorithm>

namespace sluice::net {

void Wheel::Entry::clear() noexcept {
    if (!slot_) return;
    *slot_ = next_;
    if (next_) next_->slot_ = slot_;
    slot_ = nullptr;
    next_ = nullptr;
    --wheel_->count_;
}

Wheel::Wheel(Steady::time_point now) noexcept
    : done_tick_(static_cast<std::int64_t>(now.time_since_epoch() / tick)) {}

Wheel::~Wheel() {
    for (auto& head : heads_) {
        while (head) head->clear();
    }
}

std::int64_t Wheel::tick_at_or_after(Steady::time_point at) noexcept {
    auto const since = at.time_since_epoch();
    auto const whole = since / tick;
    return whole * tick < since ? whole + 1 : whole;
}

bool Wheel::set(Entry& entry, Steady::time_point at) noexcept {
    entry.clear();
    entry.wheel_ = this;
    entry.due_tick_ = std::max(tick_at_or_after(at), done_tick_ + 1);
    auto& head = heads_[static_cast<std::size_t>(entry.due_tick_) % slots];
    entry.next_ = head;
    entry.slot_ = &head;
    if (head) head->slot_ = &entry.next_;
    head = &entry;
    ++count_;
    return entry.due_tick_ < armed_tick_;
}

void Wheel::fire_slot(std::size_t index, std::int64_t upto) noexcept {
    // Due entries first move to a list of their own, so one that clears others cannot upset the
    // scan.
    Entry* due = nullptr;
    for (Entry *entry = heads_[index], *next = nullptr; entry; entry = next) {
        next = entry->next_;
        if (entry->due_tick_ > upto) continue;
        *entry->slot_ = entry->next_;
        if (entry->next_) entry->next_->slot_ = entry->slot_;
        entry->next_ = due;
        entry->slot_ = &due;
        if (due) due->slot_ = &entry->next_;
        due = entry;
    }
    while (due) {
        Entry* entry = due;
        entry->clear();
        entry->on_deadline();
    }
}

void Wheel::advance(Steady::time_point now) noexcept {
    auto const upto = static_cast<std::int64_t>(now.time_since_epoch() / tick);
    auto first = done_tick_ + 1;
    if (upto - first >= static_cast<std::int64_t>(slots))
        first = upto - static_cast<std::int64_t>(slots) + 1;
    done_tick_ = std::max(done_tick_, upto);
    for (auto t = first; t <= upto && count_ > 0; ++t) {
        fire_slot(static_cast<std::size_t>(t) % slots, upto);
    }
}

std::optional<Steady::time_point> Wheel::next_due() const noexcept {
    if (count_ == 0) return std::nullopt;
    // From the first tick not yet fired: the first occupied slot bounds every deadline from below.
    std::int64_t best = INT64_MAX;
    for (std::size_t i = 1; i <= slots && best == INT64_MAX; ++i) {
        auto const t = done_tick_ + static_cast<std::int64_t>(i);
        for (Entry* entry = heads_[static_cast<std::size_t>(t) % slots]; entry;
             entry = entry->next_) {
            if (entry->due_tick_ == t) {
                best = t;
                break;
            }
        }
    }
    if (best == INT64_MAX) best = done_tick_ + static_cast<std::int64_t>(slots);
    return Steady::time_point{best * tick};
}

void Wheel::armed(std::optional<Steady::time_point> at) noexcept {
    armed_tick_ = at ? tick_at_or_after(*at) : INT64_MAX;
}

}  // namespace sluice::net
