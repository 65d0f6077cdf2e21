#include "dialect/openai_chat/write_chat.hpp"

#include <algorithm>

#include "sluice/json.hpp"

namespace sluice::dialect::openai {
namespace {

using llm::Block;
using llm::BlockKind;
using llm::Message;
using llm::Role;
using llm::SourceKind;

bool is_plain_text(Block const& block) noexcept { return block.kind == BlockKind::text; }

// A data URL, quoted.
std::string data_url(llm::Source const& source, std::string_view fallback_type) {
    std::string url = "\"data:";
    url.append(source.media_type.exists() ? source.media_type.inner() : fallback_type);
    url.append(";base64,").append(source.data.inner()).append("\"");
    return url;
}

class ChatWriter {
  public:
    ChatWriter(llm::Request const& request, llm::TargetView const& target, Losses& losses)
        : r_(request), target_(target), losses_(losses) {}

    std::string run() {
        out_.begin_object();
        out_.member("model", target_.model);
        out_.key("messages").begin_array();
        for (auto const& message : r_.messages) write(message);
        out_.end_array();
        write_settings();
        write_tools();
        write_format();
        write_reasoning();
        if (r_.stream) {
            out_.member("stream", true);
            if (target_.ask_usage || r_.wants_usage) {
                out_.key("stream_options").begin_object();
                out_.member("include_usage", true).end_object();
            }
        }
        if (!r_.cache_control.empty()) losses_.add("cache_control");
        for (auto const& extra : r_.extras) losses_.add(extra.name);
        for (auto const& name : r_.unplaced) losses_.add(name);
        out_.end_object();
        return out_.take();
    }

  private:
    void text(std::string_view name, llm::Text value) {
        if (value.exists()) out_.key(name).raw(value.json);
    }
    void raw(std::string_view name, std::string_view value) {
        if (!value.empty()) out_.key(name).raw(value);
    }

    void write(Message const& message) {
        switch (message.role) {
            case Role::system:
                return write_plain("system", message);
            case Role::developer:
                return write_plain("developer", message);
            case Role::assistant:
                return write_assistant(message);
            case Role::user:
                return write_user(message);
        }
    }

    void write_plain(std::string_view role, Message const& message) {
        out_.begin_object().member("role", role);
        text("name", message.name);
        write_content(message.blocks);
        out_.end_object();
    }

    // Tool results are messages of their own here, and come first; then the rest of the turn.
    void write_user(Message const& message) {
        std::vector<Block> rest;
        for (auto const& block : message.blocks) {
            if (block.kind == BlockKind::tool_result) {
                write_tool_result(block, rest);
            } else {
                rest.push_back(block);
            }
        }
        if (rest.empty() && !message.blocks.empty()) return;
        Message turn;
        turn.name = message.name;
        turn.blocks = std::move(rest);
        write_plain("user", turn);
    }

    // What is no text cannot stand in a tool's message: it goes into the user's turn behind it.
    void write_tool_result(Block const& result, std::vector<Block>& rest) {
        if (result.is_error) losses_.add("tool_result.is_error");
        if (!result.cache_control.empty()) losses_.add("cache_control");
        std::vector<Block> texts;
        for (auto const& block : result.content) {
            (is_plain_text(block) ? texts : rest).push_back(block);
        }
        out_.begin_object().member("role", "tool");
        text("tool_call_id", result.id);
        if (texts.empty()) {
            out_.member("content", "");
        } else {
            write_content(texts);
        }
        out_.end_object();
    }

    void write_assistant(Message const& message) {
        std::vector<Block> content;
        bool has_calls = false;
        llm::Text refusal;
        for (auto const& block : message.blocks) {
            if (block.kind == BlockKind::thought) {
                losses_.add("thinking");
            } else if (block.kind == BlockKind::tool_call) {
                has_calls = true;
                if (!block.cache_control.empty()) losses_.add("cache_control");
            } else if (block.kind == BlockKind::refusal) {
                refusal = block.text;
            } else {
                content.push_back(block);
            }
        }
        out_.begin_object().member("role", "assistant");
        text("name", message.name);
        if (content.empty()) {
            out_.key("content").null();
        } else {
            write_content(content);
        }
        text("refusal", refusal);
        if (has_calls) {
            out_.key("tool_calls").begin_array();
            for (auto const& block : message.blocks) {
                if (block.kind == BlockKind::tool_call) write_call(block);
            }
            out_.end_array();
        }
        out_.end_object();
    }

