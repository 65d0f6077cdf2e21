// See reactor.hpp.
#include "net/reactor.hpp"

#include <algorithm>
#include <boost/throw_exception.hpp>
#include <cerrno>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/turn_time.hpp"

namespace sluice::net {

void Reactor::Timer::set(Steady::time_point at) {
    cancel();
    place_ = reactor_.timers_.emplace(at, this);
    is_set_ = true;
}

void Reactor::Timer::cancel() noexcept {
    if (std::exchange(is_set_, false)) reactor_.timers_.erase(place_);
}

Reactor::Reactor() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    bell_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    if (epoll_ >= 0 && bell_ >= 0 && ::epoll_ctl(epoll_, EPOLL_CTL_ADD, bell_, &event) == 0) return;
    auto const error = errno;
    if (bell_ >= 0) ::close(bell_);
    if (epoll_ >= 0) ::close(epoll_);
    // At start-up, before there is a data plane: the daemon reports it and ends.
    boost::throw_exception(
        std::system_error(error, std::generic_category(), "the event loop of a worker"));
}

Reactor::~Reactor() {
    ::close(bell_);
    ::close(epoll_);
    end_turns();
}

bool Reactor::add(int fd, Source& source, std::uint32_t events) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &source;
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool Reactor::change(int fd, Source& source, std::uint32_t events) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &source;
    return ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) == 0;
}

// By name: closing alone would leave a descriptor in the set that another process holds, too.
void Reactor::remove(int fd, Source& source) noexcept {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    for (int i = next_event_; i < events_end_; ++i) {
        auto& event = events_[static_cast<std::size_t>(i)];
        if (event.data.ptr == &source) event.data.ptr = nullptr;
    }
}

void Reactor::post(std::function<void()> function) {
    {
        std::lock_guard const lock{mutex_};
        posted_.push_back(std::move(function));
    }
    if (is_rung_.exchange(true)) return;
    std::uint64_t const one = 1;
    // It cannot be full: it is rung once between two turns.
    static_cast<void>(::write(bell_, &one, sizeof one) == sizeof one);
}

void Reactor::run_due() {
    run_posted();
    run_timers();
}

void Reactor::collect(bool is_busy) noexcept {
    next_event_ = 0;
    events_end_ = ::epoll_wait(epoll_, events_.data(), batch, patience_ms(is_busy));
    begin_turn();
}

void Reactor::tell_next() noexcept {
    auto const& event = events_[static_cast<std::size_t>(next_event_++)];
    auto* const source = static_cast<Source*>(event.data.ptr);
    if (source) {
        source->on_events(event.events);
    } else {
        take_rings();
    }
}

void Reactor::take_rings() const noexcept {
    std::uint64_t rings = 0;
    static_cast<void>(::read(bell_, &rings, sizeof rings) == sizeof rings);
}

void Reactor::run_posted() {
    if (is_rung_.load(std::memory_order_relaxed)) {
        // Cleared first: what is posted from here on rings again.
        is_rung_.store(false);
        std::lock_guard const lock{mutex_};
        std::move(posted_.begin(), posted_.end(), std::back_inserter(running_));
        posted_.clear();
    }
    // One that throws is gone; the others run in the next turn.
    for (auto left = running_.size(); left > 0; --left) {
        auto const function = std::move(running_.front());
        running_.pop_front();
        function();
    }
}

void Reactor::run_timers() {
    looked_at_ = {};
    if (timers_.empty()) return;
    auto const now = Steady::now();
    looked_at_ = now;
    while (!timers_.empty() && timers_.begin()->first <= now) {
        auto& timer = *timers_.begin()->second;
        timer.cancel();
        timer.on_due();
        looked_at_ = {};  // that took time
    }
}

int Reactor::patience_ms(bool is_busy) noexcept {
    constexpr std::int64_t most = 3'600'000;
    auto const looked_at = std::exchange(looked_at_, {});
    if (is_busy || !running_.empty() || is_rung_.load(std::memory_order_relaxed)) return 0;
    if (timers_.empty()) return -1;
    auto const now = looked_at == Steady::time_point{} ? Steady::now() : looked_at;
    auto const left = timers_.begin()->first - now;
    auto const ms = std::chrono::ceil<milliseconds>(left).count();
    return static_cast<int>(std::clamp<std::int64_t>(ms, 0, most));
}

}  // namespace sluice::net
