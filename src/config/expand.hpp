// ${NAME} and ${NAME:-default} inside a scalar. Called by Reader; calls the environment lookup.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/load.hpp"

namespace sluice::config {

struct Expanded {
    std::string text;
    std::vector<std::string> variables;  // in the order they stand
    std::vector<std::string> missing;    // not set, and no default
    std::string error;                   // "" or what is wrong with the reference itself; no value
};

// "$$" is a dollar sign. As in a shell, ":-" also takes the place of an empty value.
Expanded expand(std::string_view raw, LoadOptions::Lookup const& env);

}  // namespace sluice::config
