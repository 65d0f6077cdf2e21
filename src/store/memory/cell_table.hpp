// CellTable: cells of owners that only requests name (end users, tags), found or made on the way.
// Lock-free; any worker's thread. Bounded: beyond `owners_max` newcomers share the cells of a fixed
// number of groups, so that nobody is limited less for being new. An entry stays for the life of
// the process.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/zero_pages.hpp"
#include "store/memory/budget_table.hpp"
#include "store/memory/limit.hpp"

namespace sluice::store {

// Of an owner's scope and name: what its keys are made of. 64 bits of a SHA-256.
std::uint64_t identity_hash(std::string_view identity);

class CellTable {
  public:
    static constexpr std::size_t cells_max = 1 << 16;
    static constexpr std::size_t groups = 1024;
    static constexpr std::size_t label_bytes_max = 128;

    CellTable() = default;
    ~CellTable();
    CellTable(CellTable const&) = delete;
    CellTable& operator=(CellTable const&) = delete;

    // The cell of (owner, salt); `salt` tells the limits of one owner apart. `budgets` null: no
    // budget. Null: no memory, or no slot.
    // `label` is for people.
    LimitCell* find(std::uint64_t owner, std::uint64_t salt, std::string_view label, LimitKind kind,
                    Period period, std::shared_ptr<TimeZone const> const& zone,
                    BudgetTable* budgets) noexcept;
    // Calls f(label, salt, kind, cell) for each. Any thread.
    template <class F>
    void each(F&& f) {
        for (auto& place : entries_) {
            auto* const entry = place.load(std::memory_order_acquire);
            if (entry) f(entry->label, entry->salt, entry->kind, entry->cell);
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return count_.load(); }

  private:
    struct Entry {
        template <class... Args>
        Entry(std::uint64_t its_key, std::uint64_t its_salt, std::string_view its_label,
              LimitKind its_kind, Args&&... args)
            : key(its_key),
              salt(its_salt),
              label(its_label.substr(0, label_bytes_max)),
              kind(its_kind),
              cell(std::forward<Args>(args)...) {}
        std::uint64_t key;
        std::uint64_t salt;
        std::string label;
        LimitKind kind;
        LimitCell cell;
    };
    static constexpr std::size_t capacity = cells_max * 2;

    ZeroPages<std::atomic<Entry*>> entries_{capacity};
    std::atomic<std::size_t> count_{0};
};

}  // namespace sluice::store
