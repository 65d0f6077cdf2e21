// What a caller is told when a limit refuses: which, how much is left, when to come again. Called
// by token_limiter.cpp; pure.
#pragma once

#include <string>

#include "sluice/error.hpp"

#include "stage/limiter/rules.hpp"
#include "store/memory/limit.hpp"

namespace sluice::stage {

struct RefusedAsk {
    Rules const* rules = nullptr;
    Rule const* rule = nullptr;
    std::int64_t amount = 0;
    std::int64_t cap = 0;   // for this caller
    std::int64_t left = 0;  // of it
};

Error refusal(RefusedAsk const& ask, store::Denied const& denied);
// The request may use `tokens`, which no moment has room for.
Error never_fits(Rules const& rules, std::string_view limit, std::int64_t tokens, std::int64_t cap);
Error store_down();
// A USD budget applies, and nobody knows what the model costs. Retry::next: another target's price
// may be known.
Error unpriced(Rules const& rules);

}  // namespace sluice::stage
