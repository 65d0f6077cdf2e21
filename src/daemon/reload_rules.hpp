// Which settings take effect while sluice runs, and which need a restart. Everything that is not
// listed as live needs one: a new setting is on the safe side until somebody says otherwise here.
//
// Called by the reload. Pure. docs/guide/operate.md has the same list in words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"
#include "endpoint/admin/reload.hpp"

namespace sluice::daemon {

// `path` as of config::changed_paths: "server.listeners[0].address".
bool is_live(std::string_view path);

// One reason for each of the changed paths that is not live.
std::vector<endpoint::ReloadReport::Reason> restart_reasons(std::vector<std::string> const& changed,
                                                            config::Document const& wanted);

}  // namespace sluice::daemon
