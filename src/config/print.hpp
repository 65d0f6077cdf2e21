// A loaded configuration written out again: every setting with its value, defaults and inherited
// ones included, secrets masked. For `check --print`, GET /admin/config and what a reload changed.
// Pure. Called by daemon.
#pragma once

#include <string>
#include <vector>

#include "config/document.hpp"
#include "config/shape.hpp"

namespace sluice::config {

Json to_json(Document const& document);
std::string to_yaml(Json const& value);

// Settings by which two configurations differ, as paths: "server.drain_ms",
// "providers.up.base_url", "server.listeners[0].address". A secret whose value changed is named
// like any other; no value is ever in a path. An entry that came or went is named as a whole.
std::vector<std::string> changed_paths(Document const& before, Document const& after);

}  // namespace sluice::config
