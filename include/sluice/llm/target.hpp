// What a request writer has to know of the place its body goes to.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::llm {

// How a model is told to think: not at all, with a number of tokens, or by effort.
enum class ThinkingStyle : std::uint8_t { none, budget, effort };

// What is peculiar to a model, from config/models.
struct ModelRules {
    std::optional<std::int64_t> output_tokens_max;  // sent where the dialect needs a maximum
    bool takes_sampling = true;                     // temperature, top_p, top_k
    bool takes_prefill = true;                      // an assistant's turn at the end
    ThinkingStyle thinking = ThinkingStyle::effort;
    bool takes_schema = true;  // structured output by JSON schema
};

struct TargetView {
    std::string_view model;             // the provider's name for it, decoded
    bool ask_usage = false;             // of streams
    bool one_choice = false;            // the body is sent once for each choice that was asked for
    ModelRules const* rules = nullptr;  // null: nothing is known
    // The member that bounds the answer, for the dialects that have had several.
    std::string_view max_output_name = "max_tokens";
};

}  // namespace sluice::llm
