// The usage object of the openai_chat dialect, with the extras its look-alikes add.
// Called by both answer readers; calls codec/json_walk.
#pragma once

#include <string_view>

#include "sluice/llm/usage.hpp"

#include "codec/json_walk.hpp"

namespace sluice::dialect::openai {

// Takes over what `object` reports. What stands in `usage` stays when it reports no token count
// (null, {}, text). Precondition: `object` is one valid JSON value.
void read_usage(std::string_view object, llm::Usage& usage);
// The same of the value the scanner stands at, which is walked on the way, with `depth` containers
// around it; false: it is broken. What is no object, larger than `bytes_max` or no UTF-8 reports
// nothing.
bool walk_usage(codec::JsonScanner& scan, std::size_t depth, std::size_t bytes_max,
                llm::Usage& usage);

}  // namespace sluice::dialect::openai
