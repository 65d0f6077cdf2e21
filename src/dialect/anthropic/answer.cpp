#include "dialect/anthropic/answer.hpp"

#include "sluice/json.hpp"

#include "dialect/anthropic/citation.hpp"
#include "dialect/anthropic/stream_machine.hpp"
#include "dialect/anthropic/usage.hpp"
#include "dialect/common/upstream_error.hpp"
#include "dialect/common/walk.hpp"

namespace sluice::dialect::anthropic {
namespace {

using llm::Block;
using llm::BlockKind;

constexpr std::string_view name_of_dialect = "anthropic";

bool read_block(JsonScanner& scan, std::vector<Block>& blocks) {
    auto const from = scan.offset();
    if (scan.peek() != JsonKind::object) return scan.skip_value(0);
    Block block;
    block.dialect = name_of_dialect;
    llm::Text type, thinking;
    bool const ok = each_member(scan, [&](std::string_view name) {
        if (name == "type") return take_text(scan, type);
        if (name == "text") return take_text(scan, block.text);
        if (name == "thinking") return take_text(scan, thinking);
        if (name == "signature") return take_text(scan, block.signature);
        if (name == "data") return take_text(scan, block.data);
        if (name == "id") return take_text(scan, block.id);
        if (name == "name") return take_text(scan, block.name);
        if (name == "input") return take_json_or_null(scan, block.json);
        if (name == "citations" && scan.peek() == JsonKind::array) {
            return each_element(scan, [&] { return read_citation(scan, block.cited); });
        }
        return scan.skip_value(0);
    });
    if (!ok) return false;
    if (type.is("text")) {
        block.kind = BlockKind::text;
    } else if (type.is("thinking") || type.is("redacted_thinking")) {
        block.kind = BlockKind::thought;
        block.text = thinking;
    } else if (type.is("tool_use")) {
        block.kind = BlockKind::tool_call;
    } else {
        block.kind = BlockKind::opaque;
        block.json = scan.since(from);
    }
    blocks.push_back(std::move(block));
    return true;
}

class AnswerWriter {
  public:
    AnswerWriter(llm::Answer const& answer, WriterOptions const& options, Losses& losses)
        : answer_(answer), options_(options), losses_(losses) {}

    std::string run() {
        out_.begin_object();
        out_.key("id");
        answer_.id.exists() ? out_.raw(answer_.id.json) : out_.string("msg_" + options_.id);
        out_.member("type", "message").member("role", "assistant");
        out_.key("model");
        answer_.model.exists() ? out_.raw(answer_.model.json) : out_.string(options_.model);
        out_.key("content").begin_array();
        if (answer_.choices.size() > 1) losses_.add("choices[1..]");
        llm::Choice const none;
        auto const& choice = answer_.choices.empty() ? none : answer_.choices.front();
        for (auto const& block : choice.blocks) write(block);
        out_.end_array();
        out_.key("stop_reason").raw(word_of(choice.reason));
        out_.key("stop_sequence");
        choice.stop_sequence.exists() ? out_.raw(choice.stop_sequence.json) : out_.null();
        if (!choice.logprobs.empty()) losses_.add("choices[].logprobs");
        std::string usage;
        append_usage(usage, answer_.usage);
        out_.key("usage").raw(usage);
        out_.end_object();
        return out_.take();
    }

  private:
    void write(Block const& block) {
        switch (block.kind) {
            case BlockKind::text:
            case BlockKind::refusal:
                if (block.text.is_empty()) return;
                out_.begin_object().member("type", "text").key("text").raw(block.text.json);
                write_citations(block);
                out_.end_object();
                return;
            case BlockKind::thought:
                out_.begin_object();
                if (block.data.exists()) {
                    out_.member("type", "redacted_thinking").key("data").raw(block.data.json);
                } else {
                    out_.member("type", "thinking");
                    out_.key("thinking").raw(block.text.exists() ? block.text.json : "\"\"");
                    out_.key("signature")
                        .raw(block.signature.exists() ? block.signature.json : "\"\"");
                }
                out_.end_object();
                return;
            case BlockKind::tool_call:
                out_.begin_object()
                    .member("type", "tool_use")
                    .key("id")
                    .raw(block.id.exists() ? block.id.json : "\"toolu_0\"");
                out_.key("name").raw(block.name.exists() ? block.name.json : "\"\"");
                out_.key("input").raw(block.json.empty() ? "{}" : block.json).end_object();
                return;
            case BlockKind::opaque:
                if (block.dialect == name_of_dialect) {
                    out_.raw(block.json);
                    return;
                }
                [[fallthrough]];
            default:
                losses_.add("choices[].message");
        }
    }

    void write_citations(Block const& block) {
        std::string list;
        for (auto const& citation : block.cited) {
            std::string one;
            if (!append_citation(one, citation)) {
                losses_.add("annotations");
                continue;
            }
            list.append(list.empty() ? "" : ",").append(one);
        }
        if (!list.empty()) out_.key("citations").raw('[' + list + ']');
    }

    llm::Answer const& answer_;
    WriterOptions const& options_;
    Losses& losses_;
    json::Writer out_;
};

}  // namespace

std::string_view word_of(llm::StopReason reason) noexcept {
    using llm::StopReason;
    switch (reason) {
        case StopReason::stop_sequence:
            return "\"stop_sequence\"";
        case StopReason::length:
            return "\"max_tokens\"";
        case StopReason::context:
            return "\"model_context_window_exceeded\"";
        case StopReason::tool_calls:
            return "\"tool_use\"";
        case StopReason::refusal:
            return "\"refusal\"";
        case StopReason::pause:
            return "\"pause_turn\"";
        case StopReason::stop:
        case StopReason::unset:
            break;
    }
    return "\"end_turn\"";
}

Result<llm::Answer> read_answer(std::string_view body) {
    JsonScanner scan(body);
    scan.skip_space();
    if (scan.peek() != JsonKind::object) return bad_answer("the body is no JSON object");
    llm::Answer answer;
    auto& choice = answer.choices.emplace_back();
    llm::Text type, reason;
    std::string_view usage, error;
    bool has_content = false;
    bool const ok = each_member(scan, [&](std::string_view name) {
        if (name == "type") return take_text(scan, type);
        if (name == "id") return take_text(scan, answer.id);
        if (name == "model") return take_text(scan, answer.model);
        if (name == "usage") return take_json_or_null(scan, usage);
        if (name == "error") return take_json_or_null(scan, error);
        if (name == "stop_reason") return take_text(scan, reason);
        if (name == "stop_sequence") return take_text(scan, choice.stop_sequence);
        if (name == "content" && scan.peek() == JsonKind::array) {
            has_content = true;
            return each_element(scan, [&] { return read_block(scan, choice.blocks); });
        }
        return scan.skip_value(0);
    });
    bool const is_right = ok && scan.expect_end() && codec::is_valid_utf8(body);
    if (!is_right) return bad_answer("the body is not valid JSON");
    if (type.is("error") || !error.empty()) return read_fault(body);
    if (!has_content) return bad_answer("an answer without content");
    if (!usage.empty()) UsageReader().take(usage, answer.usage);
    choice.reason = stop_reason_of(reason);
    choice.native_reason = reason.json;
    return answer;
}

std::string write_answer(llm::Answer const& answer, WriterOptions const& options, Losses& losses) {
    return AnswerWriter(answer, options, losses).run();
}

}  // namespace sluice::dialect::anthropic
