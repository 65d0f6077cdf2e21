#include "net/hangup.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include "net/worker_impl.hpp"

namespace sluice::net {

HangupWatch::Hook::~Hook() {
    if (watch_) watch_->forget(*this);
}

void HangupWatch::start(WorkerImpl& worker) {
    epoll_ = Stream::adopt(worker, ::epoll_create1(EPOLL_CLOEXEC));
    epoll_.watch(Interest::read, *this);
}

void HangupWatch::close() noexcept { epoll_.close(); }

void HangupWatch::add(Hook& hook, int fd) noexcept {
    if (!epoll_.is_open()) return;
    epoll_event event{};
    event.events = EPOLLRDHUP | EPOLLET;
    event.data.ptr = &hook;
    if (::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, fd, &event) != 0) return;
    hook.watch_ = this;
}

void HangupWatch::forget(Hook& hook) noexcept {
    for (int i = 0; i < current_count_; ++i) {
        auto& pending = current_[static_cast<std::size_t>(i)];
        if (pending == &hook) pending = nullptr;
    }
    hook.watch_ = nullptr;
}

void HangupWatch::on_ready(Interest) noexcept {
    std::array<epoll_event, batch> events;
    for (;;) {
        auto const n = ::epoll_wait(epoll_.fd(), events.data(), batch, 0);
        for (int i = 0; i < n; ++i) {
            auto const at = static_cast<std::size_t>(i);
            current_[at] = static_cast<Hook*>(events[at].data.ptr);
        }
        current_count_ = n > 0 ? n : 0;
        for (int i = 0; i < current_count_; ++i) {
            auto const at = static_cast<std::size_t>(i);
            auto const bits = events[at].events;
            if (auto* hook = current_[at]) hook->on_hangup((bits & (EPOLLHUP | EPOLLERR)) != 0);
        }
        current_count_ = 0;
        if (n < batch) break;
    }
    epoll_.watch(Interest::read, *this);
}

}  // namespace sluice::net
