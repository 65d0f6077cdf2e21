// A whole answer: what collect() puts together from events and explode() takes apart, and what the
// unary readers and writers of the dialects speak of. Views as in Request.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/llm/event.hpp"

namespace sluice::llm {

struct Choice {
    std::vector<Block> blocks;
    StopReason reason = StopReason::unset;
    Text stop_sequence;
    std::string_view native_reason;  // quoted JSON
    std::string_view logprobs;       // JSON
};

struct Answer {
    Text id;
    Text model;
    std::vector<Choice> choices;
    Usage usage;

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
