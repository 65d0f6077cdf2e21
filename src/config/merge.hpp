// Several files as one configuration. Called by load.cpp.
#pragma once

#include <vector>

#include "config/tree.hpp"

namespace sluice::config {

// The sections of all roots, name by name; a name that two files define is a problem with both
// places. Each root is a map or nothing.
NodePtr merge_roots(std::vector<NodePtr> const& roots, std::vector<Problem>& problems);

}  // namespace sluice::config
