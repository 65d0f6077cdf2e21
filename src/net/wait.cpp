#include "net/wait.hpp"

#include "net/worker_impl.hpp"

namespace sluice::net {

bool Wait::begin(std::coroutine_handle<> coroutine) noexcept {
    // The test probe may cancel from within link(): the wait is then over before it began.
    if (!Hook::link(*cancel_) || !Hook::is_linked()) {
        wake_ = Wake::cancelled;
        return false;
    }
    coroutine_ = coroutine;
    active_ = true;
    if (!deadline_.is_never()) WorkerImpl::here().set_deadline(*this, deadline_.at());
    return true;
}

void Wait::resume_now(Wake wake) noexcept {
    if (!active_) return;
    active_ = false;
    Hook::unlink();
    Entry::clear();
    wake_ = wake;
    detach();
    coroutine_.resume();
}

void Wait::resume_soon(Wake wake) noexcept {
    if (!active_) return;
    active_ = false;
    Hook::unlink();
    Entry::clear();
    wake_ = wake;
    detach();
    WorkerImpl::here().ready(*this);
}

bool Event::Awaiter::await_ready() noexcept {
    if (!event_->is_set_) return false;
    event_->is_set_ = false;
    set_result(Wake::ready);
    return true;
}

bool Event::Awaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    if (!begin(coroutine)) return false;
    event_->waiter_ = this;
    return true;
}

void Event::notify() noexcept {
    if (waiter_) {
        waiter_->resume_soon(Wake::ready);
        return;
    }
    is_set_ = true;
}

}  // namespace sluice::net
