// An anthropic request body (POST /v1/messages) as a neutral request. Called by the translated
// lane, behind read_request (so the body is checked JSON); calls common/walk.
#pragma once

#include <string_view>

#include "sluice/llm/request.hpp"
#include "sluice/result.hpp"

namespace sluice::dialect::anthropic {

// Views into `body`. Error invalid_request: something has the wrong shape.
Result<llm::Request> read_chat(std::string_view body);

}  // namespace sluice::dialect::anthropic
