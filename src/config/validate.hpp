// What no single setting can tell: references, ties, loopback rules, the mock's place. Pure but for
// the options it is given. Called by load.cpp.
#pragma once

#include <vector>

#include "config/load.hpp"
#include "config/reader.hpp"

namespace sluice::config {

// What the reading found out beside the document.
struct Findings {
    std::vector<ModelReference> references;
    std::vector<std::string> from_variables;  // see Reader
    // What is worth checking: false where the section could not be read at all.
    bool has_providers = true;
    bool has_routes = true;
    bool is_whole = true;  // every setting was read: what is unavailable is so for want of a key
};

// Also sets Document::trial. Problems are appended.
void validate(Document& document, Findings const& findings, LoadOptions const& options,
              std::vector<Problem>& problems);

// The same for what models cost. Called by validate().
void validate_prices(Document const& document, std::vector<Problem>& problems);

// `server.listeners` as it is when nobody said anything, then SLUICE_LISTEN, SLUICE_ADMIN_LISTEN.
void settle_addresses(Document& document, LoadOptions const& options,
                      std::vector<Problem>& problems);

}  // namespace sluice::config
