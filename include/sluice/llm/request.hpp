// The neutral chat request: what every dialect's request reader makes and every request writer
// takes. Numbers stand as they were written (no float passes through). What a dialect has and the
// model has not rides in `extras`.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/llm/message.hpp"

namespace sluice::llm {

enum class ToolMode : std::uint8_t { unset, automatic, none, required, named };
enum class FormatKind : std::uint8_t { unset, text, json_object, json_schema };
enum class Thinking : std::uint8_t { unset, disabled, budget, adaptive };

struct Format {
    FormatKind kind = FormatKind::unset;
    Text name;                // json_schema
    std::string_view schema;  // JSON
    std::string_view strict;  // "true", "false", ""
};

struct Reasoning {
    Thinking thinking = Thinking::unset;
    std::optional<std::int64_t> budget;  // tokens
    Text effort;                         // "low" ... as it was written
    Text display;                        // "summarized", "omitted"
};

// A member that only `dialect` knows, or that the model does not name.
struct Extra {
    std::string_view name;
    std::string_view json;
};

struct Request {
    Text model;
    bool stream = false;
    bool wants_usage = false;  // in a stream, as asked by the caller
    std::vector<Message> messages;
    std::vector<Tool> tools;
    ToolMode tool_mode = ToolMode::unset;
    Text tool_name;  // named
    std::optional<bool> parallel_tools;
    std::optional<std::int64_t> max_output_tokens;
    std::string_view temperature, top_p, top_k;  // JSON numbers; "" = not said
    std::vector<Text> stop;
    Format format;
    Reasoning reasoning;
    Text user;
    Text service_tier;
    std::uint32_t choices = 1;       // n
    std::string_view cache_control;  // of the whole request, JSON
    std::vector<Extra> extras;
    // Members inside of messages, tools and settings for which this model has no place, by where
    // they stand: "document.context". Lost whoever is told; each once, bounded.
    std::vector<std::string> unplaced;
    std::string_view dialect;  // it was read from

    // Texts that no body holds: views above may point into them.
    std::deque<std::string> made;
    Text make(std::string quoted) {
        made.push_back(std::move(quoted));
        return {made.back()};
    }
    std::string_view keep(std::string json) {
        made.push_back(std::move(json));
        return made.back();
    }
};

}  // namespace sluice::llm
