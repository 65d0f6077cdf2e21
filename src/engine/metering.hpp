// The usage meter's last resort: what a provider did not report is estimated from bytes and marked.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sluice/dialect.hpp"
#include "sluice/exchange.hpp"

namespace sluice::engine {

// Four bytes a token: the usual figure for English text in today's vocabularies.
constexpr std::int64_t estimated_tokens(std::uint64_t bytes) noexcept {
    return static_cast<std::int64_t>((bytes + 3) / 4);
}

// Writes what `reader` has seen into the attempt's record: the reported usage, else an estimate.
inline void meter(Exchange& x, std::size_t attempt, AnswerReader const& reader) {
    auto& record = x.record.attempts[attempt];
    record.usage = reader.usage();
    record.response_model = reader.model();
    record.finish_reason = reader.finish_reason();
    if (record.usage.reported && !record.usage.is_open) return;
    record.estimated = true;
    if (record.usage.reported) {  // the stream broke off before it told what was written
        record.usage.output =
            std::max(record.usage.output, estimated_tokens(reader.content_bytes()));
        return;
    }
    record.usage.input = estimated_tokens(x.prompt_bytes);
    record.usage.output = estimated_tokens(reader.content_bytes());
}

}  // namespace sluice::engine
