// What sluice needs to know of an anthropic request. The model's name is all there is to edit for a
// target of the same dialect, as usage is reported unasked. Called through the Dialect table.
#pragma once

#include <string_view>

#include "sluice/dialect.hpp"

namespace sluice::dialect::anthropic {

// POST /v1/messages. Error: see Codec::read_request.
Result<RequestFacts> read_request(std::string_view body);
// POST /v1/messages/count_tokens: the same without max_tokens.
Result<RequestFacts> read_count_request(std::string_view body);

}  // namespace sluice::dialect::anthropic
