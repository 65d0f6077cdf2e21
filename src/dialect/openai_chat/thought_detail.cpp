#include "dialect/openai_chat/thought_detail.hpp"

namespace sluice::dialect::openai {

bool read_thought_detail(JsonScanner& scan, ThoughtDetail& out) {
    llm::Text format;
    bool const ok = each_member(scan, [&](std::string_view name) {
        if (name == "text" || name == "summary") return take_text(scan, out.text);
        if (name == "signature") return take_text(scan, out.signature);
        if (name == "data") return take_text(scan, out.data);
        if (name == "format") return take_text(scan, format);
        if (name == "index") return take_integer(scan, out.index);
        return scan.skip_value(0);
    });
    // Some name a version behind it.
    bool const is_known = format.is("anthropic") || format.inner().starts_with("anthropic-");
    if (is_known) {
        out.dialect = "anthropic";
    } else {  // nobody could be given them back
        out.signature = out.data = {};
    }
    return ok;
}

}  // namespace sluice::dialect::openai
