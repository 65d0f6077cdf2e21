// choose(): which targets a request may go to, in which order. Pure but for the dice; the same
// function answers `routes explain`.
#pragma once

#include <vector>

#include "sluice/dialect.hpp"
#include "sluice/result.hpp"

#include "engine/route.hpp"
#include "engine/worker_context.hpp"

namespace sluice::engine {

// Whether a target may be sent this request now, and if not why.
enum class Standing : std::uint8_t { open, does_not_speak, no_credential, skipped };
// `from`: the caller's dialect, which the target must speak or be translated from; null: any.
Standing standing_of(Target const& target, std::string_view model, Operation operation,
                     Steady::time_point now, Dialect const* from = nullptr) noexcept;

struct Plan {
    // Tier by tier; inside a tier drawn by weight without putting back. Unavailable and skipped
    // targets are left out.
    std::vector<Target const*> targets;
};

// `model`: as the caller asked.
// Errors: provider_unavailable (503) when no target is left, saying when one may be tried again.
Result<Plan> choose(Route const& route, std::string_view model, Operation operation, Dice& dice,
                    Steady::time_point now, Dialect const* from = nullptr);

}  // namespace sluice::engine
