// Turn: lets everything else that is due on this worker go first; awaited between the parts of a
// long computation. Called by engine; calls Wait. Thread: the worker's.
//
//   if (co_await net::Turn(x.client.cancel()) == Wake::cancelled) ...
#pragma once

#include "net/wait.hpp"

namespace sluice::net {

class Turn final : public Wait {
  public:
    explicit Turn(Cancel& cancel) noexcept : Wait(cancel, Deadline::never()) {}
    ~Turn() { abandon(); }
    [[nodiscard]] static bool await_ready() noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> coroutine) noexcept {
        if (!begin(coroutine)) return false;
        resume_soon(Wake::ready);
        return true;
    }

  private:
    void detach() noexcept override {}
};

}  // namespace sluice::net
