#include "dialect/openai_chat/citation_details.hpp"

#include <algorithm>

#include "base/json_text.hpp"
#include "dialect/common/one_line.hpp"

namespace sluice::dialect::openai {
namespace {

void append_place(std::string& out, std::size_t start, std::size_t end) {
    out += "\"start_index\":";
    append_number(out, start);
    out += ",\"end_index\":";
    append_number(out, end);
}

}  // namespace

void CitationLists::add(llm::Citation const& citation, std::size_t start, std::size_t end) {
    if (citation.dialect == "openai_chat") {  // its places are its own
        if (!annotations_.empty()) annotations_ += ',';
        append_one_line(annotations_, citation.json);
        return;
    }
    if (citation.url.exists()) {
        annotations_ += annotations_.empty() ? "" : ",";
        annotations_ += "{\"type\":\"url_citation\",\"url_citation\":{";
        append_place(annotations_, start, end);
        annotations_.append(",\"url\":").append(citation.url.json).append(",\"title\":");
        annotations_.append(citation.title.exists() ? citation.title.json : "\"\"").append("}}");
    }
    details_.append(details_.empty() ? "{" : ",{");
    append_place(details_, start, end);
    details_.append(",\"format\":\"").append(citation.dialect).append("\",\"citation\":");
    append_one_line(details_, citation.json);
    details_ += '}';
}

std::size_t characters_of(llm::Text text) noexcept {
    auto const inner = text.inner();
    std::size_t count = 0;
    for (std::size_t at = 0; at < inner.size(); ++at) {
        auto const c = static_cast<unsigned char>(inner[at]);
        if (c == '\\') {
            ++at;
            if (at < inner.size() && inner[at] == 'u') {
                // \uDC00 to \uDFFF, the second half of a pair, is no character of its own.
                auto const code = inner.substr(std::min(at + 1, inner.size()), 2);
                bool const is_second = code.size() == 2 && (code[0] | 0x20) == 'd' &&
                                       (code[1] | 0x20) >= 'c' && (code[1] | 0x20) <= 'f';
                at += 4;
                if (is_second) continue;
            }
        } else if ((c & 0xC0U) == 0x80U) {
            continue;  // goes on with the one before
        }
        ++count;
    }
    return count;
}

}  // namespace sluice::dialect::openai
