// What came of loading the configuration again, and how POST /admin/reload tells it.
//
// Written by daemon, which does the reloading. Holds no secret and no value from the configuration.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "endpoint/admin/page.hpp"

namespace sluice::endpoint {

struct ReloadReport {
    enum class Outcome : std::uint8_t {
        applied,        // every worker has taken it
        late,           // published, but some worker has not taken it in time
        invalid,        // it does not load or cannot be built; the old one stays
        needs_restart,  // it changes what cannot change while running; the old one stays
        unavailable,    // nowhere to load from, or sluice is shutting down
    };
    struct Reason {
        std::string message;
        std::string file;  // "" where a reason has no place
        int line = 0;
        int column = 0;
    };

    Outcome outcome = Outcome::unavailable;
    std::uint64_t version = 0;         // of the configuration that runs now; 1 = as started
    std::vector<Reason> reasons;       // why it was refused: all of them
    std::vector<Reason> warnings;      // of a configuration that was applied
    std::vector<std::string> changed;  // settings, as paths
    std::vector<std::string> files;    // files whose content changed

    [[nodiscard]] bool is_applied() const noexcept {
        return outcome == Outcome::applied || outcome == Outcome::late;
    }
};

// 200 applied; 422 invalid; 409 needs_restart; 503 late or unavailable.
AdminAnswer to_answer(ReloadReport const& report);
// "file:line:column: message"
std::string to_text(ReloadReport::Reason const& reason);

}  // namespace sluice::endpoint
