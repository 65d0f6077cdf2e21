// Limits, as configuration says them: a class of `limits`, or an inline map where one is given.
// Read by describe_limits.cpp; compiled by stage/limiter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/place.hpp"

namespace sluice::config {

enum class BudgetPeriod { hour, day, week, month, total };
// What is reserved for a request that says nothing of how long its answer may be.
enum class OnUnbounded { cap, estimate };
enum class OnStoreDown { open, closed };
// Budgets in USD, and a model whose price is not known.
enum class OnUnpriced { refuse, pass };
enum class Priority { batch, normal, high };

struct BudgetLimit {
    std::int64_t amount = 0;  // nano-USD, or tokens
    BudgetPeriod per = BudgetPeriod::month;
    std::string time_zone = "UTC";
};

// How much of each cap a key of lower priority may fill; high: all of it.
struct Shares {
    double batch = 0.5;
    double normal = 1;
};

struct Limits {
    std::string name;  // of the class; "" = inline
    std::optional<std::int64_t> rpm;
    std::optional<std::int64_t> tpm;
    std::optional<std::int64_t> concurrency;
    std::optional<std::int64_t> tokens_per_request;  // prompt and answer together
    std::vector<BudgetLimit> usd;
    std::vector<BudgetLimit> tokens;
    OnUnbounded on_unbounded = OnUnbounded::cap;
    OnStoreDown on_store_down = OnStoreDown::open;
    OnUnpriced on_unpriced = OnUnpriced::refuse;
    Shares shares;
    Place place;
};

// Limits of each target (provider and model), each tag.
struct NamedLimits {
    std::string name;
    Limits limits;
    Place place;
};

}  // namespace sluice::config
