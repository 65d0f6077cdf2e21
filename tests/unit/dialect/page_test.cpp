// docs/reference/dialects.md is made from the dialects' own tables. To rewrite it:
// SLUICE_REWRITE=1 unit_dialect.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <vector>

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

`GET /v1/models` answers in the form of the dialect whose version header the caller shows (`anthropic-version`), else
in OpenAI's; so do errors on paths of no dialect.

A provider's dialect stands in its kind (`config/providers/*.yaml`).

## What is lost

What the target's dialect has no place for is named in the answer's header `x-sluice-losses`, as the caller's dialect
names it, and counted in `sluice_losses_total`. `on_loss: reject` on a route refuses such requests (400) where no
other target can carry everything. Members of a request that no other dialect has are named by themselves
(`logit_bias`, `container`), unless they stand at a value that says nothing (`false`, `0`, `[]`); one with an odd name
is told as `other members`. In a stream only what the request loses is named: the head goes out before the answer is
known. Members beside an answer that only its own dialect has (`system_fingerprint`, `container`, `stop_details`) are
left out.

`n` above 1 goes to providers whose dialect has it. Where none of the route's targets does, the request is refused
(400): send n requests.

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

From a provider that speaks openai_chat, `reasoning_details` of these forms are read, too (`format` `anthropic` or a
version of it), so that an Anthropic client gets its thoughts signed. Thoughts without a signature become thinking
blocks with an empty one.

## Where a text comes from

| provider says | caller gets |
|---|---|
| `citations` with a `url` (web search) | `annotations`: `url_citation` with the places of the cited text in `content`, in characters; and `citation_details` |
| other `citations` (places in documents) | `citation_details` alone: `{"start_index", "end_index", "format": "anthropic", "citation": {...}}`, the citation as the provider wrote it |
| `annotations` of type `url_citation` | `citations` of type `web_search_result_location` with `url` and `title`; `encrypted_index` and `cited_text` are empty, as the provider has none |

In a stream they come behind the text they belong to, before the next block begins.

## Words

| `finish_reason` | `stop_reason` |
|---|---|
| `stop` | `end_turn`; `tool_use` behind tool calls, `refusal` behind a refusal |
| `length` | `max_tokens` |
| `tool_calls`, `function_call` | `tool_use` |
| `content_filter` | `refusal` |

| `stop_reason` | `finish_reason` |
|---|---|
| `end_turn`, `stop_sequence`, `pause_turn` | `stop` |
| `max_tokens`, `model_context_window_exceeded` | `length` |
| `tool_use` | `tool_calls` |
| `refusal` | `content_filter` |

| service tier | openai_chat | anthropic |
|---|---|---|
| asked | `auto`, `default` | `auto`, `standard_only` |
| used | `default`, `priority` | `standard`, `priority` |

Fragments of several tool calls that come mixed (legal in openai_chat, told apart by `index`) are told one call after
the other: those of a later call wait, up to 4 MiB, until the arguments before them are whole. Arguments that are no
JSON object when the answer ends (cut by `length`) reach an Anthropic caller whole as `{"arguments": "..."}`, in a stream
as they came.

A provider's 529 stays 529 for Anthropic callers (`overloaded_error`) and is 503 for OpenAI callers.
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

// What a source names as lost, in the order it stands there.
std::vector<std::string> named_in(std::string const& file) {
    std::ifstream source(std::string{SLUICE_SOURCE_DIR} + "/src/dialect/" + file);
    std::stringstream text;
    text << source.rdbuf();
    auto const all = text.str();
    std::vector<std::string> names;
    std::string const call = "losses_.add(\"";
    for (auto at = all.find(call); at != all.npos; at = all.find(call, at)) {
        at += call.size();
        names.push_back(all.substr(at, all.find('"', at) - at));
    }
    return names;
}

TEST(DialectsPage, HasEveryLossThatTheWritersName) {
    for (auto const* dialect : {&openai_chat(), &anthropic_messages()}) {
        auto const& machines = *dialect->row[0]->chat;
        auto const check = [&](char const* file, std::span<LossRule const> rules) {
            auto const names = named_in(std::string{dialect->name} + "/" + file);
            EXPECT_FALSE(names.empty()) << file;
            for (auto const& name : names) {
                EXPECT_TRUE(std::any_of(rules.begin(), rules.end(),
                                        [&](auto const& rule) { return rule.field == name; }))
                    << dialect->name << " " << name;
            }
            for (auto const& rule : rules) {
                EXPECT_NE(std::find(names.begin(), names.end(), rule.field), names.end())
                    << dialect->name << " never names " << rule.field;
            }
        };
        check("write_chat.cpp", machines.request_losses);
        check("answer.cpp", machines.answer_losses);
    }
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
