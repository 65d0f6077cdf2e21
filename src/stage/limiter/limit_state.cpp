#include "stage/limiter/limit_state.hpp"

#include <algorithm>

#include "base/turn_time.hpp"

namespace sluice::stage {
namespace {

using store::LimitKind;
using store::Period;

Period to_period(config::BudgetPeriod per) noexcept {
    switch (per) {
        case config::BudgetPeriod::hour:
            return Period::hour;
        case config::BudgetPeriod::day:
            return Period::day;
        case config::BudgetPeriod::week:
            return Period::week;
        case config::BudgetPeriod::month:
            return Period::month;
        case config::BudgetPeriod::total:
            break;
    }
    return Period::total;
}

std::string_view name_of(Period period) noexcept {
    switch (period) {
        case Period::hour:
            return "hour";
        case Period::day:
            return "day";
        case Period::week:
            return "week";
        case Period::month:
            return "month";
        case Period::total:
            break;
    }
    return "total";
}

}  // namespace

LimitState::LimitState(unsigned workers, std::string storage_dir)
    : storage_dir_(std::move(storage_dir)) {
    for (unsigned i = 0; i < workers; ++i) desks_.push_back(std::make_unique<Desk>());
}

Result<std::shared_ptr<Rules const>> LimitState::rules(OwnerKind owner, std::string const& id,
                                                       config::Limits const& described,
                                                       bool per_value) {
    auto made = std::make_shared<Rules>();
    made->owner = owner;
    made->name = id;
    made->tokens_per_request = described.tokens_per_request;
    made->estimates = described.on_unbounded == config::OnUnbounded::estimate;
    made->closes_without_store = described.on_store_down == config::OnStoreDown::closed;
    made->refuses_unpriced = described.on_unpriced == config::OnUnpriced::refuse;
    made->batch_share = described.shares.batch;
    made->normal_share = described.shares.normal;
    auto const simple = [&](LimitKind kind, std::optional<std::int64_t> cap, char const* name) {
        Rule rule;
        rule.kind = kind;
        rule.name = name;
        if (!cap) return Result<void>{};
        rule.cap = *cap;
        return add(*made, id, std::move(rule), per_value);
    };
    for (auto added : {simple(LimitKind::concurrency, described.concurrency, "concurrency"),
                       simple(LimitKind::requests, described.rpm, "rpm"),
                       simple(LimitKind::tokens, described.tpm, "tpm"),
                       add_budgets(*made, id, described.tokens, LimitKind::token_budget, per_value),
                       add_budgets(*made, id, described.usd, LimitKind::usd_budget, per_value)}) {
        if (!added) return std::move(added).error();
    }
    if (made->rules.empty() && !made->tokens_per_request) return std::shared_ptr<Rules const>{};
    made->seal();
    return std::shared_ptr<Rules const>{std::move(made)};
}

Result<void> LimitState::add_budgets(Rules& rules, std::string const& id,
                                     std::vector<config::BudgetLimit> const& described,
                                     LimitKind kind, bool per_value) {
    for (auto const& budget : described) {
        Rule rule;
        rule.kind = kind;
        rule.cap = budget.amount;
        rule.period = to_period(budget.per);
        rule.zone = TimeZone::open(budget.time_zone);
        if (!rule.zone) {
            return gateway_error(ErrorCode::internal, 500,
                                 "there is no time zone " + budget.time_zone);
        }
        rule.name =
            std::string{kind == LimitKind::usd_budget ? "usd" : "tokens"}.append(" ").append(
                rule.period == Period::total ? "" : "per ");
        rule.name += name_of(rule.period);
        auto added = add(rules, id, std::move(rule), per_value);
        if (!added) return added;
    }
    return {};
}

// A cell's identity is its owner and what it counts, not its cap: a cap that changes finds the
// same.
Result<void> LimitState::add(Rules& rules, std::string const& id, Rule rule, bool per_value) {
    if (rule.is_budget() && !budgets_) {
        auto opened = store::BudgetTable::open(storage_dir_);
        if (!opened) return std::move(opened).error();
        budgets_ = std::move(*opened);
        budgets_at_ = budgets_.get();
    }
    if (per_value && !named_) {
        named_ = std::make_unique<store::CellTable>();
        named_at_ = named_.get();
    }
    std::string identity = "default\n";
    identity.append(to_string(rules.owner)).append("\n").append(id).append("\n").append(rule.name);
    if (rule.is_budget() && rule.zone) identity.append("\n").append(rule.zone->name());
    rule.salt = store::identity_hash(identity);
    if (per_value) {
        rules.rules.push_back(std::move(rule));
        return {};
    }
    auto& cell = cells_[identity];
    if (!cell && rule.is_budget()) {
        auto* slot = budgets_->find(rule.salt);
        if (!slot) {
            return gateway_error(ErrorCode::internal, 500, "there are too many budgets");
        }
        cell = std::make_shared<store::LimitCell>(*slot, rule.period, rule.zone, &budgets_->news());
    } else if (!cell && rule.kind == LimitKind::concurrency) {
        cell = std::make_shared<store::LimitCell>(store::LimitCell::Gauged{});
    } else if (!cell) {
        cell = std::make_shared<store::LimitCell>(store::LimitCell::Windowed{});
    }
    rule.cell = cell;
    rules.rules.push_back(std::move(rule));
    return {};
}

std::shared_ptr<Learned> LimitState::learned(std::string const& route) {
    auto& entry = learned_[route];
    if (!entry) entry = std::make_shared<Learned>();
    return entry;
}

void LimitState::sweep() {
    std::erase_if(cells_, [](auto const& entry) { return entry.second.use_count() == 1; });
    std::erase_if(learned_, [](auto const& entry) { return entry.second.use_count() == 1; });
}

void LimitState::stop() {
    if (budgets_) budgets_->stop();
}

void LimitState::count_overshoot(std::int64_t tokens, std::int64_t nano_usd) noexcept {
    if (tokens > 0) {
        overshoot_tokens_.fetch_add(static_cast<std::uint64_t>(tokens), std::memory_order_relaxed);
    }
    if (nano_usd > 0) {
        overshoot_nano_usd_.fetch_add(static_cast<std::uint64_t>(nano_usd),
                                      std::memory_order_relaxed);
    }
}

LimitFigures LimitState::figures() const noexcept {
    LimitFigures figures;
    for (std::size_t i = 0; i < owner_kind_count; ++i) {
        for (std::size_t j = 0; j < limit_kind_count; ++j) {
            figures.refused[i][j] = refused_[i][j].load(std::memory_order_relaxed);
        }
    }
    figures.overshoot_tokens = overshoot_tokens_.load(std::memory_order_relaxed);
    figures.overshoot_nano_usd = overshoot_nano_usd_.load(std::memory_order_relaxed);
    for (auto const& desk : desks_) figures.leases_expired += desk->leases.expired();
    if (auto const* table = named()) figures.owners_named = table->size();
    figures.store_failing = store_is_failing();
    return figures;
}

store::Moment LimitState::now() noexcept {
    return {std::chrono::duration_cast<seconds>(turn_time().time_since_epoch()).count(),
            std::chrono::duration_cast<seconds>(Wall::now().time_since_epoch()).count()};
}

}  // namespace sluice::stage
