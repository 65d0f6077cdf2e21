#include "dialect/openai_chat/answer.hpp"

#include <algorithm>

#include "sluice/json.hpp"

#include "base/json_text.hpp"
#include "dialect/common/arguments.hpp"
#include "dialect/common/upstream_error.hpp"
#include "dialect/openai_chat/annotation.hpp"
#include "dialect/openai_chat/citation_details.hpp"
#include "dialect/openai_chat/thought_detail.hpp"
#include "dialect/openai_chat/usage.hpp"

namespace sluice::dialect::openai {
namespace {

using llm::Block;
using llm::BlockKind;

class AnswerWalk {
  public:
    explicit AnswerWalk(std::string_view body) : body_(body), scan_(body) {}

    Result<llm::Answer> run() {
        scan_.skip_space();
        if (scan_.peek() != JsonKind::object) return bad_answer("the body is no JSON object");
        std::string_view usage, error;
        llm::Text tier;
        bool has_choices = false;
        bool const ok = each_member(scan_, [&](std::string_view name) {
            if (name == "id") return take_text(scan_, answer_.id);
            if (name == "model") return take_text(scan_, answer_.model);
            if (name == "usage") return take_json_or_null(scan_, usage);
            if (name == "error") return take_json_or_null(scan_, error);
            if (name == "service_tier") return take_text(scan_, tier);
            if (name == "choices" && scan_.peek() == JsonKind::array) {
                has_choices = true;
                return each_element(scan_, [this] { return choice(); });
            }
            return scan_.skip_value(0);
        });
        bool const is_right = ok && scan_.expect_end() && codec::is_valid_utf8(body_);
        if (!is_right) return bad_answer("the body is not valid JSON");
        if (!error.empty()) return read_fault(body_);
        if (!has_choices) return bad_answer("an answer without choices");
        if (!usage.empty()) read_usage(usage, answer_.usage);
        if (tier.inner().size() <= 32) answer_.usage.service_tier = tier.inner();
        return std::move(answer_);
    }

  private:
    bool choice() {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(0);
        auto& choice = answer_.choices.emplace_back();
        has_calls_ = has_refusal_ = false;
        bool const ok = each_member(scan_, [&](std::string_view name) {
            if (name == "message" && scan_.peek() == JsonKind::object) return message(choice);
            if (name == "logprobs") return take_json_or_null(scan_, choice.logprobs);
            if (name == "finish_reason") {
                llm::Text word;
                if (!take_text(scan_, word)) return false;
                choice.reason = stop_reason_of(word);
                choice.native_reason = word.json;
                return true;
            }
            return scan_.skip_value(0);
        });
        choice.reason = stop_reason_with(choice.reason, has_calls_, has_refusal_);
        return ok;
    }

    bool message(llm::Choice& choice) {
        llm::Text reasoning, refusal;
        std::vector<Block> content, calls, thoughts;
        std::string_view annotations;
        bool const ok = each_member(scan_, [&](std::string_view name) {
            if (name == "content") return this->content(content);
            if (name == "reasoning_content") return take_text(scan_, reasoning);
            if (name == "reasoning") return other_reasoning(reasoning);
            if (name == "reasoning_details") return this->thoughts(thoughts);
            if (name == "refusal") return take_text(scan_, refusal);
            if (name == "annotations") return take_json_or_null(scan_, annotations);
            if (name == "tool_calls" && scan_.peek() == JsonKind::array) {
                return each_element(scan_, [&] { return tool_call(calls); });
            }
            return scan_.skip_value(0);
        });
        bool const has_text = std::any_of(thoughts.begin(), thoughts.end(),
                                          [](auto const& block) { return !block.text.is_empty(); });
        if (!has_text && !reasoning.is_empty()) {  // beside the details it says the same again
            Block thought;
            thought.kind = BlockKind::thought;
            thought.text = reasoning;
            choice.blocks.push_back(thought);
        }
        for (auto& thought : thoughts) choice.blocks.push_back(std::move(thought));
        if (!content.empty()) {
            each_annotation(annotations, [&](llm::Citation const& citation) {
                content.back().cited.push_back(citation);
            });
        }
        for (auto& block : content) choice.blocks.push_back(std::move(block));
        if (!refusal.is_empty()) {
            Block block;
            block.kind = BlockKind::refusal;
            block.text = refusal;
            choice.blocks.push_back(block);
        }
        for (auto& call : calls) choice.blocks.push_back(std::move(call));
        has_calls_ = has_calls_ || !calls.empty();
        has_refusal_ = has_refusal_ || !refusal.is_empty();
        return ok;
    }

