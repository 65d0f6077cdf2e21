// docs/reference/dialects.md is made from the dialects' own tables. To rewrite it:
// SLUICE_REWRITE=1 unit_dialect.
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/openai_chat/openai_chat.hpp"

namespace sluice::dialect {
namespace {

constexpr char const* intro = R"(# Dialects

<!-- Made by tests/unit/dialect/page_test.cpp from the dialects' tables; a test compares. To rewrite it:
SLUICE_REWRITE=1 unit_dialect. -->

A dialect is a wire grammar; a provider speaks one, and so does a caller, by the path it uses. Where both speak the
same, bytes pass as they came: unknown fields, betas, blocks and events too. Where they differ, request and answer
are translated, streamed or whole. A caller always gets its own dialect, errors included.

| caller's path | dialect | its SDKs |
|---|---|---|
| `POST /v1/chat/completions` | `openai_chat` | openai |
| `POST /v1/messages`, `POST /v1/messages/count_tokens` | `anthropic` | anthropic |

A provider's dialect stands in its kind (`config/providers/*.yaml`).

## What is lost

What the target's dialect has no place for is named in the answer's header `x-sluice-losses`, as the caller's dialect
names it, and counted in `sluice_losses_total`. `on_loss: reject` on a route refuses such requests (400) where no
other target can carry everything. Members of a request that no other dialect has are named by themselves
(`logit_bias`, `container`), unless they stand at a value that says nothing (`false`, `0`, `[]`).

)";

constexpr char const* extensions = R"(## Thoughts through an OpenAI client

The openai_chat dialect has no place for signed thoughts, but a tool loop with thinking needs them back. sluice writes
them as extensions of the assistant's message, whole or as deltas:

- `reasoning_content`: the text of the thoughts.
- `reasoning_details`: one object for each thought: `{"type": "reasoning.text", "text", "signature", "format":
  "anthropic", "index"}` or, redacted, `{"type": "reasoning.encrypted", "data", "format", "index"}`. In a stream the
  objects come in pieces: pieces with the same `index` belong together, texts are joined.

Send the message back with its `reasoning_details` as they are (whole or in pieces) and the provider gets its thoughts
with their signatures, byte for byte. `thinking_blocks` in Anthropic's own form is read too. Thoughts go back only to
providers of the dialect that wrote them. `cache_control` on messages, parts and tools goes to Anthropic as it is.
)";

std::string row(LossRule const& rule) {
    return "| `" + std::string{rule.field} + "` | " + std::string{rule.why} + " |\n";
}

void append_pair(std::string& out, Dialect const& from, Dialect const& to) {
    auto const& into = *to.row[0]->chat;
    auto const& back = *from.row[0]->chat;
    out += "### " + std::string{from.name} + " caller, " + std::string{to.name} + " provider\n\n";
    out += "| in requests | why |\n|---|---|\n";
    for (auto const& rule : into.request_losses) out += row(rule);
    out += "\n| in answers | why |\n|---|---|\n";
    for (auto const& rule : back.answer_losses) out += row(rule);
    out += "\n";
}

TEST(DialectsPage, IsMadeFromTheTables) {
    std::string page = intro;
    append_pair(page, openai_chat(), anthropic_messages());
    append_pair(page, anthropic_messages(), openai_chat());
    page += extensions;
    auto const path = std::string{SLUICE_SOURCE_DIR} + "/docs/reference/dialects.md";
    if (auto const* rewrite = std::getenv("SLUICE_REWRITE"); rewrite && *rewrite) {
        std::ofstream(path) << page;
    }
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_EQ(text.str(), page) << "run SLUICE_REWRITE=1 unit_dialect";
}

}  // namespace
}  // namespace sluice::dialect
