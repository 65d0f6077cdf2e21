// What sluice needs to know of an anthropic request, and the edits that make it right for a target
// of the same dialect. Called through the Dialect table; calls codec/json_walk.
#pragma once

#include <string_view>

#include "sluice/dialect.hpp"

namespace sluice::dialect::anthropic {

// POST /v1/messages. Error: see Codec::read_request.
Result<RequestFacts> read_request(std::string_view body);
// POST /v1/messages/count_tokens: the same without max_tokens.
Result<RequestFacts> read_count_request(std::string_view body);
// The model's name is all there is to change: this dialect reports usage unasked.
Patches patch_request(RequestFacts const& facts, std::string_view body,
                      std::string_view upstream_model, bool ask_usage);

}  // namespace sluice::dialect::anthropic