    bool thoughts(std::vector<Block>& blocks) {
        ThoughtPieces pieces;
        return read_thought_details(scan_, [&](ThoughtDetail const& detail) {
            bool const says_something =
                !detail.text.is_empty() || !detail.signature.is_empty() || detail.data.exists();
            if (says_something) pieces.add(detail, blocks, answer_);
        });
    }

    bool other_reasoning(llm::Text& reasoning) {
        llm::Text text;
        if (!take_text(scan_, text)) return false;
        if (!reasoning.exists()) reasoning = text;
        return true;
    }

    // A string; some write parts.
    bool content(std::vector<Block>& blocks) {
        if (scan_.peek() == JsonKind::array) {
            return each_element(scan_, [&] {
                if (scan_.peek() != JsonKind::object) return scan_.skip_value(0);
                Block block;
                bool const ok = each_member(scan_, [&](std::string_view name) {
                    if (name == "text") return take_text(scan_, block.text);
                    return scan_.skip_value(0);
                });
                if (!block.text.is_empty()) blocks.push_back(block);
                return ok;
            });
        }
        Block block;
        if (!take_text(scan_, block.text)) return false;
        if (!block.text.is_empty()) blocks.push_back(block);
        return true;
    }

    bool tool_call(std::vector<Block>& calls) {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(0);
        Block call;
        call.kind = BlockKind::tool_call;
        llm::Text arguments;
        bool const ok = each_member(scan_, [&](std::string_view name) {
            if (name == "id") return take_text(scan_, call.id);
            if (name != "function" || scan_.peek() != JsonKind::object) return scan_.skip_value(0);
            return each_member(scan_, [&](std::string_view inner) {
                if (inner == "name") return take_text(scan_, call.name);
                if (inner == "arguments") {
                    if (scan_.peek() == JsonKind::object) return take_json(scan_, call.json);
                    return take_text(scan_, arguments);
                }
                return scan_.skip_value(0);
            });
        });
        call.json = answer_.keep(
            arguments_object(call.json.empty() ? llm::decoded(arguments) : std::string{call.json}));
        calls.push_back(std::move(call));
        return ok;
    }

    std::string_view body_;
    JsonScanner scan_;
    llm::Answer answer_;
    bool has_calls_ = false;    // the choice
    bool has_refusal_ = false;  // ...
};

class AnswerWriter {
  public:
    AnswerWriter(llm::Answer const& answer, WriterOptions const& options, Losses& losses)
        : answer_(answer), options_(options), losses_(losses) {}

    std::string run() {
        out_.begin_object();
        out_.key("id");
        answer_.id.exists() ? out_.raw(answer_.id.json) : out_.string("chatcmpl-" + options_.id);
        out_.member("object", "chat.completion").member("created", options_.created);
        out_.key("model");
        answer_.model.exists() ? out_.raw(answer_.model.json) : out_.string(options_.model);
        out_.key("choices").begin_array();
        std::uint32_t index = 0;
        for (auto const& choice : answer_.choices) write(choice, index++);
        out_.end_array();
        std::string usage;
        append_usage(usage, answer_.usage);
        out_.key("usage").raw(usage);
        auto const tier = tier_of(answer_.usage);
        if (!tier.empty()) out_.member("service_tier", tier);
        out_.end_object();
        return out_.take();
    }

  private:
    void write(llm::Choice const& choice, std::uint32_t index) {
        out_.begin_object().member("index", index).key("message").begin_object();
        out_.member("role", "assistant");
        std::string content, reasoning;
        llm::Text refusal;
        std::vector<Block const*> thoughts, calls;
        CitationLists cited;
        std::size_t characters = 0;  // of the content so far
        bool const has_citations =
            std::any_of(choice.blocks.begin(), choice.blocks.end(),
                        [](auto const& block) { return !block.cited.empty(); });
        for (auto const& block : choice.blocks) {
            switch (block.kind) {
                case BlockKind::text:
                    content += block.text.inner();
                    if (has_citations) {
                        auto const start = characters;
                        characters += characters_of(block.text);
                        for (auto const& one : block.cited) cited.add(one, start, characters);
                    }
                    break;
                case BlockKind::thought:
                    reasoning += block.text.inner();
                    thoughts.push_back(&block);
                    break;
                case BlockKind::tool_call:
                    calls.push_back(&block);
                    break;
                case BlockKind::refusal:
                    refusal = block.text;
                    break;
                default:
                    losses_.add("content[]");
            }
        }
        out_.key("content");
        bool const says_nothing = content.empty() && (!calls.empty() || refusal.exists());
        says_nothing ? out_.null() : out_.raw('"' + content + '"');
        out_.key("refusal");
        refusal.exists() ? out_.raw(refusal.json) : out_.null();
        if (!reasoning.empty()) out_.key("reasoning_content").raw('"' + reasoning + '"');
        write_thoughts(thoughts);
        if (!cited.annotations().empty()) {
            out_.key("annotations").raw('[' + cited.annotations() + ']');
        }
        if (!cited.details().empty()) {
            out_.key("citation_details").raw('[' + cited.details() + ']');
        }
        if (!calls.empty()) {
            out_.key("tool_calls").begin_array();
            for (auto const* call : calls) write_call(*call);
            out_.end_array();
        }
        out_.end_object();
        out_.key("logprobs");
        choice.logprobs.empty() ? out_.null() : out_.raw(choice.logprobs);
        out_.key("finish_reason").raw(word_of(choice.reason)).end_object();
    }

