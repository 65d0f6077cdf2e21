// A JSON schema as Anthropic's structured output takes it: keywords it refuses are left out, oneOf
// becomes anyOf, every object says additionalProperties: false. Pure.
#pragma once

#include <string>
#include <string_view>

namespace sluice::dialect::anthropic {

// Appends the schema; true when something was left out.
bool append_schema(std::string& out, std::string_view schema);

}  // namespace sluice::dialect::anthropic
