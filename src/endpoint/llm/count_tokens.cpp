#include "endpoint/llm/count_tokens.hpp"

#include "base/json_text.hpp"
#include "base/turn_time.hpp"
#include "engine/answer.hpp"
#include "engine/dispatch.hpp"
#include "engine/guarding.hpp"
#include "engine/intake.hpp"
#include "engine/metering.hpp"
#include "engine/plan.hpp"
#include "engine/relay.hpp"
#include "engine/reserve.hpp"
#include "engine/worker_context.hpp"
#include "net/server_stream.hpp"

namespace sluice::endpoint {
namespace {

// No provider of the route counts: four bytes a token, said to be so.
Async<> answer_estimate(Exchange& x) {
    std::string body = "{\"input_tokens\":";
    append_number(body, engine::estimated_tokens(x.prompt_bytes));
    body += '}';
    x.record.status = 200;
    http::HeaderBlock headers;
    headers.add("content-type", "application/json");
    headers.add("x-sluice-estimated", "true");
    engine::add_answer_headers(x, headers);
    auto sent = co_await x.client.respond(200, headers, std::string_view{body});
    x.record.completed = sent.ok();
    co_return sent;
}

}  // namespace

Async<> CountTokens::run(Exchange& x) {
    auto const& codec = *dialect_.row[static_cast<std::size_t>(Operation::count)];
    x.operation = Operation::count;
    auto known = engine::authenticate(x);
    if (!known) co_return co_await engine::refuse(x, std::move(known).error());
    auto read = co_await engine::read_request(x, codec);
    if (!read) co_return co_await engine::refuse(x, std::move(read).error());
    auto guarded = co_await engine::guard_request(x, codec);
    if (!guarded) co_return co_await engine::refuse(x, std::move(guarded).error());
    auto reserved = engine::reserve_request(x);
    if (!reserved) co_return co_await engine::refuse(x, std::move(reserved).error());
    auto plan =
        engine::choose(*x.route, x.facts.model, x.operation, x.worker.dice, turn_time(), x.dialect);
    if (!plan) co_return co_await answer_estimate(x);
    auto answer = co_await engine::dispatch(x, codec, *plan);
    if (!answer) co_return co_await engine::refuse(x, std::move(answer).error());
    co_return co_await engine::relay(x, std::move(*answer));
}

}  // namespace sluice::endpoint
