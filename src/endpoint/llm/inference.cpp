#include "endpoint/llm/inference.hpp"

#include "base/turn_time.hpp"
#include "engine/answer.hpp"
#include "engine/dispatch.hpp"
#include "engine/guarding.hpp"
#include "engine/intake.hpp"
#include "engine/plan.hpp"
#include "engine/relay.hpp"
#include "engine/reserve.hpp"
#include "engine/worker_context.hpp"

namespace sluice::endpoint {
namespace {

// A frame of its own: the plan is gone while the answer is relayed.
Async<std::unique_ptr<engine::Answer>> find_answer(Exchange& x, Codec const& codec) {
    auto plan =
        engine::choose(*x.route, x.facts.model, x.operation, x.worker.dice, turn_time(), x.dialect);
    if (!plan) co_return std::move(plan).error();
    co_return co_await engine::dispatch(x, codec, *plan);
}

// Up to the answer's first bytes, or an error to tell the caller. A frame of its own, too.
Async<std::unique_ptr<engine::Answer>> obtain_answer(Exchange& x, Codec const& codec) {
    // 1 Who is calling. Before any byte of the body, and before 100 Continue.
    auto known = engine::authenticate(x);
    if (!known) co_return std::move(known).error();

    // 2 What is asked: body, one validating walk, the route.
    auto read = co_await engine::read_request(x, codec);
    if (!read) co_return std::move(read).error();

    // 3 Whether it may go on: guardrails, then token limiter, then cache are admitted here, in this
    //   order; each may answer early.
    auto guarded = co_await engine::guard_request(x, codec);
    if (!guarded) co_return std::move(guarded).error();
    auto reserved = engine::reserve_request(x);
    if (!reserved) co_return std::move(reserved).error();

    // 4 Where it may go, and 5 try until one speaks.
    co_return co_await find_answer(x, codec);
}

}  // namespace

Async<> Inference::run(Exchange& x) {
    x.operation = operation_;
    auto answer = co_await obtain_answer(x, *dialect_.row[static_cast<std::size_t>(operation_)]);
    if (!answer) co_return co_await engine::refuse(x, std::move(answer).error());

    // 6 Pass it on, metering on the way.
    co_return co_await engine::relay(x, std::move(*answer));
}

}  // namespace sluice::endpoint
