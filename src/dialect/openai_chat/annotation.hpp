// Links in an answer's text: `annotations`, whole or of a delta. Called by the readers of answers;
// calls common/walk.
#pragma once

#include "sluice/llm/message.hpp"

#include "dialect/common/walk.hpp"

namespace sluice::dialect::openai {

// {"type":"url_citation","url_citation":{"start_index","end_index","url","title"}}
bool read_annotation(JsonScanner& scan, llm::Citation& out);

// f(citation) for each; `json`: the list, checked before.
template <class F>
void each_annotation(std::string_view json, F&& f) {
    JsonScanner scan(json);
    if (scan.peek() != JsonKind::array) return;
    (void)each_element(scan, [&] {
        if (scan.peek() != JsonKind::object) return scan.skip_value(0);
        llm::Citation citation;
        if (!read_annotation(scan, citation)) return false;
        f(citation);
        return true;
    });
}

}  // namespace sluice::dialect::openai
