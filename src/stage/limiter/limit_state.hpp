// LimitState: what the limits know and a reload must not forget: cells by owner, budgets, leases of
// each worker, what was learned. One for the process; the daemon owns it, and it outlives every
// Snapshot and worker. Made and changed by builds (one at a time); workers reach the parts through
// the rules of their Snapshot.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sluice/result.hpp"

#include "config/document.hpp"
#include "stage/limiter/ask_list.hpp"
#include "stage/limiter/learned.hpp"
#include "stage/limiter/name_hashes.hpp"
#include "stage/limiter/rules.hpp"
#include "store/memory/budget_table.hpp"
#include "store/memory/cell_table.hpp"
#include "store/memory/limit.hpp"

namespace sluice::stage {

inline constexpr std::size_t limit_kind_count = 6;  // store::LimitKind, and tokens_per_request

// Since the start.
struct LimitFigures {
    std::array<std::array<std::uint64_t, limit_kind_count>, owner_kind_count> refused{};
    std::uint64_t overshoot_tokens = 0;  // used beyond what was reserved
    std::uint64_t overshoot_nano_usd = 0;
    std::uint64_t leases_expired = 0;
    std::uint64_t owners_named = 0;  // cells of users and tags
    bool store_failing = false;
};

class LimitState {
  public:
    LimitState(unsigned workers, std::string storage_dir);

    // The rules of an owner; null when it has none. `id` is the owner's identity: what it is called
    // in config, with its team. `per_value`: each value that requests name has cells of its own.
    // Error: a budget's state cannot be opened.
    Result<std::shared_ptr<Rules const>> rules(OwnerKind owner, std::string const& id,
                                               config::Limits const& described,
                                               bool per_value = false);
    std::shared_ptr<Learned> learned(std::string const& route);
    // Forgets cells that no Snapshot holds any more. Between builds.
    void sweep();
    // Ends what it writes. Call when no worker runs any more. Idempotent.
    void stop();

    // A worker's own.
    struct Desk {
        store::Leases leases;
        AskList asks;  // of the decision at hand, kept for its memory
        NameHashes names;
    };
    Desk& desk(unsigned worker) noexcept { return *desks_[worker]; }
    // Of owners that requests name; null while no rule is about such. Any thread.
    [[nodiscard]] store::CellTable* named() const noexcept { return named_at_.load(); }
    // Null while no budget was configured. Any thread.
    [[nodiscard]] store::BudgetTable* budgets() const noexcept { return budgets_at_.load(); }
    [[nodiscard]] bool store_is_failing() const noexcept {
        auto const* table = budgets();
        return table && table->is_failing();
    }
    // Workers, relaxed.
    void count_refusal(OwnerKind owner, std::size_t kind) noexcept {
        refused_[static_cast<std::size_t>(owner)][kind].fetch_add(1, std::memory_order_relaxed);
    }
    void count_overshoot(std::int64_t tokens, std::int64_t nano_usd) noexcept;
    [[nodiscard]] LimitFigures figures() const noexcept;
    // Both clocks, in seconds.
    [[nodiscard]] static store::Moment now() noexcept;

  private:
    Result<void> add(Rules& rules, std::string const& id, Rule rule, bool per_value);
    Result<void> add_budgets(Rules& rules, std::string const& id,
                             std::vector<config::BudgetLimit> const& described,
                             store::LimitKind kind, bool per_value);

    std::string const storage_dir_;
    std::shared_ptr<store::BudgetTable> budgets_;  // null: no budget was configured so far
    std::map<std::string, std::shared_ptr<store::LimitCell>> cells_;
    std::map<std::string, std::shared_ptr<Learned>> learned_;
    std::unique_ptr<store::CellTable> named_;
    // What budgets_ and named_ point to, for threads that do not build.
    std::atomic<store::BudgetTable*> budgets_at_{nullptr};
    std::atomic<store::CellTable*> named_at_{nullptr};
    std::vector<std::unique_ptr<Desk>> desks_;
    std::array<std::array<std::atomic<std::uint64_t>, limit_kind_count>, owner_kind_count>
        refused_{};
    std::atomic<std::uint64_t> overshoot_tokens_{0};
    std::atomic<std::uint64_t> overshoot_nano_usd_{0};
};

}  // namespace sluice::stage
