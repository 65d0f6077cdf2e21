// Async and Cancel: stack depth, exceptions, cancellation order and unlinking.
#include "sluice/async.hpp"

#include <functional>
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <vector>

namespace sluice {
namespace {

// Starts an Async and keeps what it came to.
template <class T>
struct Run {
    struct promise_type {
        Run get_return_object() {
            return Run{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_value(Result<T> r) { result.emplace(std::move(r)); }
        void unhandled_exception() { exception = std::current_exception(); }
        std::optional<Result<T>> result;
        std::exception_ptr exception;
    };
    explicit Run(std::coroutine_handle<promise_type> h) : handle(h) {}
    Run(Run const&) = delete;
    ~Run() { handle.destroy(); }

    bool done() const { return handle.done(); }
    Result<T>& result() { return *handle.promise().result; }
    std::exception_ptr exception() const { return handle.promise().exception; }

    std::coroutine_handle<promise_type> handle;
};

template <class T>
Run<T> run(Async<T> task) {
    co_return co_await task;
}

// A leaf wait as net has them: woken by fire() or by its Cancel.
struct Gate final : Cancel::Hook {
    explicit Gate(Cancel& cancel) : cancel_(cancel) {}

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> waiting) noexcept {
        waiting_ = waiting;
        if (link(cancel_)) return true;
        wake_ = Wake::cancelled;
        return false;
    }
    Wake await_resume() const noexcept { return wake_; }

    void fire() {
        unlink();
        wake_ = Wake::ready;
        std::exchange(waiting_, {}).resume();
    }

  private:
    void on_cancel() noexcept override {
        wake_ = Wake::cancelled;
        std::exchange(waiting_, {}).resume();
    }

