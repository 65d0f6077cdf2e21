// What a request asks of the mock: the parts of a chat or legacy completion it answers to.
// Called by mock.cpp; pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/result.hpp"

namespace sluice::provider::mock {

// The mock's tokens: a word with the space before it, long words in pieces of at most 16 bytes.
// Views into `text`; together they are `text`.
std::vector<std::string_view> tokens_of(std::string_view text);
std::string_view first_token(std::string_view text);
std::size_t count_tokens(std::string_view text);

struct Tool {
    bool is_custom = false;
    std::string name;
    nlohmann::json parameters;
};

struct Prompt {
    std::string model;
    bool is_chat = true;
    std::vector<std::string> texts;  // what is repeated: chat one, legacy one a prompt
    std::string tool_result;         // the last message was a tool's: what it said
    bool is_after_tool = false;
    std::size_t images = 0;  // in the last user message
    std::size_t audios = 0;
    std::size_t files = 0;
    std::size_t prompt_tokens = 0;  // 3 a message and the tokens of its texts, 85 an image
    std::size_t cached_tokens = 0;  // of them: the system and developer messages'
    bool stream = false;
    bool include_usage = false;
    std::size_t n = 1;
    std::optional<std::size_t> tokens_max;
    std::vector<std::string> stop;
    std::optional<Tool> tool;              // to be called
    bool wants_json = false;               // response_format json_object or json_schema
    std::optional<nlohmann::json> schema;  // of json_schema
    bool echo = false;                     // legacy: the prompt stands before the answer
};

// Errors: invalid_request, as a provider would word them.
Result<Prompt> read_chat(nlohmann::json const& body);
Result<Prompt> read_completion(nlohmann::json const& body);

}  // namespace sluice::provider::mock
