// Base64 (RFC 4648 section 4), with padding. Called by the mock's embeddings, Basic credentials and
// tests; calls nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::codec {

std::string to_base64(std::string_view bytes);
// Strict: padded, no white space, no stray bits in the last group.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace sluice::codec
