// NameHashes: the identity hashes of names that requests said lately. A hash is a SHA-256, which
// costs more than all the limits of a user together; most requests of a moment name the same few.
// One worker's. Called by asking.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::stage {

class NameHashes {
  public:
    // What store::identity_hash() says of `name`.
    std::uint64_t of(std::string_view name);

  private:
    static constexpr std::size_t places = 256;
    static constexpr std::size_t name_bytes_max = 128;  // longer ones are reckoned each time

    struct Place {
        std::string name;
        std::uint64_t hash = 0;  // 0: free
    };
    std::array<Place, places> places_;
};

}  // namespace sluice::stage
