// Where finished requests are told: ledger, access log, metrics. The composition root wires them
// up.
#pragma once

#include "sluice/usage_record.hpp"

namespace sluice {

class UsageSink {
  public:
    virtual ~UsageSink() = default;
    // Called exactly once per request on the worker that served it. Must not block.
    virtual void record(UsageRecord&& record) noexcept = 0;
    // Asked before a request is served, on its worker: records cannot be kept now, and the operator
    // wants no request that leaves none.
    [[nodiscard]] virtual bool refuses_new() const noexcept { return false; }
};

}  // namespace sluice
