#include "store/memory/cell_table.hpp"

#include <cstring>
#include <new>

#include "codec/sha256.hpp"

namespace sluice::store {
namespace {

std::uint64_t mix(std::uint64_t owner, std::uint64_t salt) noexcept {
    auto key = (owner ^ (salt * 0x9E3779B97F4A7C15ULL)) * 0xBF58476D1CE4E5B9ULL;
    key ^= key >> 31;
    return key == 0 ? 1 : key;
}

}  // namespace

std::uint64_t identity_hash(std::string_view identity) {
    auto const digest = codec::sha256(identity);
    std::uint64_t hash = 0;
    std::memcpy(&hash, digest.data(), sizeof hash);
    return hash == 0 ? 1 : hash;
}

CellTable::~CellTable() {
    for (auto& entry : entries_) delete entry.load();
}

LimitCell* CellTable::find(std::uint64_t owner, std::uint64_t salt, std::string_view label,
                           LimitKind kind, Period period,
                           std::shared_ptr<TimeZone const> const& zone,
                           BudgetTable* budgets) noexcept {
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto const key = mix(owner, salt);
        std::unique_ptr<Entry> fresh;
        bool is_full = false;
        for (std::size_t i = 0; i < capacity && !is_full; ++i) {
            auto& place = entries_[(key + i) % capacity];
            auto* there = place.load(std::memory_order_acquire);
            if (!there) {
                bool const is_newcomer = attempt == 0;
                if (is_newcomer && count_.load(std::memory_order_relaxed) >= cells_max) {
                    is_full = true;
                    break;
                }
                bool const is_budget =
                    kind == LimitKind::token_budget || kind == LimitKind::usd_budget;
                auto* slot = is_budget && budgets ? budgets->find(key) : nullptr;
                if (is_budget && !slot) {
                    is_full = true;
                    break;
                }
                if (!fresh) {
                    fresh.reset(slot ? new (std::nothrow) Entry{key, salt, label, kind, *slot,
                                                                period, zone, &budgets->news()}
                                : kind == LimitKind::concurrency
                                    ? new (std::nothrow)
                                          Entry{key, salt, label, kind, LimitCell::Gauged{}}
                                    : new (std::nothrow)
                                          Entry{key, salt, label, kind, LimitCell::Windowed{}});
                }
                if (!fresh) return nullptr;
                if (place.compare_exchange_strong(there, fresh.get(), std::memory_order_acq_rel)) {
                    count_.fetch_add(1, std::memory_order_relaxed);
                    return &fresh.release()->cell;
                }
            }
            if (there->key == key) return &there->cell;
        }
        owner = identity_hash("(others)") + owner % groups;  // a newcomer beyond the bound
        label = "(others)";
    }
    return nullptr;
}

}  // namespace sluice::store
