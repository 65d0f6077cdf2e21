// SHA-256 of a text as hex, for the start-up path: config hashes a client key that stands in clear.
// The data plane uses codec/sha256.hpp, which keeps the algorithm at hand.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// 64 lower-case hex digits.
std::string sha256_hex(std::string_view text);

}  // namespace sluice
