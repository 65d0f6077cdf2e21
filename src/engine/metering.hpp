// The usage meter's last resort: what a provider did not report is estimated from bytes and marked.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "sluice/dialect.hpp"
#include "sluice/exchange.hpp"

#include "dialect/common/fan_in.hpp"
#include "engine/attempt.hpp"

namespace sluice::engine {

// Four bytes a token: the usual figure for English text in today's vocabularies.
constexpr std::int64_t estimated_tokens(std::uint64_t bytes) noexcept {
    return static_cast<std::int64_t>((bytes + 3) / 4);
}

// Writes what was seen of an answer into the attempt's record: the reported usage, else an
// estimate.
inline void meter(Exchange const& x, AttemptRecord& record, llm::Usage usage,
                  std::string_view model, std::string_view finish_reason,
                  std::uint64_t content_bytes) {
    record.usage = std::move(usage);
    record.response_model = model;
    record.finish_reason = finish_reason;
    if (record.usage.reported && !record.usage.is_open) return;
    record.estimated = true;
    if (record.usage.reported) {  // the stream broke off before it told what was written
        record.usage.output = std::max(record.usage.output, estimated_tokens(content_bytes));
        return;
    }
    record.usage.input = estimated_tokens(x.prompt_bytes);
    record.usage.output = estimated_tokens(content_bytes);
}

// Of an answer that was fanned out, each of its attempts.
inline void meter(Exchange& x, Answer const& answer) {
    auto& attempts = x.record.attempts;
    if (!answer.fan) {
        auto const& reader = *answer.reader;
        return meter(x, attempts[answer.attempt], reader.usage(), reader.model(),
                     reader.finish_reason(), reader.content_bytes());
    }
    for (std::size_t choice = 0; choice < answer.fan->size(); ++choice) {
        auto seen = answer.fan->seen(choice);
        auto& record = attempts[answer.attempt + choice];
        meter(x, record, std::move(seen.usage), seen.model, seen.finish_reason, seen.content_bytes);
        if (seen.is_whole) record.outcome = "answered";
    }
}

}  // namespace sluice::engine
