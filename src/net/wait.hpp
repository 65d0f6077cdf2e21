// Leaf waits: what a coroutine of this worker can suspend on, each with a Cancel and a deadline.
//
// A Wait ends exactly once: ready, timeout or cancelled. Whoever cancels, notifies or lets a
// deadline pass never resumes the coroutine on its own stack: the wait goes to the worker's ready
// list, which its loop drains next. Only a socket's own event resumes directly, from the
// reactor. A wait that was detached is never touched again, so no handler outlives the frame it
// would resume.
//
// Called by: stream, http1 server and upstream code. Calls: worker_impl (ready list, wheel).
// Thread: the worker's.
#pragma once

#include <coroutine>

#include "sluice/async.hpp"
#include "sluice/time.hpp"

#include "net/wheel.hpp"

namespace sluice::net {

class WorkerImpl;

// Something to be run soon on the worker, linked intrusively: no allocation.
class Ready {
  public:
    Ready() = default;
    Ready(Ready const&) = delete;
    Ready& operator=(Ready const&) = delete;

  protected:
    ~Ready() = default;

  private:
    friend class ReadyList;
    virtual void run_ready() noexcept = 0;
    Ready* next_ready_ = nullptr;
};

// Items in the order they came.
class ReadyList {
  public:
    ReadyList() = default;
    ReadyList(ReadyList const&) = delete;
    ReadyList& operator=(ReadyList const&) = delete;

    void push(Ready& item) noexcept {
        item.next_ready_ = nullptr;
        *last_ = &item;
        last_ = &item.next_ready_;
        ++size_;
    }
    // Runs what is there now; what comes meanwhile is for the next call.
    void run() noexcept {
        auto* item = first_;
        clear();
        while (item) {
            auto* const next = item->next_ready_;
            item->run_ready();
            item = next;
        }
    }
    void clear() noexcept {
        first_ = nullptr;
        last_ = &first_;
        size_ = 0;
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

  private:
    Ready* first_ = nullptr;
    Ready** last_ = &first_;
    std::size_t size_ = 0;
};

// Base of the awaiters. A derived awaiter registers itself with its source in await_suspend after
// begin() said true, and forgets it in detach().
class Wait : private Cancel::Hook, private Wheel::Entry, private Ready {
  public:
    Wait(Cancel& cancel, Deadline deadline) noexcept : cancel_(&cancel), deadline_(deadline) {}

    [[nodiscard]] Wake await_resume() const noexcept { return wake_; }

  protected:
    ~Wait() = default;

    // Registers with cancel and wheel. False: over at once (cancelled), do not suspend.
    bool begin(std::coroutine_handle<> coroutine) noexcept;
    // From the reactor: detaches and resumes at once. `this` may be gone afterwards.
    void resume_now(Wake wake) noexcept;
    // From anywhere else: detaches, resumes through the ready list.
    void resume_soon(Wake wake) noexcept;
    void set_result(Wake wake) noexcept { wake_ = wake; }
    // For destructors of derived awaiters: a frame destroyed while suspended (end of the worker).
    void abandon() noexcept {
        if (active_) detach();
        active_ = false;
    }

    // Forget the source: it must not call this wait any more. Called once, before resuming.
    virtual void detach() noexcept = 0;

  private:
    void on_cancel() noexcept override { resume_soon(Wake::cancelled); }
    void on_deadline() noexcept override { resume_soon(Wake::timeout); }
    void run_ready() noexcept override { coroutine_.resume(); }

    Cancel* cancel_;
    Deadline deadline_;
    std::coroutine_handle<> coroutine_;
    Wake wake_ = Wake::ready;
    bool active_ = false;
};

// Something one coroutine waits for and others notify. A notification nobody waits for is kept
// (one).
class Event {
  public:
    class Awaiter final : public Wait {
      public:
        Awaiter(Event& event, Cancel& cancel, Deadline deadline) noexcept
            : Wait(cancel, deadline), event_(&event) {}
        ~Awaiter() { abandon(); }
        bool await_ready() noexcept;
        bool await_suspend(std::coroutine_handle<> coroutine) noexcept;

      private:
        friend class Event;
        void detach() noexcept override { event_->waiter_ = nullptr; }
        Event* event_;
    };

    Event() = default;
    Event(Event const&) = delete;
    Event& operator=(Event const&) = delete;

    void notify() noexcept;
    void reset() noexcept { is_set_ = false; }
    [[nodiscard]] bool is_set() const noexcept { return is_set_; }
    // ready consumes the notification. One waiter at a time; the event outlives the wait.
    [[nodiscard]] Awaiter wait(Cancel& cancel, Deadline deadline = Deadline::never()) noexcept {
        return {*this, cancel, deadline};
    }

  private:
    Awaiter* waiter_ = nullptr;
    bool is_set_ = false;
};

}  // namespace sluice::net
