#include "stage/limiter/rules.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::stage {

std::string_view to_string(OwnerKind kind) noexcept {
    switch (kind) {
        case OwnerKind::team:
            return "team";
        case OwnerKind::key:
            return "key";
        case OwnerKind::route:
            return "route";
        case OwnerKind::user:
            return "user";
        case OwnerKind::tag:
            return "tag";
        case OwnerKind::provider:
            return "provider";
        case OwnerKind::credential:
            return "credential";
        case OwnerKind::target:
            return "target";
    }
    return "";
}

bool Rules::forbids_unpriced() const noexcept {
    return refuses_unpriced && std::any_of(rules.begin(), rules.end(), [](Rule const& rule) {
               return rule.kind == store::LimitKind::usd_budget;
           });
}

// A key shares its own limits with nobody.
std::int64_t Rules::share_of(std::int64_t cap, Priority priority) const noexcept {
    if (owner == OwnerKind::key || priority == Priority::high) return cap;
    auto const share = priority == Priority::batch ? batch_share : normal_share;
    return share >= 1 ? cap
                      : static_cast<std::int64_t>(std::floor(static_cast<double>(cap) * share));
}

}  // namespace sluice::stage
