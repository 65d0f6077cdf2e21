// Async<T>: a lazily started coroutine that yields a Result<T>; Cancel: how a line of work ends
// early.
//
// Everything here belongs to one worker thread: no atomics, no locks. A coroutine starts when it is
// awaited and must be awaited at most once. A child that completes without suspending costs one
// frame from a per-thread free list and no scheduler round trip. Leaf waits (socket, timer, post)
// live in net/: they register with a Cancel while suspended and answer a Wake, never an exception.
// An exception that escapes a coroutine travels to whoever awaits it; net's session catches it
// last.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include "sluice/blocks.hpp"
#include "sluice/result.hpp"

namespace sluice {

// Why a leaf wait ended.
enum class Wake : std::uint8_t { ready, timeout, cancelled };

enum class CancelReason : std::uint8_t { none, client_gone, deadline, draining, superseded };

// One cancellable line of work (a connection, an exchange, an attempt). cancel() is idempotent and
// wakes every wait registered here; a Cancel made with a parent is cancelled with it.
// Lifetime: must outlive the waits registered with it. Thread: one worker.
class Cancel {
  public:
    // Base of whatever can be woken. Registered while it is linked; unlinks itself when destroyed.
    class Hook {
      public:
        Hook() = default;
        Hook(Hook const&) = delete;
        Hook& operator=(Hook const&) = delete;

        // Registers with `cancel`. False, and not registered, when it is cancelled already.
        bool link(Cancel& cancel) noexcept;
        void unlink() noexcept;
        [[nodiscard]] bool is_linked() const noexcept { return owner_ != nullptr; }

      protected:
        ~Hook() { unlink(); }

      private:
        friend class Cancel;
        virtual void on_cancel() noexcept = 0;  // already unlinked when called

        Cancel* owner_ = nullptr;
        Hook* next_ = nullptr;
        Hook** slot_ = nullptr;
    };

    Cancel() = default;
    explicit Cancel(Cancel& parent) noexcept { from_parent_.attach(*this, parent); }
    Cancel(Cancel const&) = delete;
    Cancel& operator=(Cancel const&) = delete;
    ~Cancel();

    void cancel(CancelReason reason) noexcept;
    [[nodiscard]] bool cancelled() const noexcept { return reason_ != CancelReason::none; }
    [[nodiscard]] CancelReason reason() const noexcept { return reason_; }

    // Test seam: called with each wait that registers, counted from 1 per thread. Null in
    // production.
    using Probe = void (*)(Cancel&, std::uint64_t nth);
    static void set_probe(Probe probe) noexcept;  // this thread only; resets the count

  private:
    class FromParent final : public Hook {
      public:
        void attach(Cancel& self, Cancel& parent) noexcept;

      private:
        void on_cancel() noexcept override;
        Cancel* self_ = nullptr;
        Cancel* parent_ = nullptr;
    };

    Hook* hooks_ = nullptr;
    FromParent from_parent_;
    CancelReason reason_ = CancelReason::none;
};

namespace async_detail {

struct PromiseBase : InBlock {
    struct Final {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <class P>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) const noexcept {
            // Null while the awaiting coroutine is still inside await_suspend below: then it sees
            // done() itself and goes on without a transfer, so loops never deepen the stack.
            auto next = self.promise().continuation;
            return next ? next : std::noop_coroutine();
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { exception = std::current_exception(); }

    std::coroutine_handle<> continuation;
    std::exception_ptr exception;
};

}  // namespace async_detail

template <class T = void>
class [[nodiscard]] Async {
  public:
    struct promise_type : async_detail::PromiseBase {
        Async get_return_object() noexcept {
            return Async{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        void return_value(Result<T> r) { result.emplace(std::move(r)); }
        std::optional<Result<T>> result;
    };

    Async(Async&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    Async& operator=(Async&&) = delete;
    ~Async() {
        if (handle_) handle_.destroy();
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> parent) {
        handle_.resume();
        if (handle_.done()) return false;
        handle_.promise().continuation = parent;
        return true;
    }
    Result<T> await_resume() {
        auto& promise = handle_.promise();
        if (promise.exception) std::rethrow_exception(promise.exception);
        return std::move(*promise.result);
    }

  private:
    explicit Async(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

    std::coroutine_handle<promise_type> handle_;
};

}  // namespace sluice
