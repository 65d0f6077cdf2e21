#include "dialect/anthropic/write_chat.hpp"

#include <algorithm>
#include <charconv>

#include "sluice/json.hpp"

#include "dialect/anthropic/schema.hpp"

namespace sluice::dialect::anthropic {
namespace {

using llm::Block;
using llm::BlockKind;
using llm::Message;
using llm::Role;
using llm::SourceKind;

constexpr std::int64_t default_max_tokens = 4096;
constexpr std::int64_t budget_min = 1024;  // the API's own
constexpr std::string_view json_only =
    "Answer with one JSON object and nothing else: no prose, no code fence.";

bool is_blank(llm::Text text) noexcept {
    auto rest = text.inner();
    while (!rest.empty()) {
        if (rest.front() == ' ') {
            rest.remove_prefix(1);
        } else if (rest.size() >= 2 && rest[0] == '\\' &&
                   (rest[1] == 'n' || rest[1] == 't' || rest[1] == 'r')) {
            rest.remove_prefix(2);
        } else {
            return false;
        }
    }
    return true;
}

// Says nothing: a default that was written out.
bool is_neutral(std::string_view name, std::string_view json) noexcept {
    if (name == "web_search_options") return false;  // its presence asks for searches
    if (json == "false" || json == "0" || json == "0.0" || json == "[]" || json == "{}")
        return true;
    return name == "modalities" && json == "[\"text\"]";
}

// Ids may hold letters, digits, '_' and '-' here. The same id always becomes the same.
std::string id_of(llm::Text id) {
    std::string out{id.inner()};
    for (auto& c : out) {
        bool const is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!is_fine) c = '_';
    }
    if (out.empty()) out = "call";
    return out;
}

class ChatWriter {
  public:
    ChatWriter(llm::Request const& request, llm::TargetView const& target, Losses& losses)
        : r_(request), target_(target), losses_(losses) {}

    Result<std::string> run() {
        if (r_.choices > 1 && !target_.one_choice) {
            return client_error(ErrorCode::invalid_request, 400,
                                "\"n\" above 1 cannot be answered by this model: send n separate "
                                "requests.");
        }
        max_tokens_ = r_.max_output_tokens.value_or(
            target_.rules && target_.rules->output_tokens_max ? *target_.rules->output_tokens_max
                                                              : default_max_tokens);
        choose_thinking();
        out_.begin_object();
        out_.member("model", target_.model);
        out_.member("max_tokens", max_tokens_);
        write_system();
        write_messages();
        write_tools();
        write_sampling();
        write_stop();
        write_thinking();
        write_output_config();
        write_rest();
        out_.end_object();
        return out_.take();
    }

  private:
    void raw(std::string_view name, std::string_view value) {
        if (!value.empty()) out_.key(name).raw(value);
    }
    void text(std::string_view name, llm::Text value) {
        if (value.exists()) out_.key(name).raw(value.json);
    }
    [[nodiscard]] static bool is_system(Message const& message) noexcept {
        return message.role == Role::system || message.role == Role::developer;
    }

    // Those before the first turn; what asks for JSON where the model has no other way.
    void write_system() {
        std::vector<Block const*> blocks;
        first_turn_ = 0;
        while (first_turn_ < r_.messages.size() && is_system(r_.messages[first_turn_])) {
            // The API wants a turn: where there is none, the last of these becomes the user's.
            if (first_turn_ + 1 == r_.messages.size()) break;
            for (auto const& block : r_.messages[first_turn_].blocks) blocks.push_back(&block);
            ++first_turn_;
        }
        std::string asked = format_instruction();
        std::erase_if(blocks, [](auto const* block) { return block->text.is_empty(); });
        if (blocks.empty() && asked.empty()) return;
        out_.key("system").begin_array();
        for (auto const* block : blocks) write_text(*block);
        if (!asked.empty()) {
            out_.begin_object().member("type", "text").member("text", asked).end_object();
        }
        out_.end_array();
    }

    std::string format_instruction() {
        if (r_.format.kind == llm::FormatKind::json_object) return std::string{json_only};
        bool const takes_schema = !target_.rules || target_.rules->takes_schema;
        if (r_.format.kind != llm::FormatKind::json_schema || takes_schema) return {};
        losses_.add("response_format");
        std::string asked{json_only};
        asked.append(" It must be valid against this JSON schema: ").append(r_.format.schema);
        return asked;
    }

