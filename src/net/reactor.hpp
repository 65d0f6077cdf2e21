// What a worker's thread waits for: descriptors (one epoll set), moments, and functions posted by
// other threads.
//
// Edge-triggered sources are registered once and never again for a wait: who reads to the bottom
// (Stream::Core knows) needs no system call to wait for what comes next.
//
// Called by: worker_impl, stream, resolve. Calls: epoll, eventfd. Thread: the worker's, except
// post().
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <sys/epoll.h>
#include <utility>

#include "sluice/time.hpp"

namespace sluice::net {

class Reactor {
  public:
    // One descriptor. Not called any more once it was removed, in the same turn neither.
    class Source {
      public:
        virtual void on_events(std::uint32_t events) noexcept = 0;  // EPOLLIN and others

      protected:
        ~Source() = default;
    };

    // Told once, at its moment or soon after. Its end or cancel() takes it out.
    class Timer {
      public:
        explicit Timer(Reactor& reactor) noexcept : reactor_(reactor) {}
        Timer(Timer const&) = delete;
        Timer& operator=(Timer const&) = delete;

        void set(Steady::time_point at);  // instead of what was set before
        void cancel() noexcept;

      protected:
        ~Timer() { cancel(); }

      private:
        friend class Reactor;
        virtual void on_due() = 0;  // may set it again, or end it
        Reactor& reactor_;
        std::multimap<Steady::time_point, Timer*>::iterator place_;
        bool is_set_ = false;
    };

    // Calls a function; that may not end the timer.
    class Call final : public Timer {
      public:
        Call(Reactor& reactor, std::function<void()> function)
            : Timer(reactor), function_(std::move(function)) {}

      private:
        void on_due() override { function_(); }
        std::function<void()> function_;
    };

    // Throws std::system_error when the kernel gives no descriptors.
    Reactor();
    Reactor(Reactor const&) = delete;
    Reactor& operator=(Reactor const&) = delete;
    ~Reactor();

    // False: the kernel would not take it.
    bool add(int fd, Source& source, std::uint32_t events) noexcept;
    // Also asks anew what is there now: an edge is told again.
    bool change(int fd, Source& source, std::uint32_t events) noexcept;
    void remove(int fd, Source& source) noexcept;

    // Any thread. Run in a later turn, in their order; dropped uncalled when the reactor ends
    // first.
    void post(std::function<void()> function);

    // What was posted, then timers that are due. Lets their exceptions through; the next call goes
    // on behind them.
    void run_due();
    // Sleeps until there is something to do, unless `is_busy`, and tells sources of their events.
    // `between` is called after each.
    template <class Between>
    void wait(bool is_busy, Between&& between) noexcept {
        for (collect(is_busy); next_event_ < events_end_;) {
            tell_next();
            between();
        }
        next_event_ = events_end_ = 0;
    }
    void wait(bool is_busy) noexcept {
        wait(is_busy, [] {});
    }
    // Some of this turn's events are not told yet.
    [[nodiscard]] bool has_events() const noexcept { return next_event_ < events_end_; }

  private:
    static constexpr int batch = 128;

    void collect(bool is_busy) noexcept;
    void tell_next() noexcept;
    void run_posted();
    void run_timers();
    [[nodiscard]] int patience_ms(bool is_busy) noexcept;
    void take_rings() const noexcept;

    int epoll_ = -1;
    int bell_ = -1;  // an eventfd: rung for what other threads post
    std::array<epoll_event, batch> events_;
    int next_event_ = 0;  // the events not yet told: from here up to events_end_
    int events_end_ = 0;
    std::multimap<Steady::time_point, Timer*> timers_;
    Steady::time_point looked_at_{};  // for timers that are due; none: a while ago
    std::mutex mutex_;
    std::deque<std::function<void()>> posted_;   // under mutex_
    std::deque<std::function<void()>> running_;  // taken from posted_, in turn
    std::atomic<bool> is_rung_{false};
};

}  // namespace sluice::net
