#include "dialect/openai_chat/losses.hpp"

namespace sluice::dialect::openai {
namespace {

constexpr LossRule request_rules[] = {
    {"cache_control", "prompts are cached without being told where"},
    {"citations", "there are no citations in messages"},
    {"thinking", "thoughts are not sent back"},
    {"tool_result.is_error", "a tool's message has no such mark; its text stays"},
    {"image.source.file_id", "ids of files are the other provider's own"},
    {"document.source.url", "files are sent, not linked"},
    {"document.title", "a file by its id, and a plain text, have no name"},
    {"thinking.display", "there is no choice of how thoughts are shown"},
    {"thinking.type", "there is no switch that turns thinking off; say an effort"},
    {"output_config.effort", "the model does not think (config/models)"},
    {"messages[].content[]", "a kind of content that only the caller's dialect knows"},
    {"tools[] of the provider",
     "only functions can be told; tools the other provider runs itself cannot"},
    {"temperature", "the model refuses it (config/models)"},
    {"top_p", "the model refuses it (config/models)"},
    {"top_k", "there is no top_k"},
};

// Of requests in this dialect, whoever is told.
constexpr LossRule nested_rules[] = {
    {"messages[].audio", "an answer in sound is kept by the provider that made it"},
    {"messages[].annotations", "sources of an earlier answer are not told again"},
    {"messages[].citation_details", "sources of an earlier answer are not told again"},
    {"messages[].name", "a tool's message is known by its tool_call_id"},
    {"tool_choice.allowed_tools", "the mode is told; all tools that are there may be called"},
    {"tool_choice.custom", "only functions can be told"},
    {"tool_calls[].custom", "only functions can be told"},
    {"response_format.json_schema.description", "a schema's own descriptions are told"},
    {"stream_options.include_obfuscation", "streams are not padded"},
    {"safety_identifier", "there is one name of a user, and `user` was given too"},
};

constexpr LossRule answer_rules[] = {
    {"content[]", "blocks of tools that the provider ran itself have no counterpart"},
};

}  // namespace

std::span<LossRule const> request_losses() noexcept { return request_rules; }
std::span<LossRule const> answer_losses() noexcept { return answer_rules; }
std::span<LossRule const> nested_losses() noexcept { return nested_rules; }

}  // namespace sluice::dialect::openai
