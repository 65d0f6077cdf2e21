// SHA-256 (FIPS 180-4) for the start-up path: config hashes a client key that stands in clear.
// The data plane uses codec/sha256.hpp, which calls OpenSSL; base links nothing.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// 64 lower-case hex digits.
std::string sha256_hex(std::string_view text);

}  // namespace sluice