    // Neighbours of one role are one turn; in a user's turn the tool results come first.
    void write_messages() {
        out_.key("messages").begin_array();
        std::size_t at = first_turn_;
        while (at < r_.messages.size()) {
            bool const is_assistant = r_.messages[at].role == Role::assistant;
            std::vector<Block const*> blocks;
            for (; at < r_.messages.size() &&
                   (r_.messages[at].role == Role::assistant) == is_assistant;
                 ++at) {
                auto const& message = r_.messages[at];
                if (is_system(message)) losses_.add("messages[].role");
                if (message.name.exists()) losses_.add("messages[].name");
                for (auto const& block : message.blocks) blocks.push_back(&block);
            }
            bool const is_last = at == r_.messages.size();
            if (is_assistant && is_last && target_.rules && !target_.rules->takes_prefill) {
                losses_.add("messages[] ending with the assistant");
                continue;
            }
            write_turn(is_assistant, blocks);
        }
        out_.end_array();
    }

    void write_turn(bool is_assistant, std::vector<Block const*>& blocks) {
        if (!is_assistant) {
            std::stable_partition(blocks.begin(), blocks.end(), [](auto const* block) {
                return block->kind == BlockKind::tool_result;
            });
        }
        std::erase_if(blocks, [this](auto const* block) { return !is_sent(*block); });
        if (blocks.empty()) return;
        out_.begin_object().member("role", is_assistant ? "assistant" : "user");
        out_.key("content");
        bool const is_one_text = blocks.size() == 1 && blocks[0]->kind == BlockKind::text &&
                                 blocks[0]->cache_control.empty() && blocks[0]->citations.empty();
        if (is_one_text) {
            out_.raw(blocks[0]->text.json).end_object();
            return;
        }
        out_.begin_array();
        for (auto const* block : blocks) write(*block);
        out_.end_array().end_object();
    }

    // Empty texts are refused by the API; the rest that is left out is named.
    bool is_sent(Block const& block) {
        switch (block.kind) {
            case BlockKind::text:
            case BlockKind::refusal:
                return !block.text.is_empty();
            case BlockKind::thought: {
                bool const is_own = block.dialect == "anthropic" &&
                                    (block.signature.exists() || block.data.exists());
                if (!is_own) losses_.add("reasoning_content");
                return is_own;
            }
            case BlockKind::audio:
                losses_.add("input_audio");
                return false;
            case BlockKind::image:
            case BlockKind::document: {
                bool const is_foreign_file =
                    block.source.kind == SourceKind::file && r_.dialect != "anthropic";
                if (is_foreign_file) losses_.add("file.file_id");
                return !is_foreign_file && block.source.kind != SourceKind::none;
            }
            case BlockKind::opaque:
                if (block.dialect != "anthropic") losses_.add("messages[].content[]");
                return block.dialect == "anthropic";
            case BlockKind::tool_call:
            case BlockKind::tool_result:
                return true;
        }
        return false;
    }

    void write(Block const& block) {
        switch (block.kind) {
            case BlockKind::text:
            case BlockKind::refusal:
                return write_text(block);
            case BlockKind::image:
            case BlockKind::document:
                return write_source(block);
            case BlockKind::thought:
                return write_thought(block);
            case BlockKind::tool_call:
                out_.begin_object().member("type", "tool_use").member("id", id_of(block.id));
                text("name", block.name);
                out_.key("input").raw(block.json.empty() ? "{}" : block.json);
                raw("cache_control", block.cache_control);
                out_.end_object();
                return;
            case BlockKind::tool_result:
                return write_tool_result(block);
            case BlockKind::opaque:
                out_.raw(block.json);
                return;
            case BlockKind::audio:
                return;
        }
    }

    void write_text(Block const& block) {
        out_.begin_object().member("type", "text");
        out_.key("text").raw(block.text.json);
        raw("cache_control", block.cache_control);
        if (block.dialect == "anthropic") raw("citations", block.citations);
        out_.end_object();
    }

    void write_thought(Block const& block) {
        out_.begin_object();
        if (block.data.exists()) {
            out_.member("type", "redacted_thinking").key("data").raw(block.data.json);
        } else {
            out_.member("type", "thinking");
            out_.key("thinking").raw(block.text.exists() ? block.text.json : "\"\"");
            out_.key("signature").raw(block.signature.json);
        }
        out_.end_object();
    }

