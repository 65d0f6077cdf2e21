// See document.hpp.
#include "config/document.hpp"

#include <algorithm>

#include "config/kind.hpp"

namespace sluice::config {

bool Provider::is_available() const {
    // Keys that were written down are needed, also where the kind could do without.
    if (kind == mock_kind || (!needs_credential && keys.empty())) return true;
    return std::any_of(keys.begin(), keys.end(),
                       [](auto const& key) { return !key.value.empty(); });
}

bool Guardrail::scans(std::string_view way) const {
    return std::find(scan.begin(), scan.end(), way) != scan.end();
}

Provider const* Document::provider(std::string_view name) const {
    auto const found = std::find_if(providers.begin(), providers.end(),
                                    [name](auto const& known) { return known.name == name; });
    return found == providers.end() ? nullptr : &*found;
}

}  // namespace sluice::config
