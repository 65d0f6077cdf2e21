// The formats of keys and tokens, as words. Each is a pattern in a small part of the language of
// regular expressions: literals, and classes with a count ([a-z]{8} or [a-z]{8,40}). It matches
// from left to right without going back, so a class never holds the byte that must follow it. A
// letter or digit before it, or a further byte of its last class behind it, make it none. Private
// keys in PEM have no line here: secrets.cpp finds them by their head.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::guard {

enum class SecretCheck : std::uint8_t {
    entropy,   // Shannon's, of all of it: 3 bits a byte
    crc32_62,  // the last six are the CRC-32 of the thirty before, in base 62
    jwt,       // its head is a JSON object with "alg" or "typ"
};

struct SecretFormat {
    std::string_view name;
    std::string_view pattern;
    SecretCheck check = SecretCheck::entropy;
};

std::span<SecretFormat const> secret_formats() noexcept;

}  // namespace sluice::guard
