// What an answer that came whole has told of itself, for the record: the same that a reader of
// events knows. Called by translator and fan_in. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "sluice/llm/answer.hpp"

namespace sluice::dialect {

struct AnswerNote {
    static constexpr std::size_t name_bytes_max = 256;

    std::string model;          // as the provider named it; "" when too long
    std::string finish_reason;  // the first choice's that has one
    std::uint64_t content_bytes = 0;

    void take(llm::Answer const& answer) {
        if (answer.model.inner().size() <= name_bytes_max) model = llm::decoded(answer.model);
        for (auto const& choice : answer.choices) {
            if (finish_reason.empty() && choice.native_reason.size() <= name_bytes_max) {
                finish_reason = llm::decoded({choice.native_reason});
            }
            for (auto const& block : choice.blocks) {
                content_bytes += block.text.inner().size() + block.json.size();
            }
        }
    }
};

}  // namespace sluice::dialect
