// SHA-256 of a whole text, and lower-case hex. Called by key lookup and config; calls OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::codec {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(std::string_view text) noexcept;

std::string to_hex(std::string_view bytes);
std::string to_hex(Sha256 const& digest);
// 64 hex digits in either case; nothing else.
std::optional<Sha256> sha256_from_hex(std::string_view hex) noexcept;
// Without an early exit: time says nothing about where two digests differ.
bool equal_in_constant_time(Sha256 const& a, Sha256 const& b) noexcept;

}  // namespace sluice::codec
