#include "stage/limiter/held.hpp"

namespace sluice::stage {
namespace {

using store::Used;

void add_use(Used& sum, Used const& part) noexcept {
    sum.requests += part.requests;
    sum.tokens += part.tokens;
    sum.nano_usd += part.nano_usd;
}

}  // namespace

void Held::take(std::vector<AttemptRecord> const& records) noexcept {
    if (ended >= records.size()) return;
    Used most, likely;
    for (; ended < records.size(); ++ended) {
        auto const use = use_of(records[ended], demand, bound);
        was_sent = was_sent || use.was_sent;
        add_use(most, use.bound);
        add_use(likely, use.likely);
    }
    add_use(used_bound, most);
    add_use(used_likely, likely);
    add_use(pending_bound, most);
    add_use(pending_likely, likely);
    attempt.settle(most, likely);
}

void Held::reserve_pending() noexcept {
    add_use(reserved_bound, pending_bound);
    add_use(reserved_likely, pending_likely);
    pending_bound = pending_likely = {};
}

void Held::teach(std::vector<AttemptRecord> const& records) const noexcept {
    if (!learned || !has_demand) return;
    for (auto const& record : records) {
        if (!record.usage.reported || record.outcome != "answered") continue;
        learned->note(demand.estimate, record.usage.input, record.usage.output,
                      demand.answers_of_one());
    }
}

}  // namespace sluice::stage
