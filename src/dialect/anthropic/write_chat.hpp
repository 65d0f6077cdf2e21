// A neutral request as an anthropic body. Called by the translated lane; calls json, schema.
#pragma once

#include <string>

#include "sluice/llm/request.hpp"
#include "sluice/llm/target.hpp"
#include "sluice/loss.hpp"
#include "sluice/result.hpp"

namespace sluice::dialect::anthropic {

// `losses`: what this dialect has no place for, as the caller's dialect names it.
Result<std::string> write_chat(llm::Request const& request, llm::TargetView const& target,
                               Losses& losses);

}  // namespace sluice::dialect::anthropic
