// A UsageReport as text: JSON, CSV (RFC 4180) or a table for a terminal. Pure. Called by
// endpoint/admin and the command `usage`. docs/reference/usage_api.md describes the columns.
#pragma once

#include <string>

#include "store/usage/query.hpp"

namespace sluice::store {

std::string to_json(UsageReport const& report);
// Values that a spreadsheet would take for a formula get an apostrophe before them.
std::string to_csv(UsageReport const& report);
// Control bytes in values are shown as '?'.
std::string to_table(UsageReport const& report);
std::string to_text(UsageReport const& report, UsageFormat format);

// Decimal digits, exact.
std::string to_digits(Wide value);

}  // namespace sluice::store
