// A configuration written out again, one entry a line, with one thing wrong: a setting misspelt, a
// value of another type, a number out of range, a word that is not a choice.
#pragma once

#include <cstddef>
#include <string>

#include "config/tree.hpp"
#include "unit/config/examples.hpp"

namespace sluice::config {

struct Mutation {
    enum class What { none, misspelt, wrong_type, too_small, too_large, no_choice };

    What what = What::none;
    std::string name;  // of the setting, or the value's place in the description
    std::string text;  // YAML
    int line = 0;      // where the wrong thing stands in it
};

std::size_t mutation_count(Node const& root);
// `index` from 0 to mutation_count - 1; the count itself is the text with nothing wrong.
Mutation mutate(Node const& root, std::size_t index);

// The files of an example as one tree.
NodePtr merged_root(Example const& example);

}  // namespace sluice::config
