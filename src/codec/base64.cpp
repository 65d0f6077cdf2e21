// Base64, table-free but for the alphabet.
#include "codec/base64.hpp"

#include <cstdint>

namespace sluice::codec {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int sextet(char c) noexcept {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    return c == '/' ? 63 : -1;
}

}  // namespace

std::string to_base64(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            auto const byte =
                at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U;
            group = (group << 8U) | byte;
        }
        auto const filled = bytes.size() - at < 3 ? bytes.size() - at + 1 : 4;
        for (std::size_t i = 0; i < 4; ++i) {
            out += i < filled ? alphabet[(group >> (18U - 6U * i)) & 63U] : '=';
        }
    }
    return out;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    if (text.ends_with("==")) {
        padding = 2;
    } else if (text.ends_with('=')) {
        padding = 1;
    }
    std::string out;
    out.reserve(text.size() / 4 * 3);
    for (std::size_t at = 0; at < text.size(); at += 4) {
        std::uint32_t group = 0;
        std::size_t const filled = at + 4 == text.size() ? 4 - padding : 4;
        for (std::size_t i = 0; i < 4; ++i) {
            auto const value = i < filled ? sextet(text[at + i]) : 0;
            if (value < 0) return std::nullopt;
            group = (group << 6U) | static_cast<std::uint32_t>(value);
        }
        for (std::size_t i = 0; i < 3; ++i) {
            auto const byte = static_cast<char>((group >> (16U - 8U * i)) & 0xffU);
            if (i + 1 < filled) {
                out += byte;
            } else if (byte != 0) {
                return std::nullopt;
            }
        }
    }
    return out;
}

}  // namespace sluice::codec
