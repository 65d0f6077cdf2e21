#include "dialect/openai_chat/choice_delta.hpp"

namespace sluice::dialect::openai {
namespace {

// A string; some send parts.
bool read_content(JsonScanner& scan, ChoiceDelta& out) {
    llm::Text text;
    if (scan.peek() != JsonKind::array) {
        if (!take_text(scan, text)) return false;
        if (!text.is_empty()) out.contents.push_back(text);
        return true;
    }
    return each_element(scan, [&] {
        if (scan.peek() != JsonKind::object) return scan.skip_value(4);
        return each_member(scan, [&](std::string_view name) {
            if (name != "text") return scan.skip_value(5);
            if (!take_text(scan, text)) return false;
            if (!text.is_empty()) out.contents.push_back(text);
            return true;
        });
    });
}

bool read_call(JsonScanner& scan, ChoiceDelta& out) {
    if (scan.peek() != JsonKind::object) return scan.skip_value(4);
    auto& call = out.calls.emplace_back();
    return each_member(scan, [&](std::string_view name) {
        if (name == "index") return take_integer(scan, call.index);
        if (name == "id") return take_text(scan, call.id);
        if (name != "function" || scan.peek() != JsonKind::object) return scan.skip_value(5);
        return each_member(scan, [&](std::string_view inner) {
            if (inner == "name") return take_text(scan, call.name);
            if (inner == "arguments") return take_text(scan, call.arguments);
            return scan.skip_value(6);
        });
    });
}

bool read_delta(JsonScanner& scan, ChoiceDelta& out) {
    return each_member(scan, [&](std::string_view name) {
        switch (name.size()) {
            case 7:
                if (name == "content") return read_content(scan, out);
                if (name == "refusal") return take_text(scan, out.refusal);
                break;
            case 9:
                if (name != "reasoning") break;
                [[fallthrough]];
            case 17:
                if (name == "reasoning" || name == "reasoning_content") {
                    llm::Text text;
                    if (!take_text(scan, text)) return false;
                    if (text.exists()) out.reasoning = text;
                    return true;
                }
                if (name == "reasoning_details") {
                    return read_thought_details(
                        scan, [&](ThoughtDetail const& one) { out.thoughts.push_back(one); });
                }
                break;
            case 10:
                if (name == "tool_calls" && scan.peek() == JsonKind::array) {
                    return each_element(scan, [&] { return read_call(scan, out); });
                }
                break;
            case 11:
                if (name == "annotations") return take_json_or_null(scan, out.annotations);
                break;
            default:
                break;
        }
        return scan.skip_value(3);
    });
}

}  // namespace

void ChoiceDelta::clear() noexcept {
    index.reset();
    contents.clear();
    reasoning = refusal = finish = {};
    logprobs = annotations = {};
    thoughts.clear();
    calls.clear();
}

bool read_choice_delta(JsonScanner& scan, ChoiceDelta& out) {
    return each_member(scan, [&](std::string_view name) {
        if (name == "index") return take_integer(scan, out.index);
        if (name == "delta" && scan.peek() == JsonKind::object) return read_delta(scan, out);
        if (name == "finish_reason") return take_text(scan, out.finish);
        if (name == "logprobs") return take_json_or_null(scan, out.logprobs);
        return scan.skip_value(2);
    });
}

}  // namespace sluice::dialect::openai