    void write_call(Block const& call) {
        out_.begin_object();
        text("id", call.id);
        out_.member("type", "function").key("function").begin_object();
        text("name", call.name);
        out_.member("arguments", call.json.empty() ? std::string_view{"{}"} : call.json);
        out_.end_object().end_object();
    }

    // One text is a string; anything else a list of parts.
    void write_content(std::vector<Block> const& blocks) {
        for (auto const& block : blocks) {
            if (!block.cache_control.empty()) losses_.add("cache_control");
            if (!block.citations.empty()) losses_.add("citations");
        }
        out_.key("content");
        if (blocks.size() == 1 && is_plain_text(blocks[0])) {
            out_.raw(blocks[0].text.exists() ? blocks[0].text.json : "\"\"");
            return;
        }
        out_.begin_array();
        for (auto const& block : blocks) write_part(block);
        out_.end_array();
    }

    void write_part(Block const& block) {
        switch (block.kind) {
            case BlockKind::text:
                out_.begin_object().member("type", "text");
                out_.key("text").raw(block.text.exists() ? block.text.json : "\"\"").end_object();
                return;
            case BlockKind::image:
                return write_image(block);
            case BlockKind::document:
                return write_document(block);
            case BlockKind::audio:
                out_.begin_object().member("type", "input_audio").key("input_audio").begin_object();
                text("data", block.source.data);
                text("format", block.detail);
                out_.end_object().end_object();
                return;
            case BlockKind::opaque:
                if (block.dialect == "openai_chat") {
                    out_.raw(block.json);
                } else {
                    losses_.add("messages[].content[]");
                }
                return;
            default:
                losses_.add("messages[].content[]");
        }
    }

    void write_image(Block const& block) {
        if (block.source.kind == SourceKind::file || block.source.kind == SourceKind::none) {
            losses_.add("image.source.file_id");
            return;
        }
        out_.begin_object().member("type", "image_url").key("image_url").begin_object();
        if (block.source.kind == SourceKind::base64) {
            out_.key("url").raw(data_url(block.source, "image/png"));
        } else {
            text("url", block.source.data);
        }
        text("detail", block.detail);
        out_.end_object().end_object();
    }

    void write_document(Block const& block) {
        auto const& source = block.source;
        if (source.kind == SourceKind::text) {
            out_.begin_object().member("type", "text").key("text");
            out_.raw(source.data.exists() ? source.data.json : "\"\"");
            out_.end_object();
            if (!block.name.is_empty()) losses_.add("document.title");
            return;
        }
        if (source.kind == SourceKind::none) return;  // source.content is named
        if (source.kind == SourceKind::url) {
            losses_.add("document.source.url");
            return;
        }
        out_.begin_object().member("type", "file").key("file").begin_object();
        if (source.kind == SourceKind::file) {
            if (!block.name.is_empty()) losses_.add("document.title");
            text("file_id", source.data);
        } else {
            out_.key("filename").raw(block.name.exists() ? block.name.json : "\"document.pdf\"");
            out_.key("file_data").raw(data_url(source, "application/pdf"));
        }
        out_.end_object().end_object();
    }

    void write_settings() {
        if (r_.max_output_tokens) out_.member(target_.max_output_name, *r_.max_output_tokens);
        bool const takes_sampling = !target_.rules || target_.rules->takes_sampling;
        if (takes_sampling) {
            raw("temperature", r_.temperature);
            raw("top_p", r_.top_p);
        } else {
            if (!r_.temperature.empty()) losses_.add("temperature");
            if (!r_.top_p.empty()) losses_.add("top_p");
        }
        if (!r_.top_k.empty()) losses_.add("top_k");
        if (!r_.stop.empty()) {
            out_.key("stop").begin_array();
            for (auto const& word : r_.stop) out_.raw(word.json);
            out_.end_array();
        }
        if (r_.choices > 1 && !target_.one_choice) out_.member("n", r_.choices);
        text("user", r_.user);
        if (r_.service_tier.is("standard_only")) {
            out_.member("service_tier", "default");
        } else {
            text("service_tier", r_.service_tier);
        }
    }

