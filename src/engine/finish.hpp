// finish(): exactly once per exchange, on every path, without an await. Gives back what was held
// and sends the record.
#pragma once

#include "sluice/exchange.hpp"

namespace sluice::engine {

void finish(Exchange& x) noexcept;

// Calls finish() when the scope ends, however it ends.
class FinishGuard {
  public:
    explicit FinishGuard(Exchange& x) noexcept : x_(x) {}
    FinishGuard(FinishGuard const&) = delete;
    FinishGuard& operator=(FinishGuard const&) = delete;
    ~FinishGuard() { finish(x_); }

  private:
    Exchange& x_;
};

}  // namespace sluice::engine
