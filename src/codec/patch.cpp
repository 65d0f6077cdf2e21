// Gathering patches of include/sluice/dialect.hpp: for the dialects' edits and the guards'.
#include <cassert>

#include "sluice/dialect.hpp"

namespace sluice {

BlockVector<std::string_view> gather(std::string_view body, Patches const& patches) {
    BlockVector<std::string_view> pieces;
    pieces.reserve(2 * patches.size() + 1);
    std::size_t at = 0;
    auto const add = [&](std::string_view piece) {
        if (!piece.empty()) pieces.push_back(piece);
    };
    for (auto const& patch : patches) {
        assert(patch.offset >= at && patch.offset + std::size_t{patch.length} <= body.size());
        add(body.substr(at, patch.offset - at));
        add(patch.replacement);
        at = patch.offset + std::size_t{patch.length};
    }
    add(body.substr(at));
    return pieces;
}

}  // namespace sluice
