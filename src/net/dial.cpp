// See dial.hpp.
#include "net/dial.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <sys/socket.h>
#include <sys/un.h>

#include "net/dial_errors.hpp"
#include "net/worker_impl.hpp"

namespace sluice::net {
namespace {

std::string errno_text(int code) {
    char text[128];
    return ::strerror_r(code, text, sizeof text);
}

// Lives in the frame of dial(); its watchers and its stagger fire from the reactor and only
// notify.
class Race final : private Wheel::Entry {
  public:
    Race(WorkerImpl& worker, Addresses addresses, DialOptions options)
        : worker_(worker), addresses_(std::move(addresses)), options_(options) {}

    void try_next();
    [[nodiscard]] Event& decided() { return decided_; }
    [[nodiscard]] Stream take_winner() { return std::move(winner_); }
    [[nodiscard]] std::string const& failures() const { return failures_; }

  private:
    class Try final : public Stream::Watcher {
      public:
        Try(Race& race, Stream stream_, std::size_t i)
            : stream(std::move(stream_)), index(i), race_(race) {}
        Try(Try const&) = delete;
        Try& operator=(Try const&) = delete;
        ~Try() { stream.unwatch(Interest::write); }
        Stream stream;
        std::size_t index;

      private:
        void on_ready(Interest) noexcept override { race_.on_writable(*this); }
        void on_closed() noexcept override {}
        Race& race_;
    };

    void on_deadline() noexcept override { try_next(); }
    void on_writable(Try& attempt) noexcept;
    void note(std::size_t index, int code);
    void decide(Stream winner);

    WorkerImpl& worker_;
    Addresses addresses_;
    DialOptions options_;
    std::vector<std::unique_ptr<Try>> tries_;
    std::size_t next_ = 0;
    Stream winner_;
    Event decided_;
    std::string failures_;
};

void Race::try_next() {
    while (next_ < addresses_.size()) {
        auto const index = next_++;
        auto const& to = addresses_[index];
        int const fd = ::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            note(index, errno);
            continue;
        }
        int const failed = ::connect(fd, to.data(), to.length) == 0 ? 0 : errno;
        auto stream = Stream::adopt(worker_, fd);
        stream.set_no_delay();
        if (!stream.is_open()) {
            note(index, failed != 0 && failed != EINPROGRESS ? failed : ENOMEM);
            continue;
        }
        if (failed == 0) return decide(std::move(stream));
        if (failed != EINPROGRESS) {
            note(index, failed);
            continue;
        }
        auto& attempt =
            *tries_.emplace_back(std::make_unique<Try>(*this, std::move(stream), index));
        attempt.stream.watch(Interest::write, attempt);
        if (next_ < addresses_.size()) {
            worker_.set_deadline(*this, Steady::now() + options_.stagger);
        }
        return;
    }
    if (tries_.empty()) decide(Stream{});
}

void Race::on_writable(Try& attempt) noexcept {
    int failed = 0;
    socklen_t size = sizeof failed;
    ::getsockopt(attempt.stream.fd(), SOL_SOCKET, SO_ERROR, &failed, &size);
    auto stream = std::move(attempt.stream);
    auto const index = attempt.index;
    std::erase_if(tries_, [&](auto const& t) { return t.get() == &attempt; });
    if (failed == 0) return decide(std::move(stream));
    note(index, failed);
    Entry::clear();
    try_next();
}

void Race::note(std::size_t index, int code) {
    if (failures_.size() > 400) return;
    if (!failures_.empty()) failures_ += "; ";
    failures_ += addresses_[index].text() + ": " + errno_text(code);
}

void Race::decide(Stream winner) {
    Entry::clear();
    tries_.clear();
    winner_ = std::move(winner);
    decided_.notify();
}

}  // namespace

Addresses interleave(Addresses addresses) {
    if (addresses.empty()) return addresses;
    auto const first = addresses.front().family();
    Addresses ours;
    Addresses theirs;
    for (auto& a : addresses) (a.family() == first ? ours : theirs).push_back(a);
    Addresses out;
    for (std::size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
        if (i < ours.size()) out.push_back(ours[i]);
        if (i < theirs.size()) out.push_back(theirs[i]);
    }
    return out;
}

Addresses unix_address(std::string_view path) {
    SocketAddress address;
    auto* const un = reinterpret_cast<sockaddr_un*>(&address.storage);
    if (path.empty() || path.size() >= sizeof un->sun_path) return {};
    un->sun_family = AF_UNIX;
    std::memcpy(un->sun_path, path.data(), path.size());
    if (path.front() == '@') un->sun_path[0] = '\0';  // abstract
    address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() +
                                            (path.front() == '@' ? 0 : 1));
    return {address};
}

Async<Stream> dial(WorkerImpl& worker, Addresses addresses, DialOptions options, Deadline deadline,
                   Cancel& cancel) {
    Race race{worker, interleave(std::move(addresses)), options};
    race.try_next();
    auto const woken = co_await race.decided().wait(cancel, deadline);
    if (woken != Wake::ready) co_return given_up(woken, cancel, "connect", race.failures());
    auto winner = race.take_winner();
    if (!winner.is_open()) co_return unconnected(Retry::same, "connect", race.failures());
    co_return std::move(winner);
}

}  // namespace sluice::net