    void write_tools() {
        bool const has_any = std::any_of(r_.tools.begin(), r_.tools.end(),
                                         [](auto const& tool) { return tool.opaque.empty(); });
        for (auto const& tool : r_.tools) {
            if (!tool.opaque.empty()) losses_.add("tools[] of the provider");
            if (!tool.cache_control.empty()) losses_.add("cache_control");
        }
        if (!has_any) return;
        out_.key("tools").begin_array();
        for (auto const& tool : r_.tools) {
            if (tool.opaque.empty()) write_tool(tool);
        }
        out_.end_array();
        write_tool_choice();
        if (r_.parallel_tools) out_.member("parallel_tool_calls", *r_.parallel_tools);
    }

    void write_tool(llm::Tool const& tool) {
        out_.begin_object().member("type", "function").key("function").begin_object();
        text("name", tool.name);
        text("description", tool.description);
        raw("parameters", tool.schema);
        raw("strict", tool.strict);
        out_.end_object().end_object();
    }

    void write_tool_choice() {
        switch (r_.tool_mode) {
            case llm::ToolMode::unset:
                return;
            case llm::ToolMode::automatic:
                out_.member("tool_choice", "auto");
                return;
            case llm::ToolMode::none:
                out_.member("tool_choice", "none");
                return;
            case llm::ToolMode::required:
                out_.member("tool_choice", "required");
                return;
            case llm::ToolMode::named:
                out_.key("tool_choice").begin_object().member("type", "function");
                out_.key("function").begin_object();
                text("name", r_.tool_name);
                out_.end_object().end_object();
                return;
        }
    }

    void write_format() {
        auto const& format = r_.format;
        if (format.kind == llm::FormatKind::unset || format.kind == llm::FormatKind::text) return;
        out_.key("response_format").begin_object();
        if (format.kind == llm::FormatKind::json_object) {
            out_.member("type", "json_object").end_object();
            return;
        }
        out_.member("type", "json_schema").key("json_schema").begin_object();
        out_.key("name").raw(format.name.exists() ? format.name.json : "\"answer\"");
        raw("schema", format.schema);
        out_.key("strict").raw(format.strict.empty() ? "true" : format.strict);
        out_.end_object().end_object();
    }

    // A budget in tokens becomes the nearest effort.
    void write_reasoning() {
        auto const& reasoning = r_.reasoning;
        if (reasoning.display.exists()) losses_.add("thinking.display");
        bool const thinks = !target_.rules || target_.rules->thinking != llm::ThinkingStyle::none;
        bool const is_told = reasoning.effort.exists() && !reasoning.effort.is("none");
        if (!thinks) {
            if (is_told || reasoning.budget) losses_.add("output_config.effort");
            return;
        }
        if (reasoning.effort.exists()) {
            text("reasoning_effort", reasoning.effort);
            return;
        }
        if (reasoning.thinking == llm::Thinking::disabled) losses_.add("thinking.type");
        if (reasoning.thinking != llm::Thinking::budget || !reasoning.budget) return;
        constexpr std::int64_t low = 4096, medium = 16'384;
        out_.member("reasoning_effort", *reasoning.budget <= low      ? "low"
                                        : *reasoning.budget <= medium ? "medium"
                                                                      : "high");
    }

    llm::Request const& r_;
    llm::TargetView const& target_;
    Losses& losses_;
    json::Writer out_;
};

}  // namespace

Result<std::string> write_chat(llm::Request const& request, llm::TargetView const& target,
                               Losses& losses) {
    return ChatWriter(request, target, losses).run();
}

}  // namespace sluice::dialect::openai
