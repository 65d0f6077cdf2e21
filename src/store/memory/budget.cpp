#include "store/memory/budget.hpp"

#include <algorithm>

namespace sluice::store {
namespace {

constexpr int tag_shift = 52;  // 12 bits of tag above 52 of amount
constexpr std::uint64_t amount_mask = (std::uint64_t{1} << tag_shift) - 1;

std::uint64_t tag_of(std::int64_t ordinal) noexcept {
    return static_cast<std::uint64_t>(ordinal) & 0xFFF;
}
std::uint64_t tag_in(std::uint64_t word) noexcept { return word >> tag_shift; }
std::int64_t amount_in(std::uint64_t word) noexcept {
    return static_cast<std::int64_t>(word & amount_mask);
}
std::uint64_t pack(std::uint64_t tag, std::int64_t amount) noexcept {
    return (tag << tag_shift) | static_cast<std::uint64_t>(amount);
}

// Changes are made in one order with whether the copying thread sleeps (base/bell.hpp).

// Adds where the word is of this period; a word of another is left alone.
void add(std::atomic<std::uint64_t>& word, std::uint64_t tag, std::int64_t by) noexcept {
    auto seen = word.load(std::memory_order_acquire);
    for (;;) {
        if (tag_in(seen) != tag) return;
        auto const sum = std::clamp<std::int64_t>(amount_in(seen) + by, 0, Budget::amount_max);
        if (word.compare_exchange_weak(seen, pack(tag, sum))) return;
    }
}

// To zero in the new period, once: a word that has its tag already stays.
void begin(std::atomic<std::uint64_t>& word, std::uint64_t old_tag, std::uint64_t tag) noexcept {
    auto seen = word.load(std::memory_order_acquire);
    while (tag_in(seen) == old_tag && !word.compare_exchange_weak(seen, pack(tag, 0))) {
    }
}

}  // namespace

// The words first and the period's end last: who finds the end ahead finds the words begun.
std::uint64_t Budget::roll(std::int64_t unix_s) noexcept {
    auto known = slot_.ordinal.load(std::memory_order_acquire);
    if (unix_s < slot_.ends.load(std::memory_order_acquire)) return tag_of(known);
    auto const span = period_at(period_, zone_.get(), unix_s);
    if (span.ordinal > known) {
        auto const tag = tag_of(span.ordinal);
        begin(slot_.spent, tag_of(known), tag);
        begin(slot_.warned, tag_of(known), tag);
        begin(slot_.held, tag_of(known), tag);
        while (known < span.ordinal && !slot_.ordinal.compare_exchange_weak(known, span.ordinal)) {
        }
    }
    auto ends = slot_.ends.load(std::memory_order_acquire);
    while (ends < span.ends && !slot_.ends.compare_exchange_weak(ends, span.ends)) {
    }
    tell();
    return tag_of(std::max(known, span.ordinal));
}

std::optional<std::int64_t> Budget::take(std::int64_t amount, std::int64_t cap,
                                         std::int64_t unix_s) noexcept {
    if (amount < 0 || amount > std::min(cap, amount_max)) return std::nullopt;
    roll(unix_s);
    auto word = slot_.held.load(std::memory_order_acquire);
    do {
        if (amount_in(word) > cap - amount) return std::nullopt;
    } while (!slot_.held.compare_exchange_weak(word, pack(tag_in(word), amount_in(word) + amount)));
    tell();
    return static_cast<std::int64_t>(tag_in(word));
}

// An excess is held before it counts as spent, a rest is given back after: spent <= held always.
void Budget::settle(std::int64_t mark, std::int64_t reserved, std::int64_t used) noexcept {
    auto const tag = static_cast<std::uint64_t>(mark);
    if (used > reserved) add(slot_.held, tag, used - reserved);
    add(slot_.spent, tag, used);
    if (used < reserved) add(slot_.held, tag, used - reserved);
    tell();
}

Budget::State Budget::state(std::int64_t unix_s) noexcept {
    roll(unix_s);
    State state;
    state.spent = amount_in(slot_.spent.load(std::memory_order_acquire));
    state.held = std::max(amount_in(slot_.held.load(std::memory_order_acquire)), state.spent);
    state.ends = slot_.ends.load(std::memory_order_acquire);
    return state;
}

bool Budget::raise_warning(int level, std::int64_t unix_s) noexcept {
    auto const tag = roll(unix_s);
    auto word = slot_.warned.load(std::memory_order_acquire);
    do {
        if (tag_in(word) != tag || amount_in(word) >= level) return false;
    } while (!slot_.warned.compare_exchange_weak(word, pack(tag, level)));
    tell();
    return true;
}

}  // namespace sluice::store
