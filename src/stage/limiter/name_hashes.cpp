#include "stage/limiter/name_hashes.hpp"

#include <functional>

#include "store/memory/cell_table.hpp"

namespace sluice::stage {

std::uint64_t NameHashes::of(std::string_view name) {
    if (name.size() > name_bytes_max) return store::identity_hash(name);
    auto& place = places_[std::hash<std::string_view>{}(name) % places];
    if (place.hash == 0 || place.name != name) {
        place.name = name;
        place.hash = store::identity_hash(name);
    }
    return place.hash;
}

}  // namespace sluice::stage
