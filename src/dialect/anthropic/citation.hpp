// Where a text of an answer comes from, both ways. Called by the readers and writers of answers;
// calls common/walk.
#pragma once

#include <string>
#include <vector>

#include "sluice/llm/message.hpp"

#include "dialect/common/walk.hpp"

namespace sluice::dialect::anthropic {

// {"type":"web_search_result_location","url","title","encrypted_index","cited_text"} and the other
// kinds, which have no url; what is no object is passed over.
bool read_citation(JsonScanner& scan, std::vector<llm::Citation>& out);
// False: it has no place here, and nothing was appended.
bool append_citation(std::string& out, llm::Citation const& citation);

}  // namespace sluice::dialect::anthropic