    void write_source(Block const& block) {
        bool const is_image = block.kind == BlockKind::image;
        if (is_image && block.detail.exists() && !block.detail.is("auto")) {
            losses_.add("image_url.detail");
        }
        out_.begin_object().member("type", is_image ? "image" : "document");
        out_.key("source").begin_object();
        auto const& source = block.source;
        switch (source.kind) {
            case SourceKind::base64:
                out_.member("type", "base64");
                out_.key("media_type")
                    .raw(source.media_type.is("image/jpg") ? "\"image/jpeg\""
                         : source.media_type.exists()      ? source.media_type.json
                         : is_image                        ? "\"image/png\""
                                                           : "\"application/pdf\"");
                text("data", source.data);
                break;
            case SourceKind::text:
                out_.member("type", "text").member("media_type", "text/plain");
                text("data", source.data);
                break;
            case SourceKind::file:
                out_.member("type", "file");
                text("file_id", source.data);
                break;
            default:
                out_.member("type", "url");
                text("url", source.data);
                break;
        }
        out_.end_object();
        if (!is_image) text("title", block.name);
        raw("cache_control", block.cache_control);
        out_.end_object();
    }

    void write_tool_result(Block const& result) {
        out_.begin_object().member("type", "tool_result");
        out_.member("tool_use_id", id_of(result.id));
        std::vector<Block const*> content;
        for (auto const& block : result.content) {
            if (is_sent(block)) content.push_back(&block);
        }
        bool const is_one_text = content.size() == 1 && content[0]->kind == BlockKind::text &&
                                 content[0]->cache_control.empty();
        if (is_one_text) {
            out_.key("content").raw(content[0]->text.json);
        } else if (!content.empty()) {
            out_.key("content").begin_array();
            for (auto const* block : content) write(*block);
            out_.end_array();
        }
        if (result.is_error) out_.member("is_error", true);
        raw("cache_control", result.cache_control);
        out_.end_object();
    }

    void write_tools() {
        bool has_any = false;
        for (auto const& tool : r_.tools) {
            bool const is_foreign = !tool.opaque.empty() && r_.dialect != "anthropic";
            if (is_foreign) losses_.add("tools[].type");
            has_any = has_any || !is_foreign;
        }
        if (!has_any) return;
        out_.key("tools").begin_array();
        for (auto const& tool : r_.tools) {
            if (!tool.opaque.empty()) {
                if (r_.dialect == "anthropic") out_.raw(tool.opaque);
                continue;
            }
            out_.begin_object();
            text("name", tool.name);
            text("description", tool.description);
            out_.key("input_schema")
                .raw(tool.schema.empty() ? "{\"type\":\"object\",\"properties\":{}}" : tool.schema);
            raw("strict", tool.strict);
            raw("cache_control", tool.cache_control);
            out_.end_object();
        }
        out_.end_array();
        write_tool_choice();
    }

    void write_tool_choice() {
        auto mode = r_.tool_mode;
        bool const one_at_a_time = r_.parallel_tools == false;
        if (mode == llm::ToolMode::unset && !one_at_a_time) return;
        if (mode == llm::ToolMode::unset) mode = llm::ToolMode::automatic;
        out_.key("tool_choice").begin_object();
        out_.member("type", mode == llm::ToolMode::none       ? "none"
                            : mode == llm::ToolMode::required ? "any"
                            : mode == llm::ToolMode::named    ? "tool"
                                                              : "auto");
        if (mode == llm::ToolMode::named) text("name", r_.tool_name);
        if (one_at_a_time && mode != llm::ToolMode::none) {
            out_.member("disable_parallel_tool_use", true);
        }
        out_.end_object();
    }

    void write_sampling() {
        bool const takes_any = !target_.rules || target_.rules->takes_sampling;
        bool const is_fixed =
            thinking_ == llm::Thinking::budget;  // thinking with a budget fixes it
        if (!r_.temperature.empty()) {
            double value = 0;
            std::from_chars(r_.temperature.data(), r_.temperature.data() + r_.temperature.size(),
                            value);
            bool const is_high = value > 1;
            if (!takes_any || is_fixed || is_high) losses_.add("temperature");
            if (takes_any && !is_fixed) out_.key("temperature").raw(is_high ? "1" : r_.temperature);
        }
        if (!r_.top_p.empty()) {
            takes_any && !is_fixed ? raw("top_p", r_.top_p) : losses_.add("top_p");
        }
        if (!r_.top_k.empty()) {
            takes_any && !is_fixed ? raw("top_k", r_.top_k) : losses_.add("top_k");
        }
    }

    void write_stop() {
        std::vector<llm::Text> words;
        for (auto const& word : r_.stop) {
            is_blank(word) ? losses_.add("stop") : words.push_back(word);
        }
        if (words.empty()) return;
        out_.key("stop_sequences").begin_array();
        for (auto const& word : words) out_.raw(word.json);
        out_.end_array();
    }

