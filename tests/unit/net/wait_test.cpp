// Leaf waits on a running worker: how they end, that whoever ends them does not run the waiter, and
// the in-process connection.
#include "net/wait.hpp"

#include <sys/socket.h>

#include "net/send_turn.hpp"
#include "net/turn.hpp"
#include "net/worker_impl.hpp"
#include "server_rig.hpp"

namespace sluice::net::test {
namespace {

Async<> then_stop(Async<> task) {
    auto const result = co_await task;
    Worker::current().stop(seconds{5});
    co_return result;
}

// Runs one task on a worker of its own, then drains it.
class OneTask {
  public:
    OneTask() : worker(Worker::create(0)) {}

    void run(Async<> task) {
        worker->spawn("test", then_stop(std::move(task)));
        worker->run();
        EXPECT_EQ(worker->stats().tasks_running, 0u);
    }

    std::unique_ptr<Worker> worker;
};

char const* name(Wake wake) {
    return wake == Wake::ready ? "ready" : wake == Wake::timeout ? "timeout" : "cancelled";
}

Async<> wait_and_note(Event& event, Cancel& cancel, Deadline deadline, std::string& notes) {
    auto const wake = co_await event.wait(cancel, deadline);
    notes += name(wake);
    notes += ' ';
    co_return Result<void>{};
}

Async<> event_cases(std::string& notes) {
    auto& worker = Worker::current();
    Event event;
    Cancel cancel;
    // A notification that came first is kept, once.
    event.notify();
    event.notify();
    auto kept = wait_and_note(event, cancel, Deadline::never(), notes);
    std::ignore = co_await kept;
    auto late = wait_and_note(event, cancel, Deadline::in(milliseconds{1}), notes);
    std::ignore = co_await late;
    // notify() and cancel() do not run the waiter: it notes after "by".
    worker.spawn("waiter", wait_and_note(event, cancel, Deadline::never(), notes));
    auto turn = worker.sleep(milliseconds{0}, cancel);
    std::ignore = co_await turn;
    event.notify();
    notes += "by ";
    auto turn2 = worker.sleep(milliseconds{0}, cancel);
    std::ignore = co_await turn2;
    worker.spawn("waiter", wait_and_note(event, cancel, Deadline::never(), notes));
    auto turn3 = worker.sleep(milliseconds{0}, cancel);
    std::ignore = co_await turn3;
    cancel.cancel(CancelReason::superseded);
    notes += "by ";
    // Cancelled before it began: over at once.
    auto never = wait_and_note(event, cancel, Deadline::never(), notes);
    std::ignore = co_await never;
    co_return Result<void>{};
}

TEST(Wait, AnEventEndsByNotificationDeadlineOrCancel) {
    std::string notes;
    OneTask{}.run(event_cases(notes));
    EXPECT_EQ(notes, "ready timeout by ready by cancelled cancelled ");
}

Async<> take_turns(char who, Cancel& cancel, Event& ended, std::string& notes) {
    for (int i = 0; i < 3; ++i) {
        notes += who;
        auto const woken = co_await Turn(cancel);
        if (woken == Wake::cancelled) notes += '!';
    }
    ended.notify();
    co_return Result<void>{};
}

Async<> turn_cases(std::string& notes) {
    auto& worker = Worker::current();
    Cancel cancel, cancelled;
    cancelled.cancel(CancelReason::client_gone);
    Event first, second, third;
    worker.spawn("a", take_turns('a', cancel, first, notes));
    worker.spawn("b", take_turns('b', cancel, second, notes));
    std::ignore = co_await first.wait(cancel);
    std::ignore = co_await second.wait(cancel);
    worker.spawn("c", take_turns('c', cancelled, third, notes));
    std::ignore = co_await third.wait(cancel);
    co_return Result<void>{};
}

TEST(Wait, WhoTakesTurnsLetsOthersGoBetween) {
    std::string notes;
    OneTask{}.run(turn_cases(notes));
    EXPECT_EQ(notes, "abababc!c!c!");
}

// Prepares something when its socket is ready, and sends it with the others of that turn.
Async<> prepare_and_send(Stream stream, Cancel& cancel, int& left, Event& ended,
                         std::string& notes) {
    auto const wake = co_await stream.wait(Interest::read, cancel);
    EXPECT_EQ(wake, Wake::ready);
    notes += 'p';
    co_await SendTurn(WorkerImpl::here());
    notes += 's';
    if (--left == 0) ended.notify();
    co_return Result<void>{};
}

// `many` sockets become ready in one turn.
Async<> send_turn_cases(int many, std::string& notes) {
    auto& worker = WorkerImpl::here();
    Cancel cancel;
    Event ended;
    int left = many;
    std::vector<int> others;
    for (int i = 0; i < many; ++i) {
        int fds[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        others.push_back(fds[1]);
        worker.spawn("sender",
                     prepare_and_send(Stream::adopt(worker, fds[0]), cancel, left, ended, notes));
    }
    auto turn = worker.sleep(milliseconds{1}, cancel);
    std::ignore = co_await turn;  // all wait now
    for (int const fd : others) EXPECT_EQ(::send(fd, "x", 1, MSG_NOSIGNAL), 1);
    std::ignore = co_await ended.wait(cancel);
    for (int const fd : others) ::close(fd);
    co_return Result<void>{};
}

TEST(Wait, SendsOfOneTurnGoOutTogether) {
    std::string one, three, many;
    OneTask{}.run(send_turn_cases(1, one));
    EXPECT_EQ(one, "ps");
    OneTask{}.run(send_turn_cases(3, three));
    EXPECT_EQ(three, "pppsss");
    // Never more than sixteen wait for one another.
    OneTask{}.run(send_turn_cases(40, many));
    std::size_t waiting = 0, most = 0;
    for (char const note : many) {
        waiting = note == 'p' ? waiting + 1 : waiting - 1;
        most = std::max(most, waiting);
    }
    EXPECT_EQ(waiting, 0U);
    EXPECT_EQ(most, 16U);
}

Async<> cancel_by_probe(std::string& notes) {
    Event event;
    Cancel cancel;
    Cancel::set_probe([](Cancel& c, std::uint64_t nth) {
        if (nth == 1) c.cancel(CancelReason::client_gone);
    });
    auto first = wait_and_note(event, cancel, Deadline::never(), notes);
    std::ignore = co_await first;
    Cancel::set_probe(nullptr);
    co_return Result<void>{};
}

TEST(Wait, ACancelWithinRegistrationEndsTheWait) {
    std::string notes;
    OneTask{}.run(cancel_by_probe(notes));
    EXPECT_EQ(notes, "cancelled ");
}

Async<> cancel_sleep(Cancel& cancel, std::string& notes) {
    auto const wake = co_await Worker::current().sleep(std::chrono::hours{1}, cancel);
    notes += name(wake.value());
    co_return Result<void>{};
}

Async<> sleep_cases(std::string& notes) {
    Cancel cancel;
    Cancel child{cancel};
    auto& worker = Worker::current();
    worker.spawn("sleeper", cancel_sleep(child, notes));
    auto const wake = co_await worker.sleep(milliseconds{5}, cancel);
    notes += name(wake.value());
    notes += ' ';
    cancel.cancel(CancelReason::superseded);
    Cancel other;
    auto turn = worker.sleep(milliseconds{1}, other);
    std::ignore = co_await turn;
    co_return Result<void>{};
}

TEST(Wait, ASleepEndsInTimeOrWithItsCancelsParent) {
    std::string notes;
    OneTask{}.run(sleep_cases(notes));
    EXPECT_EQ(notes, "ready cancelled");
}

Async<> throws() {
    throw std::runtime_error{"on purpose"};
    co_return Result<void>{};
}

Async<> spawn_thrower() {
    Worker::current().spawn("thrower", throws());
    co_return Result<void>{};
}

TEST(Worker, AnExceptionEndsItsTaskOnly) {
    OneTask{}.run(spawn_thrower());  // and the worker ends as always
}

// Never ends by itself and ignores its cancel: destroyed with the worker.
Async<> stuck(bool& destroyed) {
    struct Note {
        bool& destroyed;
        ~Note() { destroyed = true; }
    } const note{destroyed};
    Event event;
    Cancel cancel;
    auto const wake = co_await event.wait(cancel);
    std::ignore = wake;
    co_return Result<void>{};
}

TEST(Worker, DestroysATaskThatDoesNotEnd) {
    bool destroyed = false;
    auto worker = Worker::create(0);
    worker->spawn("stuck", stuck(destroyed));
    worker->stop(milliseconds{0});
    worker->run();
    EXPECT_TRUE(destroyed);
}

Async<> ask_inproc(std::shared_ptr<Handler> handler, std::string& answer, Stream& kept) {
    auto& worker = WorkerImpl::here();
    EXPECT_FALSE(worker.connect_inproc(nullptr).ok());
    auto connected = worker.connect_inproc(std::move(handler));
    EXPECT_TRUE(connected.ok());
    if (!connected.ok()) co_return connected.error();
    Stream stream = std::move(connected.value());
    Cancel cancel;
    for (int i = 0; i < 2; ++i) {
        std::string request = "POST /echo HTTP/1.1\r\nHost: mock\r\nContent-Length: 2\r\n\r\nhi";
        iovec const piece{request.data(), request.size()};
        EXPECT_EQ(stream.try_write({&piece, 1}).bytes, request.size());
        std::string got;
        while (!got.ends_with("\r\n\r\nhi")) {
            auto const wake =
                co_await stream.wait(Interest::read, cancel, Deadline::in(seconds{5}));
            if (wake != Wake::ready) break;
            auto const result = stream.try_read(worker.scratch());
            if (!result.moved() && !result.blocked()) break;
            if (result.moved()) got.append(worker.scratch().data(), result.bytes);
        }
        answer += got;
    }
    // The idle in-process session that is left behind does not hold up the drain.
    kept = std::move(stream);
    co_return Result<void>{};
}

TEST(Worker, ServesInProcess) {
    Journal journal;
    OneTask task;
    std::string answer;
    Stream kept;
    auto const before = Steady::now();
    task.run(ask_inproc(std::make_shared<ScriptedHandler>(journal), answer, kept));
    EXPECT_LT(Steady::now() - before, seconds{4});
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nhi")) << answer;
    EXPECT_EQ(task.worker->stats().connections_accepted, 0u);
}

}  // namespace
}  // namespace sluice::net::test
