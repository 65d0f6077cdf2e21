// Rules: the limits of one owner, compiled from config: which cells, which caps. Immutable; part of
// a Snapshot. The cells are LimitState's and outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/limiter.hpp"
#include "sluice/principal.hpp"

#include "store/memory/limit.hpp"

namespace sluice::stage {

// In the order in which they are reserved.
enum class OwnerKind : std::uint8_t { team, key, route, user, tag, provider, credential, target };
inline constexpr std::size_t owner_kind_count = 8;
std::string_view to_string(OwnerKind kind) noexcept;

struct Rule {
    store::LimitKind kind = store::LimitKind::requests;
    std::int64_t cap = 0;
    std::string name;                             // "rpm", "usd per month"
    store::Period period = store::Period::total;  // of budgets
    std::shared_ptr<TimeZone const> zone;         // of budgets; null: UTC
    std::uint64_t salt = 0;                       // tells the rules of one owner apart
    std::shared_ptr<store::LimitCell> cell;       // null: one for each value that requests name

    [[nodiscard]] bool is_budget() const noexcept {
        return kind == store::LimitKind::usd_budget || kind == store::LimitKind::token_budget;
    }
    [[nodiscard]] bool needs_tokens() const noexcept {
        return is_budget() || kind == store::LimitKind::tokens;
    }
};

class Rules final : public LimitRules {
  public:
    OwnerKind owner = OwnerKind::team;
    std::string name;  // of the owner; of users the team's, of tags as configured
    std::vector<Rule> rules;
    std::optional<std::int64_t> tokens_per_request;
    bool estimates = false;  // on_unbounded
    bool closes_without_store = false;
    bool refuses_unpriced = false;  // on_unpriced
    double batch_share = 0.5;
    double normal_share = 1;

    // A model whose price is not known may not be used: a budget in USD could not hold.
    [[nodiscard]] bool forbids_unpriced() const noexcept;
    // How much of a cap a caller may fill.
    [[nodiscard]] std::int64_t share_of(std::int64_t cap, Priority priority) const noexcept;
};

}  // namespace sluice::stage
