// docs/reference/dialects.md is made from the dialects' own tables. To rewrite it:
// SLUICE_REWRITE=1 unit_dialect.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <vector>

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/anthropic/losses.hpp"
#include "dialect/openai_chat/losses.hpp"
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
is told as `other members`. So are members inside of messages, tools and settings, by where they stand
(`document.context`, `tools[].input_examples`): the known ones are listed under *inside of requests*.

In a stream the header names only what the request loses: it goes out before the answer is known. What the answer
itself loses on its way stands in the request's ledger record (`losses`) and is counted in `sluice_losses_total` all
the same. Members beside an answer that only its own dialect has (`system_fingerprint`, `container`, `stop_details`) are
left out.

`n` above 1 goes to providers whose dialect has it. Where a target's has not, the route decides: `many_choices: refuse`
(the default) tries the next target and else answers 400; `many_choices: fan_out` sends the request n times at once,
for n up to 8, and puts the answers together: one answer with n choices, or one stream whose chunks name their choice,
with one usage (the sum) and one end. Each of the n requests is an attempt of its own in the ledger's one record, with
its tokens and its cost; limits reserve the prompt and the longest answer n times; a provider's own limits count n
requests; guardrails look at each choice. Nothing goes to the caller before all n have answered with a good status.
Where one fails before that, all are given up and the next target is tried; where one fails later, the answer ends with
its error. A caller who leaves ends them all.

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

void append_nested(std::string& out, std::string_view dialect, std::span<LossRule const> rules) {
    out.append("### Inside of requests: ").append(dialect).append(" caller\n\n");
    out += "| in requests | why |\n|---|---|\n";
    for (auto const& rule : rules) out += row(rule);
    out += "\n";
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
std::vector<std::string> named_in(std::string const& file, std::string const& call) {
    std::ifstream source(std::string{SLUICE_SOURCE_DIR} + "/src/dialect/" + file);
    std::stringstream text;
    text << source.rdbuf();
    auto const all = text.str();
    std::vector<std::string> names;
    for (auto at = all.find(call); at != all.npos; at = all.find(call, at)) {
        at += call.size();
        names.push_back(all.substr(at, all.find('"', at) - at));
    }
    return names;
}

TEST(DialectsPage, HasEveryLossThatTheWritersName) {
    for (auto const* dialect : {&openai_chat(), &anthropic_messages()}) {
        auto const& machines = *dialect->row[0]->chat;
        auto const check = [&](char const* file, std::span<LossRule const> rules,
                               char const* call = "losses_.add(\"", bool all = true) {
            auto const names = named_in(std::string{dialect->name} + "/" + file, call);
            EXPECT_FALSE(names.empty()) << file;
            for (auto const& name : names) {
                EXPECT_TRUE(std::any_of(rules.begin(), rules.end(),
                                        [&](auto const& rule) { return rule.field == name; }))
                    << dialect->name << " " << name;
            }
            for (auto const& rule : rules) {
                if (!all) break;
                EXPECT_NE(std::find(names.begin(), names.end(), rule.field), names.end())
                    << dialect->name << " never names " << rule.field;
            }
        };
        check("write_chat.cpp", machines.request_losses);
        check("answer.cpp", machines.answer_losses);
        check("event_writer.cpp", machines.answer_losses, "lose(\"", false);
    }
}

TEST(DialectsPage, IsMadeFromTheTables) {
    std::string page = intro;
    append_pair(page, openai_chat(), anthropic_messages());
    append_pair(page, anthropic_messages(), openai_chat());
    append_nested(page, openai_chat().name, openai::nested_losses());
    append_nested(page, anthropic_messages().name, anthropic::nested_losses());
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
