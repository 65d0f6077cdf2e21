#include "dialect/anthropic/citation.hpp"

namespace sluice::dialect::anthropic {
namespace {

constexpr std::string_view name_of_dialect = "anthropic";

}  // namespace

bool read_citation(JsonScanner& scan, std::vector<llm::Citation>& out) {
    if (scan.peek() != JsonKind::object) return scan.skip_value(0);
    auto const from = scan.offset();
    llm::Citation citation;
    bool const ok = each_member(scan, [&](std::string_view name) {
        if (name == "url") return take_text(scan, citation.url);
        if (name == "title") return take_text(scan, citation.title);
        return scan.skip_value(0);
    });
    citation.json = scan.since(from);
    citation.dialect = name_of_dialect;
    if (ok) out.push_back(citation);
    return ok;
}

bool append_citation(std::string& out, llm::Citation const& citation) {
    if (citation.dialect == name_of_dialect) {
        out += citation.json;
        return true;
    }
    if (!citation.url.exists()) return false;
    out.append("{\"type\":\"web_search_result_location\",\"url\":").append(citation.url.json);
    out.append(",\"title\":").append(citation.title.exists() ? citation.title.json : "null");
    out += ",\"encrypted_index\":\"\",\"cited_text\":\"\"}";
    return true;
}

}  // namespace sluice::dialect::anthropic
