// Words of messages: places, quoted names, "did you mean". Nothing here ever shows a value: only
// names (of fields, providers, routes), and even those not when they look like a secret.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"

namespace sluice::config {

std::string to_text(Place const& place);      // "sluice.yaml:3:5"
std::string to_text(Problem const& problem);  // "sluice.yaml:3:5: error: ..."

// The name in quotes, bounded, control bytes escaped; a placeholder for what looks like a secret.
std::string in_quotes(std::string_view name);

// "; did you mean "x"?", else "; known here: a, b, c", else "".
std::string suggestion(std::string_view name, std::vector<std::string> const& known);

std::string joined(std::vector<std::string> const& words, std::string_view between = ", ");

}  // namespace sluice::config
