// The neutral model of a conversation: messages of content blocks. No vendor's JSON; what only one
// dialect knows rides along as Opaque with that dialect's name. Views into the body read from, or
// into the Request's own texts; JSON values stand as they came.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sluice/llm/text.hpp"

namespace sluice::llm {

enum class Role : std::uint8_t { system, developer, user, assistant };

enum class BlockKind : std::uint8_t {
    text,
    image,
    document,  // a file with text: PDF, plain
    audio,
    thought,  // reasoning, with its signature; redacted: only `data`
    tool_call,
    tool_result,
    refusal,
    opaque,  // known to one dialect only
};

enum class SourceKind : std::uint8_t { none, base64, url, file, text };

struct Source {
    SourceKind kind = SourceKind::none;
    Text media_type;  // "image/png"; absent for url and file
    Text data;        // base64, URL, file id, or plain text
};

// Where a text of an answer comes from.
struct Citation {
    Text url, title;           // of a page of the web; absent where it is none
    std::string_view json;     // as its dialect wrote it
    std::string_view dialect;  // whose that is
};

struct Block {
    BlockKind kind = BlockKind::text;
    Text text;                       // text, thought, refusal
    Text id;                         // tool_call; of the call, tool_result
    Text name;                       // tool_call; a document's title
    std::string_view json;           // tool_call: its arguments, a JSON object; opaque: the block
    Text signature;                  // thought: proves it to the provider that wrote it
    Text data;                       // redacted thought: what stands in its place
    Source source;                   // image, document, audio
    Text detail;                     // image: "low", "high"; audio: its format
    bool is_error = false;           // tool_result
    std::vector<Block> content;      // tool_result: text, image, document
    std::string_view cache_control;  // JSON; "" = none
    std::string_view citations;      // of requests: JSON of the dialect in `dialect`; "" = none
    std::vector<Citation> cited;     // of answers
    std::string_view dialect;        // opaque, thought, citations: whose they are
};

struct Message {
    Role role = Role::user;
    Text name;
    std::vector<Block> blocks;
};

struct Tool {
    Text name;
    Text description;
    std::string_view schema;         // of the arguments, JSON; "" = none given
    std::string_view strict;         // "true", "false", "" = not said
    std::string_view cache_control;  // JSON
    std::string_view opaque;         // a tool of the provider's own: its whole JSON
};

}  // namespace sluice::llm
