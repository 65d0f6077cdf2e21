// What the matches of an operator's pattern begin with, read off the pattern itself. Called when a
// pattern is compiled. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "guard/lead.hpp"

namespace sluice::guard {

// Every match of the pattern (PCRE2, UTF, no UCP) begins as one of these says; perhaps nothing
// does. Empty: the pattern holds something that is not understood here, or begins with too much.
std::vector<Lead> leads_of(std::string_view pattern);

}  // namespace sluice::guard
