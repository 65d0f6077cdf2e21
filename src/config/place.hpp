// Where something stands in the configuration's files, and what is wrong there.
#pragma once

#include <string>

namespace sluice::config {

// Where a value stands, for messages of later stages.
struct Place {
    std::string file;
    int line = 0;    // from 1
    int column = 0;  // from 1
};

struct Problem {
    enum class Severity { error, warning };
    Place place;
    std::string message;  // what is wrong and what to write instead; no secret
    Severity severity = Severity::error;
};

}  // namespace sluice::config
