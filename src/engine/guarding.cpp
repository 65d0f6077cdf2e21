#include "engine/guarding.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "engine/snapshot.hpp"
#include "guard/request_texts.hpp"
#include "net/cancelled.hpp"
#include "net/server_stream.hpp"
#include "net/turn.hpp"

namespace sluice::engine {
namespace {

std::string_view to_string(guard::Way way) noexcept {
    return way == guard::Way::request ? "request" : "response";
}

// The redacted body takes the place of the one that came; everything behind reads it as the
// caller's.
Result<void> replace_body(Exchange& x, Codec const& codec, Patches& patches) {
    std::sort(patches.begin(), patches.end(),
              [](Patch const& a, Patch const& b) { return a.offset < b.offset; });
    std::string redacted;
    redacted.reserve(x.body.size());
    for (auto const piece : gather(x.body.view(), patches)) redacted += piece;
    x.body = http::Body::copy_of(redacted);
    auto facts = codec.read_request(x.body.view());
    if (!facts) return std::move(facts).error();
    x.facts = std::move(*facts);
    return {};
}

}  // namespace

Async<> guard_request(Exchange& x, Codec const& codec) {
    auto const mask =
        x.snapshot.guard_defaults | x.route->guards | (x.principal ? x.principal->guards : 0);
    auto const* set = mask == 0 ? nullptr : x.snapshot.guards->find(mask);
    if (!set) co_return Result<void>{};
    x.guards = std::allocate_shared<guard::GuardRun>(BlockAllocator<guard::GuardRun>{}, *set);
    if (set->request.empty()) co_return Result<void>{};
    Patches patches;
    guard::RequestScan scan(*x.guards, x.body.view(), patches);
    auto progress = scan.step(guard::Budget(guarding_turn_bytes));
    while (progress == guard::Progress::more) {
        auto const woken = co_await net::Turn(x.client.cancel());
        if (woken == Wake::cancelled) co_return net::cancelled_error(x.client.cancel());
        progress = scan.step(guard::Budget(guarding_turn_bytes));
    }
    x.record.guarded_in = x.body.size();
    if (progress == guard::Progress::blocked) co_return x.guards->error(guard::Way::request);
    if (patches.empty()) co_return Result<void>{};
    co_return replace_body(x, codec, patches);
}

bool guards_answer(Exchange const& x, Codec const& codec) noexcept {
    return x.guards && codec.texts && !x.guards->set.response.empty();
}

std::unique_ptr<guard::AnswerGuard> guard_answer(Exchange& x, Codec const& codec,
                                                 std::unique_ptr<AnswerReader> reader,
                                                 bool streamed, std::uint64_t expected) {
    return std::make_unique<guard::AnswerGuard>(
        std::move(reader), *codec.texts, *x.guards,
        guard::AnswerGuardOptions{streamed, x.snapshot.frame_bytes_max,
                                  x.snapshot.response_bytes_max, expected});
}

std::string guards_header(Exchange const& x) {
    std::vector<std::string> told;
    for (auto const& tally : x.guards->tallies) {
        auto one = fmt::format("{}={}", tally.guard, guard::to_string(tally.action));
        if (std::find(told.begin(), told.end(), one) == told.end()) told.push_back(std::move(one));
    }
    std::string joined;
    for (auto const& one : told) joined += (joined.empty() ? "" : ", ") + one;
    return joined;
}

std::vector<std::string> guards_record(Exchange const& x) {
    std::vector<std::string> told;
    for (auto const& tally : x.guards->tallies) {
        told.push_back(fmt::format("{}:{}:{}:{}", tally.guard, guard::to_string(tally.action),
                                   to_string(tally.way), tally.matches));
    }
    // Names of guardrails hold no parentheses.
    if (x.guards->unscannable > 0) {
        told.push_back(fmt::format("(unscannable):pass::{}", x.guards->unscannable));
    }
    if (x.guards->overflows > 0) {
        told.push_back(fmt::format("(overflow):::{}", x.guards->overflows));
    }
    return told;
}

}  // namespace sluice::engine
