// The event loop: no edge is lost that a wait relies on, whatever was read before it; timers and
// posted functions run in their turn.
#include "net/reactor.hpp"

#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "net/worker_impl.hpp"
#include "server_rig.hpp"

namespace sluice::net::test {
namespace {

// One end as a Stream, the other as it is.
struct Pair {
    Pair() {
        int fds[2] = {-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        near = Stream::adopt(WorkerImpl::here(), fds[0]);
        far = fds[1];
    }
    Pair(Pair const&) = delete;
    Pair& operator=(Pair const&) = delete;
    ~Pair() { leave(); }
    void send(std::string_view text) const {
        EXPECT_EQ(::send(far, text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    void leave() {
        if (far >= 0) ::close(far);
        far = -1;
    }
    // What a read of up to `bytes` gives: the text, "-" for nothing, "end".
    std::string read(std::size_t bytes) {
        std::string into(bytes, '\0');
        auto const result = near.try_read(into);
        if (result.blocked()) return "-";
        return result.moved() ? into.substr(0, result.bytes) : "end";
    }

    Stream near;
    int far = -1;
};

constexpr auto patience = seconds{20};

template <class Task>
void run(Task task) {
    auto worker = Worker::create(0);
    worker->spawn("test", task());
    worker->run();
}

Async<> wait_for(Pair& pair, std::string& notes) {
    Cancel cancel;
    auto const woken = co_await pair.near.wait(Interest::read, cancel, Deadline::in(patience));
    notes += woken == Wake::ready ? "ready " : "lost ";
    co_return Result<void>{};
}

std::string notes_;

Async<> reads_and_waits() {
    Pair pair;
    // Bytes and the end behind them, told of by one edge: a short read is not the bottom.
    pair.send("abc");
    pair.leave();
    auto first = wait_for(pair, notes_);
    std::ignore = co_await first;
    notes_ += pair.read(64) + " ";
    auto second = wait_for(pair, notes_);
    std::ignore = co_await second;
    notes_ += pair.read(64);
    Worker::current().stop(seconds{1});
    co_return Result<void>{};
}

TEST(Reactor, TheEndBehindBytesIsSeenAlthoughOneEdgeToldOfBoth) {
    notes_.clear();
    run(reads_and_waits);
    EXPECT_EQ(notes_, "ready abc ready end");
}

Async<> reads_to_the_bottom() {
    Pair pair;
    pair.send("abcd");
    // A full buffer says nothing of what is behind it: the wait asks.
    auto first = wait_for(pair, notes_);
    std::ignore = co_await first;
    notes_ += pair.read(2) + " ";
    auto second = wait_for(pair, notes_);
    std::ignore = co_await second;
    // A short read is the bottom; what comes before the wait begins is not lost.
    notes_ += pair.read(64) + " ";
    pair.send("ef");
    auto third = wait_for(pair, notes_);
    std::ignore = co_await third;
    notes_ += pair.read(64) + " ";
    notes_ += pair.read(64) + " ";
    // Nor is what comes when nobody waits, in another turn.
    pair.send("gh");
    Cancel cancel;
    auto turn = Worker::current().sleep(milliseconds{2}, cancel);
    std::ignore = co_await turn;
    auto fourth = wait_for(pair, notes_);
    std::ignore = co_await fourth;
    notes_ += pair.read(64);
    Worker::current().stop(seconds{1});
    co_return Result<void>{};
}

TEST(Reactor, NoWaitMissesWhatCameAfterTheLastRead) {
    notes_.clear();
    run(reads_to_the_bottom);
    EXPECT_EQ(notes_, "ready ab ready cd ready ef - ready gh");
}

Async<> writes_until_full() {
    Pair pair;
    std::string const much(256 * 1024, 'x');
    iovec const piece{const_cast<char*>(much.data()), much.size()};
    std::size_t sent = 0;
    for (;;) {
        auto const result = pair.near.try_write({&piece, 1});
        if (!result.moved()) break;
        sent += result.bytes;
    }
    std::vector<char> into(much.size());
    while (sent > 0) {
        auto const n = ::recv(pair.far, into.data(), into.size(), 0);
        if (n <= 0) break;
        sent -= static_cast<std::size_t>(n);
    }
    Cancel cancel;
    auto const woken = co_await pair.near.wait(Interest::write, cancel, Deadline::in(patience));
    notes_ += woken == Wake::ready && sent == 0 ? "ready" : "lost";
    Worker::current().stop(seconds{1});
    co_return Result<void>{};
}

TEST(Reactor, AWriterIsToldOfRoomThatCameBeforeItWaited) {
    notes_.clear();
    run(writes_until_full);
    EXPECT_EQ(notes_, "ready");
}

TEST(Reactor, TimersRunInTheOrderOfTheirMoments) {
    Reactor reactor;
    std::string order;
    Reactor::Call late{reactor, [&] { order += "late "; }};
    Reactor::Call early{reactor, [&] { order += "early "; }};
    Reactor::Call never{reactor, [&] { order += "never "; }};
    auto const now = Steady::now();
    late.set(now + milliseconds{3});
    early.set(now + milliseconds{1});
    never.set(now + milliseconds{2});
    never.cancel();
    while (order.find("late") == order.npos) {
        reactor.wait(false);
        reactor.run_due();
    }
    EXPECT_EQ(order, "early late ");
}

TEST(Reactor, WhatOtherThreadsPostWakesItAndRunsInOrder) {
    Reactor reactor;
    std::vector<int> seen;
    std::thread poster{[&] {
        for (int i = 0; i < 1000; ++i) reactor.post([&seen, i] { seen.push_back(i); });
    }};
    while (seen.size() < 1000) {
        reactor.wait(false);
        reactor.run_due();
    }
    poster.join();
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(Reactor, APostedFunctionThatThrowsTakesNoneOfTheOthersAlong) {
    Reactor reactor;
    int ran = 0;
    reactor.post([&] { ++ran; });
    reactor.post([] { throw std::runtime_error{"on purpose"}; });
    reactor.post([&] { ++ran; });
    EXPECT_THROW(reactor.run_due(), std::runtime_error);
    reactor.wait(false);  // does not sleep: something is left
    reactor.run_due();
    EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace sluice::net::test
