// finish(): exactly once per exchange, on every path, without an await. Gives back what was held
// and sends the record.
#pragma once

#include <exception>

#include "sluice/exchange.hpp"

namespace sluice::engine {

void finish(Exchange& x) noexcept;
void note_exception(Exchange& x) noexcept;

// Calls finish() when the scope ends, however it ends.
class FinishGuard {
  public:
    explicit FinishGuard(Exchange& x) noexcept : x_(x), exceptions_(std::uncaught_exceptions()) {}
    FinishGuard(FinishGuard const&) = delete;
    FinishGuard& operator=(FinishGuard const&) = delete;
    ~FinishGuard() {
        // net's session answers 500 for an exception that passes here.
        if (std::uncaught_exceptions() > exceptions_) note_exception(x_);
        finish(x_);
    }

  private:
    Exchange& x_;
    int exceptions_;
};

}  // namespace sluice::engine
