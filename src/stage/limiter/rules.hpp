// Rules: the limits of one owner, compiled from config: which cells, which caps. Immutable; part of
// a Snapshot. The cells are LimitState's and outlive it.
#pragma once

#include <array>
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
    std::array<std::int64_t, 3> caps{};           // what a caller may fill of the cap, by Priority

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

    // Reckoned by seal():
    bool needs_demand = false;      // what a request may use has to be known
    bool forbids_unpriced = false;  // a model without a known price: a budget in USD could not hold
    bool must_be_kept = false;      // while the store fails, nothing may be spent
    bool has_tokens = false;        // tokens or money are limited
    bool is_named = false;          // cells are of values that requests name
    // What is asked of the cells, of all rules in their order, by Priority. Empty where they are
    // named.
    std::array<std::vector<store::Ask>, 3> asks;

    // Call once, when all the rest is set.
    void seal();

  private:
    [[nodiscard]] std::int64_t share_of(std::int64_t cap, Priority priority) const noexcept;
};

}  // namespace sluice::stage
