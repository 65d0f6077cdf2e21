#include "dialect/openai_chat/annotation.hpp"

namespace sluice::dialect::openai {

bool read_annotation(JsonScanner& scan, llm::Citation& out) {
    auto const from = scan.offset();
    bool const ok = each_member(scan, [&](std::string_view name) {
        if (name != "url_citation" || scan.peek() != JsonKind::object) return scan.skip_value(0);
        return each_member(scan, [&](std::string_view inner) {
            if (inner == "url") return take_text(scan, out.url);
            if (inner == "title") return take_text(scan, out.title);
            return scan.skip_value(0);
        });
    });
    out.json = scan.since(from);
    out.dialect = "openai_chat";
    return ok;
}

}  // namespace sluice::dialect::openai