    // The extension by which a caller gives signed thoughts back: docs/reference/dialects.md.
    void write_thoughts(std::vector<Block const*> const& thoughts) {
        bool const is_signed = std::any_of(thoughts.begin(), thoughts.end(), [](auto const* block) {
            return block->signature.exists() || block->data.exists();
        });
        if (!is_signed) return;
        out_.key("reasoning_details").begin_array();
        std::uint32_t index = 0;
        for (auto const* block : thoughts) {
            out_.begin_object();
            if (block->data.exists()) {
                out_.member("type", "reasoning.encrypted").key("data").raw(block->data.json);
            } else {
                out_.member("type", "reasoning.text");
                out_.key("text").raw(block->text.exists() ? block->text.json : "\"\"");
                if (block->signature.exists()) out_.key("signature").raw(block->signature.json);
            }
            out_.member("format", block->dialect).member("index", index++).end_object();
        }
        out_.end_array();
    }

    void write_call(Block const& call) {
        out_.begin_object().key("id").raw(call.id.exists() ? call.id.json : "\"call_0\"");
        out_.member("type", "function").key("function").begin_object();
        out_.key("name").raw(call.name.exists() ? call.name.json : "\"\"");
        out_.member("arguments", call.json.empty() ? std::string_view{"{}"} : call.json);
        out_.end_object().end_object();
    }

    llm::Answer const& answer_;
    WriterOptions const& options_;
    Losses& losses_;
    json::Writer out_;
};

}  // namespace

llm::StopReason stop_reason_of(llm::Text word) noexcept {
    using llm::StopReason;
    if (word.is("length")) return StopReason::length;
    if (word.is("tool_calls") || word.is("function_call")) return StopReason::tool_calls;
    if (word.is("content_filter")) return StopReason::refusal;
    return word.exists() ? StopReason::stop : StopReason::unset;
}

llm::StopReason stop_reason_with(llm::StopReason reason, bool has_calls,
                                 bool has_refusal) noexcept {
    bool const is_stop = reason == llm::StopReason::stop || reason == llm::StopReason::unset;
    if (is_stop && has_calls) return llm::StopReason::tool_calls;
    return is_stop && has_refusal ? llm::StopReason::refusal : reason;
}

std::string_view word_of(llm::StopReason reason) noexcept {
    using llm::StopReason;
    switch (reason) {
        case StopReason::length:
        case StopReason::context:
            return "\"length\"";
        case StopReason::tool_calls:
            return "\"tool_calls\"";
        case StopReason::refusal:
            return "\"content_filter\"";
        default:
            return "\"stop\"";
    }
}

std::string_view tier_of(llm::Usage const& usage) noexcept {
    auto const& tier = usage.service_tier;
    if (tier == "standard") return "default";
    for (std::string_view const known : {"auto", "default", "flex", "scale", "priority", "fast"}) {
        if (tier == known) return known;
    }
    return {};
}

void append_usage(std::string& out, llm::Usage const& usage) {
    auto const put = [&out](std::string_view name, std::int64_t value) {
        out.append(name);
        append_number(out, value);
    };
    put("{\"prompt_tokens\":", usage.input);
    put(",\"completion_tokens\":", usage.output);
    put(",\"total_tokens\":", usage.input + usage.output);
    put(",\"prompt_tokens_details\":{\"cached_tokens\":", usage.cache_read);
    if (usage.cache_write > 0) put(",\"cache_write_tokens\":", usage.cache_write);
    put(",\"audio_tokens\":", usage.audio_input);
    put("},\"completion_tokens_details\":{\"reasoning_tokens\":", usage.reasoning);
    put(",\"audio_tokens\":", usage.audio_output);
    out += "}}";
}

Result<llm::Answer> read_answer(std::string_view body) { return AnswerWalk(body).run(); }

std::string write_answer(llm::Answer const& answer, WriterOptions const& options, Losses& losses) {
    return AnswerWriter(answer, options, losses).run();
}

}  // namespace sluice::dialect::openai
