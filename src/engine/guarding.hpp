// guard_request(): the guardrails of a request, over its body, before anything is sent; and what
// they have done, for the answer's header and the record. Called by the endpoints and by lane;
// calls guard.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sluice/exchange.hpp"

#include "guard/answer_guard.hpp"

namespace sluice::engine {

// What the scan of a request looks at before other work of its worker has a turn, in bytes that one
// matcher looks at: some 0.3 ms.
inline constexpr std::size_t guarding_turn_bytes = 256 << 10;

// After read_request. Sets x.guards where guards apply to this request; redacts in x.body, whose
// facts are read anew. Error: guardrail_blocked; cancelled.
Async<> guard_request(Exchange& x, Codec const& codec);

// Do guards look at the answer? `codec`: the caller's.
[[nodiscard]] bool guards_answer(Exchange const& x, Codec const& codec) noexcept;
// Precondition: guards_answer. `streamed`: what the caller gets. `expected`: the length of the body
// in bytes where it is known, else 0.
std::unique_ptr<guard::AnswerGuard> guard_answer(Exchange& x, Codec const& codec,
                                                 std::unique_ptr<AnswerReader> reader,
                                                 bool streamed, std::uint64_t expected);

// "pii=redact, house=flag": what was found so far. Precondition: x.guards.
std::string guards_header(Exchange const& x);
// "pii:redact:request:3". Precondition: x.guards.
std::vector<std::string> guards_record(Exchange const& x);

}  // namespace sluice::engine
