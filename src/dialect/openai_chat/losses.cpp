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
    {"messages[].content[]", "a kind of content that only the caller's dialect knows"},
    {"tools[] of the provider",
     "only functions can be told; tools the other provider runs itself cannot"},
    {"tools[] other members", "a function has a name, a description, parameters and strict"},
    {"temperature", "the model refuses it (config/models)"},
    {"top_p", "the model refuses it (config/models)"},
    {"top_k", "there is no top_k"},
};

constexpr LossRule answer_rules[] = {
    {"content[]", "blocks of tools that the provider ran itself have no counterpart"},
};

}  // namespace

std::span<LossRule const> request_losses() noexcept { return request_rules; }
std::span<LossRule const> answer_losses() noexcept { return answer_rules; }

}  // namespace sluice::dialect::openai
