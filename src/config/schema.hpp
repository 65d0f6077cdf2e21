// The description as files for people and editors. Called by the tests that compare
// config/schema/sluice.schema.json and docs/reference/config.md with it.
#pragma once

#include <string>

namespace sluice::config {

std::string make_schema();          // JSON Schema 2020-12, with a line end
std::string make_reference_page();  // Markdown, with a line end

}  // namespace sluice::config
