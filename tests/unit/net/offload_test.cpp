// Work off the workers: where it runs, where its result arrives, and every way its end can be
// missed: a cancelled wait, a worker that drains, a queue that is full, a stop.
#include "net/offload.hpp"

#include <future>
#include <gtest/gtest.h>

#include "net/worker.hpp"

namespace sluice::net::test {
namespace {

// Runs tasks on a worker with a thread of its own.
class Rig {
  public:
    Rig() : worker(Worker::create(0)), thread_([this] { worker->run(); }) {}
    ~Rig() { stop(); }
    void stop(Steady::duration drain = seconds{5}) {
        if (!thread_.joinable()) return;
        worker->stop(drain);
        thread_.join();
    }
    void spawn(std::function<Async<>()> make) {
        worker->post([this, make] { worker->spawn("test", make()); });
    }

    std::unique_ptr<Worker> worker;

  private:
    std::thread thread_;
};

// What one run came to, told to the test's thread.
struct Told {
    Result<int> result = 0;
    std::thread::id resumed_on;
};

Async<> run_and_tell(Offload& offload, std::function<Result<int>()> fn, Cancel& cancel,
                     Deadline deadline, std::shared_ptr<std::promise<Told>> promise) {
    auto result = co_await offload.run<int>(std::move(fn), cancel, deadline);
    promise->set_value({std::move(result), std::this_thread::get_id()});
    co_return Result<void>{};
}

std::future<Told> start(Rig& rig, Offload& offload, std::function<Result<int>()> fn, Cancel& cancel,
                        Deadline deadline = Deadline::never()) {
    auto promise = std::make_shared<std::promise<Told>>();
    auto future = promise->get_future();
    rig.spawn([&offload, fn, &cancel, deadline, promise] {
        return run_and_tell(offload, fn, cancel, deadline, promise);
    });
    return future;
}

// A gate that a function waits at until the test opens it.
class Gate {
  public:
    void open() { promise_.set_value(); }
    std::function<Result<int>()> function(int value) {
        return [future = future_, value]() -> Result<int> {
            future.wait();
            return value;
        };
    }

