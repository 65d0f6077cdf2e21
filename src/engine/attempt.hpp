// attempt(): one try at one target with one credential, up to the point where the answer speaks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/async.hpp"
#include "sluice/exchange.hpp"

#include "codec/encoding.hpp"
#include "engine/route.hpp"
#include "net/upstream_stream.hpp"

namespace sluice::dialect {
class FanIn;
}
namespace sluice::guard {
class AnswerGuard;
}

namespace sluice::engine {

// An answer that has spoken: what was read so far, and where the rest comes from.
struct Answer : InBlock {
    std::uint16_t status = 200;
    bool streamed = false;      // as server-sent events
    http::HeaderBlock headers;  // for the caller, from the provider's
    std::optional<std::uint64_t> length;
    std::unique_ptr<net::UpstreamStream> upstream;
    std::unique_ptr<AnswerReader> reader;
    guard::AnswerGuard* guard = nullptr;     // `reader`, where guards look at the answer
    std::uint64_t* guarded_bytes = nullptr;  // with `guard`: counts what is fed, in the record
    // `reader`, or inside the guard: where each choice is an attempt of its own, from `attempt` on.
    dialect::FanIn const* fan = nullptr;
    std::unique_ptr<codec::Decoder> decoder;  // null: not compressed
    std::string held;                         // goes out first
    // Goes out next: views into the worker's scratch or the reader, dead after the next suspension.
    BlockVector<std::string_view> ready;
    bool strip_usage = false;               // usage was asked for by us, not by the caller
    bool done = false;                      // the dialect's end mark was seen
    std::uint64_t contents = 0;             // frames with content read so far
    Steady::time_point first_content_at{};  // streamed: when the first of them had come
    std::size_t attempt = 0;                // index in record.attempts
};

// Success: answer alone. Failure: error, and the provider's own error answer where the caller may
// see it as it came.
struct Outcome {
    std::unique_ptr<Answer> answer;
    std::optional<Error> error;
    std::uint16_t status = 0;  // with an error: the provider's, 0 = none came
};

// Adds one AttemptRecord, or one for each choice where they are fanned out. Benches the credential
// when the provider refuses or throttles it. `credential` may be null (none needed). Never an Error
// of its own.
Async<Outcome> attempt(Exchange& x, Codec const& codec, Target const& target,
                       provider::Credential const* credential);

}  // namespace sluice::engine
