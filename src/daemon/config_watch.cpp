#include "daemon/config_watch.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <tuple>
#include <unistd.h>
#include <utility>

#include "sluice/time.hpp"

#include "base/background.hpp"
#include "base/log.hpp"

namespace sluice::daemon {
namespace {

constexpr auto settle = milliseconds{150};       // quiet for so long: the writer is done
constexpr auto settle_max = milliseconds{2000};  // of a directory that never is quiet
constexpr auto look_without_inotify = milliseconds{2000};
constexpr auto look_anyway = milliseconds{30'000};
constexpr auto tidy_again = milliseconds{250};
constexpr auto rest_after = milliseconds{250};
constexpr std::uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                                 IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB;

int until(Steady::time_point at) {
    auto const left = std::chrono::ceil<milliseconds>(at - Steady::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

}  // namespace

ConfigWatch::ConfigWatch(ConfigSource const* source, Calls calls, WatchOptions options)
    : source_(options.files ? source : nullptr), calls_(std::move(calls)), options_(options) {
    wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (source_ && options_.inotify) inotify_fd_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (source_) watch_directories();  // before start-up goes on: no change is missed
    thread_ = std::thread([this] { run(); });
}

ConfigWatch::~ConfigWatch() {
    stop();
    if (wake_fd_ >= 0) ::close(wake_fd_);
    if (inotify_fd_ >= 0) ::close(inotify_fd_);
}

void ConfigWatch::request(std::string cause) {
    {
        std::lock_guard const lock(mutex_);
        requested_ = std::move(cause);
    }
    std::ignore = ::eventfd_write(wake_fd_, 1);
}

void ConfigWatch::tidy_soon() {
    {
        std::lock_guard const lock(mutex_);
        is_untidy_ = true;
    }
    std::ignore = ::eventfd_write(wake_fd_, 1);
}

void ConfigWatch::stop() {
    if (!thread_.joinable()) return;
    {
        std::lock_guard const lock(mutex_);
        stopping_ = true;
    }
    std::ignore = ::eventfd_write(wake_fd_, 1);
    thread_.join();
}

std::string ConfigWatch::take_request() {
    std::lock_guard const lock(mutex_);
    return std::exchange(requested_, {});
}

void ConfigWatch::run() {
    run_in_background("config-watch");
    auto const never = Steady::time_point::max();
    auto tidy_at = never;
    auto rest_at = never;
    auto look_at = Steady::now() + (inotify_fd_ >= 0 ? look_anyway : look_without_inotify);
    auto settled_at = never;
    auto settled_at_latest = never;
    for (;;) {
        auto const next = std::min({tidy_at, rest_at, source_ ? look_at : never, settled_at});
        wait(next == never ? -1 : until(next));
        bool reloaded = false;
        {
            std::lock_guard const lock(mutex_);
            if (stopping_) return;
            reloaded = std::exchange(is_untidy_, false);
        }
        auto const now = Steady::now();
        if (std::exchange(is_stirred_, false)) {
            if (settled_at == never) settled_at_latest = now + settle_max;
            settled_at = std::min(now + settle, settled_at_latest);
        }
        if (auto const cause = take_request(); !cause.empty()) {
            calls_.reload(cause);
            reloaded = true;
        }
        if (source_ && (now >= settled_at || now >= look_at)) {
            settled_at = never;
            look_at = now + (inotify_fd_ >= 0 ? look_anyway : look_without_inotify);
            if (source_->is_changed()) {
                calls_.reload("file change");
                reloaded = true;
            }
            watch_directories();
        }
        if (reloaded && source_) watch_directories();  // it may name other files now
        if (now >= rest_at) {
            rest_at = never;
            calls_.rest();
        }
        if (reloaded || now >= tidy_at) {
            tidy_at = calls_.tidy() ? now + tidy_again : never;
            if (tidy_at == never) rest_at = now + rest_after;
        }
    }
}

void ConfigWatch::wait(int timeout_ms) {
    std::array<pollfd, 2> fds{{{wake_fd_, POLLIN, 0}, {inotify_fd_, POLLIN, 0}}};
    if (::poll(fds.data(), inotify_fd_ >= 0 ? 2 : 1, timeout_ms) <= 0) return;
    eventfd_t ignored = 0;
    std::ignore = ::eventfd_read(wake_fd_, &ignored);
    if (inotify_fd_ < 0) return;
    alignas(inotify_event) std::array<char, 4096> buffer;
    while (::read(inotify_fd_, buffer.data(), buffer.size()) > 0) is_stirred_ = true;
}

// Adding a directory that is watched already changes nothing; one that was made anew is picked up.
void ConfigWatch::watch_directories() {
    if (inotify_fd_ < 0) return;
    for (auto const& directory : source_->directories()) {
        if (::inotify_add_watch(inotify_fd_, directory.c_str(), events) >= 0) continue;
        if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) continue;  // looked at anyway
        log::warn("{} cannot be watched ({}); looking for changes every {} s instead", directory,
                  std::strerror(errno), look_without_inotify.count() / 1000);
        ::close(std::exchange(inotify_fd_, -1));
        return;
    }
}

}  // namespace sluice::daemon
