#include "base/sha256.hpp"

#include <array>
#include <cstdlib>
#include <openssl/evp.h>

namespace sluice {

std::string sha256_hex(std::string_view text) {
    std::array<unsigned char, 32> digest{};
    // It can only fail when the library is broken; a wrong hash must not let anybody in.
    if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
        std::abort();
    }
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    hex.reserve(2 * digest.size());
    for (auto const byte : digest) {
        hex += digits[byte >> 4U];
        hex += digits[byte & 15U];
    }
    return hex;
}

}  // namespace sluice
