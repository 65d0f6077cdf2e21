#include "stage/limiter/rules.hpp"

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

void Rules::seal() {
    for (auto& rule : rules) {
        is_named = is_named || !rule.cell;
        has_tokens = has_tokens || rule.needs_tokens();
        must_be_kept = must_be_kept || (closes_without_store && rule.is_budget());
        forbids_unpriced =
            forbids_unpriced || (refuses_unpriced && rule.kind == store::LimitKind::usd_budget);
        for (auto const priority : {Priority::batch, Priority::normal, Priority::high}) {
            auto const i = static_cast<std::size_t>(priority);
            rule.caps[i] = share_of(rule.cap, priority);
            if (rule.cell)
                asks[i].push_back({rule.cell.get(), rule.kind, 0, rule.caps[i], estimates});
        }
    }
    needs_demand = has_tokens || tokens_per_request.has_value();
}

// A key shares its own limits with nobody.
std::int64_t Rules::share_of(std::int64_t cap, Priority priority) const noexcept {
    if (owner == OwnerKind::key || priority == Priority::high) return cap;
    auto const share = priority == Priority::batch ? batch_share : normal_share;
    return share >= 1 ? cap
                      : static_cast<std::int64_t>(std::floor(static_cast<double>(cap) * share));
}

}  // namespace sluice::stage
