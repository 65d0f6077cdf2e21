// What the mock answers to a prompt: decided here, written as one body or as a stream by write.hpp.
// Pure: the same prompt has the same answer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "provider/mock/instructions.hpp"
#include "provider/mock/prompt.hpp"

namespace sluice::provider::mock {

struct ToolCall {
    std::string id;
    bool is_custom = false;
    std::string name;
    std::string arguments;  // JSON text; a custom tool's input as it is
};

struct Choice {
    std::string text;  // content; empty when a tool is called
    std::optional<ToolCall> call;
    std::string_view finish_reason;  // stop, length, tool_calls
};

struct Answer {
    bool is_chat = true;
    std::string id;
    std::int64_t created = 0;  // Unix time, s
    std::string model;
    std::vector<Choice> choices;
    std::size_t prompt_tokens = 0;
    std::size_t cached_tokens = 0;
    std::size_t completion_tokens = 0;
};

// `seed`: makes the ids; a hash of the request, so that the same request gets the same ids.
Answer answer(Prompt const& prompt, Instructions const& instructions, std::uint64_t seed,
              std::int64_t created);

std::uint64_t hash_of(std::string_view text) noexcept;  // 64-bit FNV-1a

}  // namespace sluice::provider::mock
