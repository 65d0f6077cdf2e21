// What one chunk of a stream says of one choice, as it stands. Called by the event reader; calls
// common/walk.
#pragma once

#include <vector>

#include "dialect/common/walk.hpp"
#include "dialect/openai_chat/thought_detail.hpp"

namespace sluice::dialect::openai {

struct ToolDelta {
    std::optional<std::int64_t> index;
    llm::Text id, name, arguments;
};

// Used again for each chunk: clear() keeps the room of the lists.
struct ChoiceDelta {
    std::optional<std::int64_t> index;
    std::vector<llm::Text> contents;
    llm::Text reasoning, refusal, finish;
    std::string_view logprobs, annotations;
    std::vector<ThoughtDetail> thoughts;
    std::vector<ToolDelta> calls;

    void clear() noexcept;
};

// Takes an element of `choices`; false: the JSON is broken.
bool read_choice_delta(JsonScanner& scan, ChoiceDelta& out);

}  // namespace sluice::dialect::openai
