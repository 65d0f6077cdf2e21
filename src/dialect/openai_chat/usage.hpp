// The usage object of the openai_chat dialect, with the extras its look-alikes add.
// Called by both answer readers; calls codec/json_walk.
#pragma once

#include <string_view>

#include "sluice/llm/usage.hpp"

namespace sluice::dialect::openai {

// Takes over what `object` reports. What stands in `usage` stays when it reports no token count
// (null, {}, text). Precondition: `object` is one valid JSON value.
void read_usage(std::string_view object, llm::Usage& usage);

}  // namespace sluice::dialect::openai
