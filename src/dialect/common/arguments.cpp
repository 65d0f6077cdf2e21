#include "dialect/common/arguments.hpp"

#include <algorithm>

#include "base/json_text.hpp"
#include "codec/json_walk.hpp"
#include "dialect/common/inner_once.hpp"

namespace sluice::dialect {
namespace {

// Levels kept for what the object is put into.
constexpr std::size_t depth_around = 32;

bool is_object(std::string_view text) {
    codec::JsonScanner scan(text);
    scan.skip_space();
    return scan.peek() == codec::JsonKind::object && scan.skip_value(depth_around, InnerOnce{}) &&
           scan.expect_end();
}

}  // namespace

std::string arguments_object(std::string text) {
    if (text.find_first_not_of(" \t\r\n") == text.npos) return "{}";
    if (is_object(text)) return text;
    std::string kept = "{\"arguments\":";
    append_json_string(kept, text);
    return kept + '}';
}

void ArgumentsEnd::feed(llm::Text fragment) noexcept {
    auto const inner = fragment.inner();
    for (std::size_t at = 0; at < inner.size(); ++at) {
        if (inner[at] != '\\' || at + 1 == inner.size()) {
            take(inner[at]);
            continue;
        }
        auto const c = inner[++at];
        if (c != 'u') {
            take(c == '"' || c == '\\' ? c : ' ');  // a line end or a tab, or a slash
            continue;
        }
        // Some escape quotes and brackets by number.
        auto const code = inner.substr(std::min(at + 1, inner.size()), 4);
        at += code.size();
        take(code == "0022"                     ? '"'
             : code == "005c" || code == "005C" ? '\\'
             : code == "007b" || code == "007B" ? '{'
             : code == "007d" || code == "007D" ? '}'
                                                : ' ');
    }
}

void ArgumentsEnd::take(char c) noexcept {
    if (in_string_) {
        if (is_escaped_) {
            is_escaped_ = false;
        } else if (c == '\\') {
            is_escaped_ = true;
        } else if (c == '"') {
            in_string_ = false;
        }
        return;
    }
    switch (c) {
        case '"':
            in_string_ = true;
            return;
        case '{':
        case '[':
            ++depth_;
            return;
        case '}':
        case ']':
            if (depth_ > 0 && --depth_ == 0) is_whole_ = true;
            return;
        default:
            return;
    }
}

}  // namespace sluice::dialect