    // Effort, budget and what the model can do of it.
    void choose_thinking() {
        auto const& asked = r_.reasoning;
        thinking_ = asked.thinking;
        budget_ = asked.budget;
        using Style = llm::ThinkingStyle;
        bool const by_budget = target_.rules && target_.rules->thinking == Style::budget;
        if (target_.rules && target_.rules->thinking == Style::none) {
            bool const is_asked = (asked.effort.exists() && !asked.effort.is("none")) ||
                                  thinking_ == llm::Thinking::budget ||
                                  thinking_ == llm::Thinking::adaptive;
            if (is_asked) losses_.add("reasoning_effort");
            thinking_ = llm::Thinking::unset;
            return;
        }
        if (thinking_ == llm::Thinking::unset && asked.effort.exists()) {
            if (asked.effort.is("none")) {
                thinking_ = llm::Thinking::disabled;
            } else {
                thinking_ = by_budget ? llm::Thinking::budget : llm::Thinking::adaptive;
            }
        }
        if (thinking_ == llm::Thinking::adaptive && by_budget) thinking_ = llm::Thinking::budget;
        if (thinking_ == llm::Thinking::budget && target_.rules && !by_budget) {
            thinking_ = llm::Thinking::adaptive;
        }
        if (thinking_ != llm::Thinking::budget) return;
        if (!budget_) {
            auto const& effort = asked.effort;
            budget_ = effort.is("minimal") || effort.is("low") ? 2048
                      : effort.is("medium")                    ? 8192
                                                               : 24'576;
        }
        if (!r_.max_output_tokens)
            max_tokens_ = std::max(max_tokens_, *budget_ + default_max_tokens);
        budget_ = std::min(*budget_, max_tokens_ - 1);
        bool const is_forced =
            r_.tool_mode == llm::ToolMode::required || r_.tool_mode == llm::ToolMode::named;
        if (*budget_ < budget_min || is_forced) {
            losses_.add("reasoning_effort");
            thinking_ = llm::Thinking::unset;
        }
    }

    void write_thinking() {
        if (thinking_ == llm::Thinking::unset) return;
        out_.key("thinking").begin_object();
        switch (thinking_) {
            case llm::Thinking::disabled:
                out_.member("type", "disabled");
                break;
            case llm::Thinking::budget:
                out_.member("type", "enabled").member("budget_tokens", *budget_);
                break;
            default:
                out_.member("type", "adaptive");
                if (!r_.reasoning.display.exists()) out_.member("display", "summarized");
        }
        if (thinking_ != llm::Thinking::disabled) text("display", r_.reasoning.display);
        out_.end_object();
    }

    void write_output_config() {
        bool const has_schema = r_.format.kind == llm::FormatKind::json_schema &&
                                (!target_.rules || target_.rules->takes_schema) &&
                                !r_.format.schema.empty();
        auto const& effort = r_.reasoning.effort;
        bool const has_effort = effort.exists() && thinking_ == llm::Thinking::adaptive;
        if (!has_schema && !has_effort) return;
        out_.key("output_config").begin_object();
        if (has_effort) {
            effort.is("minimal") ? out_.member("effort", "low")
                                 : out_.key("effort").raw(effort.json);
        }
        if (has_schema) {
            std::string schema;
            if (append_schema(schema, r_.format.schema)) {
                losses_.add("response_format.json_schema.schema");
            }
            out_.key("format").begin_object().member("type", "json_schema");
            out_.key("schema").raw(schema).end_object();
        }
        out_.end_object();
    }

    void write_rest() {
        if (r_.user.exists()) {
            out_.key("metadata").begin_object().key("user_id").raw(r_.user.json).end_object();
        }
        if (r_.service_tier.is("auto") || r_.service_tier.is("standard_only")) {
            text("service_tier", r_.service_tier);
        } else if (r_.service_tier.is("default")) {
            out_.member("service_tier", "standard_only");
        } else if (r_.service_tier.exists()) {
            losses_.add("service_tier");
        }
        raw("cache_control", r_.cache_control);
        if (r_.stream) out_.member("stream", true);
        for (auto const& name : r_.unplaced) losses_.add(name);
        for (auto const& extra : r_.extras) {
            if (r_.dialect == "anthropic") {
                raw(extra.name, extra.json);
            } else if (!is_neutral(extra.name, extra.json)) {
                losses_.add(extra.name);
            }
        }
    }

    llm::Request const& r_;
    llm::TargetView const& target_;
    Losses& losses_;
    json::Writer out_;
    std::size_t first_turn_ = 0;
    std::int64_t max_tokens_ = 0;
    llm::Thinking thinking_ = llm::Thinking::unset;
    std::optional<std::int64_t> budget_;
};

}  // namespace

Result<std::string> write_chat(llm::Request const& request, llm::TargetView const& target,
                               Losses& losses) {
    return ChatWriter(request, target, losses).run();
}

}  // namespace sluice::dialect::anthropic
