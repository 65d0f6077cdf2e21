// SendTurn: before a send, lets the other sockets that are ready in this turn of the loop have
// theirs prepared; then all go out one after the other. A send wakes who waits for it, on another
// core, and that costs more than the send: one that is awake already is not woken. Nothing waits
// where nothing else is ready, and never for more than WorkerImpl::sends_max others.
//
// No Wait: it always ends within the turn. What was true before it may not be true behind it: look
// at the Cancel again. Nothing that lies in the worker's scratch outlives it.
//
// Called by: http1_write, upstream_client. Calls: worker_impl. Thread: the worker's.
#pragma once

#include <coroutine>

#include "net/worker_impl.hpp"

namespace sluice::net {

class SendTurn final : private Ready {
  public:
    explicit SendTurn(WorkerImpl& worker) noexcept : worker_(worker) {}
    [[nodiscard]] bool await_ready() const noexcept { return !worker_.gathers_sends(); }
    void await_suspend(std::coroutine_handle<> coroutine) noexcept {
        coroutine_ = coroutine;
        worker_.gather_send(*this);
    }
    void await_resume() const noexcept {}

  private:
    void run_ready() noexcept override { coroutine_.resume(); }

    WorkerImpl& worker_;
    std::coroutine_handle<> coroutine_;
};

}  // namespace sluice::net
