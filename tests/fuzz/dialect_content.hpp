// What an answer says, whatever its dialect: for comparing both sides of a translation. Used by the
// fuzz targets of the dialects.
#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/common/collect.hpp"
#include "dialect/common/grammar.hpp"
#include "dialect/openai_chat/openai_chat.hpp"

namespace sluice::fuzz {

inline void require(bool holds, char const* what) {
    if (holds) return;
    std::fprintf(stderr, "broken: %s\n", what);
    std::abort();
}

inline std::array<Dialect const*, 2> both() {
    return {&dialect::openai_chat(), &dialect::anthropic_messages()};
}
inline ChatMachines const& chat_of(Dialect const& dialect) { return *dialect.row[0]->chat; }

// Texts by their kind, one after the other, and the tool calls. A refusal counts as text: one of
// the dialects has no other place for it.
struct Content {
    std::string text, thought, calls;
    bool operator==(Content const&) const = default;
};

inline Content content_of(llm::Choice const& choice) {
    Content content;
    for (auto const& block : choice.blocks) {
        switch (block.kind) {
            case llm::BlockKind::text:
            case llm::BlockKind::refusal:
                content.text += llm::decoded(block.text);
                break;
            case llm::BlockKind::thought:
                content.thought += llm::decoded(block.text);
                break;
            case llm::BlockKind::tool_call:
                content.calls += llm::decoded(block.name) + '\n';
                content.calls.append(block.json).append("\n");
                break;
            default:
                break;
        }
    }
    return content;
}

inline Content first_of(llm::Answer const& answer) {
    return answer.choices.empty() ? Content{} : content_of(answer.choices.front());
}

// Far from the bound at which readers cap what a provider claims.
inline bool is_plausible(llm::Usage const& usage) {
    constexpr std::int64_t most = std::int64_t{1} << 38;
    return usage.reported && usage.input < most && usage.output < most && usage.cache_read < most &&
           usage.cache_write < most;
}
inline bool is_same(llm::Usage const& a, llm::Usage const& b) {
    return a.input == b.input && a.output == b.output && a.cache_read == b.cache_read &&
           a.cache_write == b.cache_write;
}

inline WriterOptions writer_options() { return {"m", "1", 1, true}; }

}  // namespace sluice::fuzz