  private:
    std::promise<void> promise_;
    std::shared_future<void> future_ = promise_.get_future().share();
};

TEST(Offload, RunsElsewhereAndResumesOnTheWorker) {
    Rig rig;
    Offload offload{1};
    Cancel cancel;
    std::promise<std::thread::id> worker_thread;
    rig.worker->post([&] { worker_thread.set_value(std::this_thread::get_id()); });
    std::thread::id ran_on;
    auto const told = start(
                          rig, offload,
                          [&ran_on]() -> Result<int> {
                              ran_on = std::this_thread::get_id();
                              return 7;
                          },
                          cancel)
                          .get();
    ASSERT_TRUE(told.result.ok());
    EXPECT_EQ(told.result.value(), 7);
    auto const worker_id = worker_thread.get_future().get();
    EXPECT_EQ(told.resumed_on, worker_id);
    EXPECT_NE(ran_on, worker_id);
    EXPECT_NE(ran_on, std::this_thread::get_id());
}

TEST(Offload, PassesErrorsOnAndCatchesExceptions) {
    Rig rig;
    Offload offload{1};
    Cancel cancel;
    auto const refused =
        start(
            rig, offload,
            []() -> Result<int> { return client_error(ErrorCode::invalid_request, 400, "no"); },
            cancel)
            .get();
    ASSERT_FALSE(refused.result.ok());
    EXPECT_EQ(refused.result.error().code, ErrorCode::invalid_request);
    auto const threw =
        start(
            rig, offload, []() -> Result<int> { throw std::runtime_error("a secret"); }, cancel)
            .get();
    ASSERT_FALSE(threw.result.ok());
    EXPECT_EQ(threw.result.error().code, ErrorCode::internal);
    EXPECT_EQ(threw.result.error().message.find("secret"), std::string::npos);
    // The thread lives on.
    auto const after = start(
                           rig, offload, []() -> Result<int> { return 1; }, cancel)
                           .get();
    EXPECT_TRUE(after.result.ok());
}

TEST(Offload, RefusesWhatWouldWaitBeyondItsBound) {
    Rig rig;
    Offload offload{1};
    Cancel cancel;
    Gate gate;
    std::promise<void> running;
    auto first = start(
        rig, offload,
        [&running, wait = gate.function(1)]() -> Result<int> {
            running.set_value();
            return wait();
        },
        cancel);
    running.get_future().wait();
    std::vector<std::future<Told>> waiting;
    for (std::size_t i = 0; i < Offload::waiting_max; ++i) {
        waiting.push_back(start(rig, offload, gate.function(2), cancel));
    }
    auto const refused = start(rig, offload, gate.function(3), cancel).get();
    ASSERT_FALSE(refused.result.ok());
    EXPECT_EQ(refused.result.error().code, ErrorCode::overloaded);
    EXPECT_GT(refused.result.error().retry_after_ms, 0);
    gate.open();
    EXPECT_TRUE(first.get().result.ok());
    for (auto& each : waiting) EXPECT_TRUE(each.get().result.ok());
}

TEST(Offload, ACancelledOrLateWaitEndsWhileTheFunctionRunsOn) {
    Rig rig;
    Offload offload{2};
    Cancel cancel;
    Cancel other;
    Gate gate;
    auto cancelled = start(rig, offload, gate.function(1), cancel);
    auto late = start(rig, offload, gate.function(2), other, Deadline::in(milliseconds{20}));
    rig.worker->post([&cancel] { cancel.cancel(CancelReason::client_gone); });
    auto const gone = cancelled.get();
    ASSERT_FALSE(gone.result.ok());
    EXPECT_EQ(gone.result.error().code, ErrorCode::client_closed);
    auto const over = late.get();
    ASSERT_FALSE(over.result.ok());
    EXPECT_EQ(over.result.error().code, ErrorCode::upstream_timeout);
    gate.open();
    offload.stop();  // the news of both arrive at nobody
    rig.stop();
    EXPECT_EQ(rig.worker->stats().tasks_running, 0u);
}

// The wait of an exchange hangs on its Cancel, which the drain's deadline cancels; a task without
// one is destroyed with the worker. The function outlives both.
TEST(Offload, AWorkerThatStopsIsNotHeldUp) {
    Gate gate;
    Rig rig;
    Offload offload{1};
    Cancel cancel;  // never cancelled
    std::promise<void> running;
    auto lost = start(
        rig, offload,
        [&running, wait = gate.function(1)]() -> Result<int> {
            running.set_value();
            return wait();
        },
        cancel);
    running.get_future().wait();
    rig.stop(milliseconds{0});
    EXPECT_EQ(rig.worker->stats().tasks_running, 0u);
    gate.open();
    offload.stop();  // posts to a worker that has ended: dropped with it
    EXPECT_THROW(lost.get(), std::future_error);  // its frame was destroyed
}

TEST(Offload, StopTellsThoseWhoWait) {
    Rig rig;
    Offload offload{1};
    Cancel cancel;
    Gate gate;
    std::promise<void> running;
    auto first = start(
        rig, offload,
        [&running, wait = gate.function(1)]() -> Result<int> {
            running.set_value();
            return wait();
        },
        cancel);
    running.get_future().wait();
    auto second = start(rig, offload, gate.function(2), cancel);
    std::promise<void> queued;
    rig.worker->post([&queued] { queued.set_value(); });  // after the spawn of `second`
    queued.get_future().wait();
    std::thread stopper{[&offload] { offload.stop(); }};
    auto const dropped = second.get();
    ASSERT_FALSE(dropped.result.ok());
    EXPECT_EQ(dropped.result.error().code, ErrorCode::draining);
    gate.open();
    stopper.join();
    EXPECT_TRUE(first.get().result.ok());
    auto const after = start(rig, offload, gate.function(3), cancel).get();
    ASSERT_FALSE(after.result.ok());
    EXPECT_EQ(after.result.error().code, ErrorCode::draining);
}

}  // namespace
}  // namespace sluice::net::test