    Cancel& cancel_;
    std::coroutine_handle<> waiting_;
    Wake wake_ = Wake::ready;
};

Async<Wake> wait_at(Gate& gate) { co_return co_await gate; }

// ---- values, errors, exceptions

Async<int> answer(int value) { co_return value; }

Async<int> fail() { co_return client_error(ErrorCode::invalid_request, 400, "no"); }

Async<int> raise() {
    throw std::runtime_error("raised");
    co_return 0;
}

Async<int> sum_of(int count) {
    int sum = 0;
    for (int i = 0; i < count; ++i) {
        auto const one = co_await answer(1);
        sum += *one;
    }
    co_return sum;
}

Async<int> forward_raise() {
    auto const result = co_await raise();
    co_return *result;
}

TEST(Async, CarriesValuesAndErrors) {
    auto good = run(answer(7));
    EXPECT_EQ(*good.result(), 7);
    auto bad = run(fail());
    ASSERT_FALSE(bad.result().ok());
    EXPECT_EQ(bad.result().error().code, ErrorCode::invalid_request);
}

TEST(Async, DoesNotStartBeforeItIsAwaited) {
    bool started = false;
    struct Body {
        static Async<> mark(bool* flag) {
            *flag = true;
            co_return {};
        }
    };
    {
        auto task = Body::mark(&started);
        EXPECT_FALSE(started);
    }  // dropped unawaited: the frame is freed, nothing ran
    EXPECT_FALSE(started);
}

TEST(Async, AnExceptionTravelsThroughEveryAwait) {
    auto ran = run(forward_raise());
    ASSERT_TRUE(ran.exception());
    try {
        std::rethrow_exception(ran.exception());
    } catch (std::runtime_error const& e) {
        EXPECT_STREQ(e.what(), "raised");
    }
}

// ---- stack depth

Async<> resume_many(Cancel& cancel, std::vector<Gate*>& gates, int& turns, int count) {
    for (; turns < count; ++turns) {
        Gate gate{cancel};
        gates.push_back(&gate);
        auto const wake = co_await wait_at(gate);
        if (*wake != Wake::ready) co_return {};
    }
    co_return {};
}

TEST(Async, ALoopOverSynchronousChildrenDoesNotDeepenTheStack) {
    auto ran = run(sum_of(2'000'000));  // would overflow an 8 MB stack at 5 bytes a turn
    EXPECT_EQ(*ran.result(), 2'000'000);
}

TEST(Async, ALoopOverSuspendingChildrenGoesOnWhereItWasWoken) {
    Cancel cancel;
    std::vector<Gate*> gates;
    int turns = 0;
    auto ran = run(resume_many(cancel, gates, turns, 10'000));
    while (!ran.done()) {
        Gate* const gate = gates.back();
        gates.clear();
        gate->fire();
    }
    EXPECT_EQ(turns, 10'000);
}

// ---- cancellation

TEST(Cancel, WakesEveryWaitOnceAndKeepsTheFirstReason) {
    Cancel cancel;
    Gate a{cancel};
    Gate b{cancel};
    auto run_a = run(wait_at(a));
    auto run_b = run(wait_at(b));
    EXPECT_FALSE(run_a.done());
    cancel.cancel(CancelReason::client_gone);
    cancel.cancel(CancelReason::draining);
    ASSERT_TRUE(run_a.done() && run_b.done());
    EXPECT_EQ(*run_a.result(), Wake::cancelled);
    EXPECT_EQ(*run_b.result(), Wake::cancelled);
    EXPECT_EQ(cancel.reason(), CancelReason::client_gone);
}

TEST(Cancel, AWaitOnACancelledOneDoesNotSuspend) {
    Cancel cancel;
    cancel.cancel(CancelReason::deadline);
    Gate gate{cancel};
    auto ran = run(wait_at(gate));
    ASSERT_TRUE(ran.done());
    EXPECT_EQ(*ran.result(), Wake::cancelled);
}

TEST(Cancel, NoReasonCancelsNothing) {
    Cancel cancel;
    cancel.cancel(CancelReason::none);
    EXPECT_FALSE(cancel.cancelled());
}

TEST(Cancel, ReachesChildrenWithTheReasonAndNeverTheParent) {
    Cancel parent;
    Cancel child{parent};
    Cancel grandchild{child};
    Cancel sibling{parent};
    sibling.cancel(CancelReason::superseded);
    EXPECT_FALSE(parent.cancelled());
    Gate gate{grandchild};
    auto ran = run(wait_at(gate));
    parent.cancel(CancelReason::draining);
    ASSERT_TRUE(ran.done());
    EXPECT_EQ(grandchild.reason(), CancelReason::draining);
    EXPECT_EQ(sibling.reason(), CancelReason::superseded);
}

TEST(Cancel, AChildOfACancelledParentIsBornCancelled) {
    Cancel parent;
    parent.cancel(CancelReason::client_gone);
    Cancel child{parent};
    EXPECT_EQ(child.reason(), CancelReason::client_gone);
}

TEST(Cancel, AChildThatDiesFirstIsForgotten) {
    Cancel parent;
    { Cancel child{parent}; }
    parent.cancel(CancelReason::draining);  // ASan: no touch of the dead child
    EXPECT_TRUE(parent.cancelled());
}

struct Counting final : Cancel::Hook {
    std::function<void()> action;
    int calls = 0;

  private:
    void on_cancel() noexcept override {
        ++calls;
        if (action) action();
    }
};

TEST(Cancel, AHookMayUnlinkOthersWhileItRuns) {
    Cancel cancel;
    Counting hooks[3];
    for (auto& hook : hooks) ASSERT_TRUE(hook.link(cancel));
    for (auto& hook : hooks) {
        hook.action = [&] {
            for (auto& other : hooks) other.unlink();
        };
    }
    cancel.cancel(CancelReason::client_gone);
    EXPECT_EQ(hooks[0].calls + hooks[1].calls + hooks[2].calls, 1);
    for (auto& hook : hooks) EXPECT_FALSE(hook.is_linked());
}

TEST(Cancel, AHookLinkedWhileCancellingIsRefused) {
    Cancel cancel;
    Counting late;
    Counting first;
    bool linked = true;
    first.action = [&] { linked = late.link(cancel); };
    ASSERT_TRUE(first.link(cancel));
    cancel.cancel(CancelReason::client_gone);
    EXPECT_FALSE(linked);
    EXPECT_EQ(late.calls, 0);
}

TEST(Cancel, UnlinkingInAnyOrderKeepsTheOthers) {
    for (int gone = 0; gone < 3; ++gone) {
        Cancel cancel;
        Counting hooks[3];
        for (auto& hook : hooks) ASSERT_TRUE(hook.link(cancel));
        hooks[gone].unlink();
        cancel.cancel(CancelReason::deadline);
        for (int i = 0; i < 3; ++i) EXPECT_EQ(hooks[i].calls, i == gone ? 0 : 1);
    }
}

TEST(Cancel, DyingUnlinksItsHooks) {
    Counting hook;
    {
        Cancel cancel;
        ASSERT_TRUE(hook.link(cancel));
    }
    EXPECT_FALSE(hook.is_linked());
    EXPECT_EQ(hook.calls, 0);
}

TEST(Cancel, TheProbeSeesWaitsAndNotChildren) {
    static std::vector<std::uint64_t> seen;
    seen.clear();
    Cancel::set_probe([](Cancel& cancel, std::uint64_t nth) {
        seen.push_back(nth);
        if (nth == 2) cancel.cancel(CancelReason::client_gone);
    });
    Cancel cancel;
    Cancel child{cancel};
    Counting a;
    Counting b;
    EXPECT_TRUE(a.link(cancel));
    b.link(child);
    Cancel::set_probe(nullptr);
    EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 2}));
    EXPECT_EQ(b.calls, 1);  // woken from within link()
    EXPECT_EQ(a.calls, 0);
}

}  // namespace
}  // namespace sluice
