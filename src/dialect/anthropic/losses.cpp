#include "dialect/anthropic/losses.hpp"

namespace sluice::dialect::anthropic {
namespace {

constexpr LossRule request_rules[] = {
    {"messages[].role",
     "system text after the first turn becomes part of the user's turn: the Messages API takes "
     "system text at the top only"},
    {"messages[].name", "messages have no names"},
    {"messages[] ending with the assistant",
     "the model refuses a prefilled answer (config/models)"},
    {"messages[].content[]", "a kind of content that only the caller's dialect knows"},
    {"reasoning_content",
     "thoughts go back only with the signature of the provider that wrote them"},
    {"image_url.detail", "images have no level of detail; they are seen as they are"},
    {"input_audio", "there is no audio input"},
    {"file.file_id", "ids of files are the other provider's own"},
    {"tools[].type", "only functions can be told; tools the other provider runs itself cannot"},
    {"temperature", "it ends at 1 here; some models, and thinking with a budget, refuse it"},
    {"top_p", "some models, and thinking with a budget, refuse it"},
    {"top_k", "some models, and thinking with a budget, refuse it"},
    {"stop", "stop sequences must hold more than white space"},
    {"reasoning_effort",
     "the model does not think, the answer is too short for it, or a tool is forced"},
    {"response_format", "the model has no structured output: it is told the schema in words"},
    {"response_format.json_schema.schema",
     "keywords that structured output refuses (ranges, lengths, patterns) are left out"},
    {"service_tier", "there are auto and standard_only"},
};

// Of requests in this dialect, whoever is told.
constexpr LossRule nested_rules[] = {
    {"document.context", "a file has no words about it"},
    {"source.content", "a document made of blocks is no file"},
    {"tools[].defer_loading", "all tools are told at once"},
    {"tools[].input_examples", "a function has a name, a description, parameters and strict"},
    {"tools[].eager_input_streaming", "arguments stream as the provider likes"},
    {"tools[].allowed_callers", "tools are called by the model alone"},
    {"tool_use.caller", "tools are called by the model alone"},
};

constexpr LossRule answer_rules[] = {
    {"choices[1..]", "a message is one answer"},
    {"choices[].logprobs", "there are no log probabilities"},
    {"choices[].message", "a kind of content that only the provider's dialect knows"},
    {"annotations", "citations name a page or a place in a document; these name neither"},
};

}  // namespace

std::span<LossRule const> request_losses() noexcept { return request_rules; }
std::span<LossRule const> answer_losses() noexcept { return answer_rules; }
std::span<LossRule const> nested_losses() noexcept { return nested_rules; }

}  // namespace sluice::dialect::anthropic
