// A channel is a block and what is added to it. What a block holds when it opens is looked at by
// itself, but for its text, which goes on in the deltas.
#include "dialect/anthropic/texts.hpp"

#include "base/json_text.hpp"
#include "dialect/common/walk.hpp"

namespace sluice::dialect::anthropic {
namespace {

enum Member : std::uint8_t { other, text, thinking, partial_json };

bool is_no_text(std::string_view name) noexcept {
    return name == "type" || name == "id" || name == "tool_use_id" || name == "signature" ||
           name == "data" || name == "encrypted_content" || name == "encrypted_index" ||
           name == "media_type" || name == "file_id" || name == "role";
}

class Walk {
  public:
    Walk(JsonScanner& scan, std::vector<TextPlace>& places, std::uint32_t part)
        : scan_(scan), places_(places), part_(part) {}

    // A block, or a delta of one.
    bool members() {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(2);
        return each_member(scan_, [&](std::string_view name) {
            if (name == "text") return take(text, TextKind::text, "text");
            if (name == "thinking") return take(thinking, TextKind::text, "thinking");
            if (name == "partial_json") {
                return take(partial_json, TextKind::arguments, "tool input");
            }
            if (is_no_text(name)) return scan_.skip_value(2);
            return take_any(name == "input" ? "tool input" : "content");
        });
    }

  private:
    bool take(Member member, TextKind kind, std::string_view name) {
        llm::Text value;
        if (!take_text(scan_, value)) return false;
        if (value.exists()) places_.push_back({value.json, kind, 0, part_, member, true, name});
        return true;
    }

    bool take_any(std::string_view name) {
        std::string_view json;
        if (!take_json(scan_, json)) return false;
        bool const may_hold_text =
            json.front() == '"' || json.front() == '{' || json.front() == '[';
        if (may_hold_text) {
            places_.push_back({json, TextKind::json, 0, part_, other, false, name});
        }
        return true;
    }

    JsonScanner& scan_;
    std::vector<TextPlace>& places_;
    std::uint32_t part_;
};

bool read_content(std::string_view content, std::vector<TextPlace>& out) {
    JsonScanner scan(content);
    std::uint32_t part = 0;
    return each_element(scan, [&] { return Walk(scan, out, part++).members(); });
}

bool read_event(std::string_view data, EventTexts& out) {
    JsonScanner scan(data);
    scan.skip_space();
    if (scan.peek() != JsonKind::object) return false;
    llm::Text type;
    std::optional<std::int64_t> index;
    std::string_view block, delta, message;
    bool const ok = each_member(scan, [&](std::string_view name) {
        if (name == "type") return take_text(scan, type);
        if (name == "index") return take_integer(scan, index);
        if (name == "content_block") return take_json(scan, block);
        if (name == "delta") return take_json(scan, delta);
        if (name == "message") return take_json(scan, message);
        return scan.skip_value(1);
    });
    if (!ok) return false;
    auto const part = static_cast<std::uint32_t>(index.value_or(0));
    if (type.is("content_block_start")) {
        out.opened.push_back({0, part, false});
        JsonScanner inner(block);
        return Walk(inner, out.places, part).members();
    }
    if (type.is("content_block_delta")) {
        JsonScanner inner(delta);
        return Walk(inner, out.places, part).members();
    }
    if (type.is("content_block_stop")) out.closed.push_back({0, part, false});
    if (type.is("message_delta") || type.is("message_stop")) out.ends_all = true;
    if (!type.is("message_start") || message.empty() || message.front() != '{') return true;
    JsonScanner inner(message);
    return each_member(inner, [&](std::string_view name) {
        if (name != "content" || inner.peek() != JsonKind::array) return inner.skip_value(1);
        std::string_view content;
        return take_json(inner, content) && read_content(content, out.places);
    });
}

bool read_whole(std::string_view body, std::vector<TextPlace>& out) {
    JsonScanner scan(body);
    scan.skip_space();
    if (scan.peek() != JsonKind::object) return false;
    return each_member(scan, [&](std::string_view name) {
        if (name != "content" || scan.peek() != JsonKind::array) return scan.skip_value(1);
        std::string_view content;
        return take_json(scan, content) && read_content(content, out);
    });
}

void append_delta(std::string& out, std::string_view, TextPlace const& channel,
                  std::string_view quoted) {
    std::string_view type = "text_delta", member = "text";
    if (channel.member == thinking) type = "thinking_delta", member = "thinking";
    if (channel.member == partial_json) type = "input_json_delta", member = "partial_json";
    out += "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":";
    append_number(out, channel.part);
    out.append(",\"delta\":{\"type\":\"").append(type).append("\",\"").append(member);
    out.append("\":").append(quoted).append("}}\n\n");
}

void append_end(std::string& out, std::string_view, std::span<TextUnit const> open) {
    for (auto const& unit : open) {
        out += "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":";
        append_number(out, unit.part);
        out += "}\n\n";
    }
    out +=
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
        "\"refusal\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":0}}\n\n"
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
}

constexpr AnswerTexts texts{read_event, read_whole, append_delta, append_end};

}  // namespace

AnswerTexts const& answer_texts() noexcept { return texts; }

}  // namespace sluice::dialect::anthropic
