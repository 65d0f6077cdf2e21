// A JSON value that satisfies a JSON schema, for tool arguments and structured output. Knows what
// models are asked with: types, enum, const, required, $ref, anyOf, bounds; not pattern.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace sluice::provider::mock {

// `text` fills strings that nothing else is said of. Always the same for the same arguments.
nlohmann::json instance_of(nlohmann::json const& schema, std::string const& text);

}  // namespace sluice::provider::mock
