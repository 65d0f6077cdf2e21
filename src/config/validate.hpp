// What no single setting can tell: references, ties, loopback rules, the mock's place. Pure but for
// the options it is given. Called by load.cpp.
#pragma once

#include <vector>

#include "config/load.hpp"
#include "config/reader.hpp"

namespace sluice::config {

// What is worth checking: false where the section could not be read at all.
struct KnownNames {
    bool providers = true;
    bool routes = true;
    bool credentials = true;  // every setting was read: what is unavailable is so for want of a key
};

// Also sets Document::trial. Problems are appended.
void validate(Document& document, std::vector<ModelReference> const& references, KnownNames known,
              LoadOptions const& options, std::vector<Problem>& problems);

// `server.listeners` as it is when nobody said anything, then SLUICE_LISTEN, SLUICE_ADMIN_LISTEN.
void settle_addresses(Document& document, LoadOptions const& options,
                      std::vector<Problem>& problems);

}  // namespace sluice::config
