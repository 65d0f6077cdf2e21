// The identity of an endpoint. See upstream_stream.hpp.
#include "net/upstream_stream.hpp"

#include <array>
#include <openssl/evp.h>

#include "net/tls.hpp"

namespace sluice::net {
namespace {

// Proxy URLs hold credentials, and an identity may be shown: only their digest goes in.
std::string digest(std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), bytes.data(), &size, EVP_sha256(), nullptr);
    constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < 16; ++i) {
        out += digits[bytes[i] >> 4];
        out += digits[bytes[i] & 15];
    }
    return out;
}

}  // namespace

void Endpoint::seal() {
    // Parts are told apart by their lengths, so that no two endpoints read the same.
    identity_.clear();
    auto const add = [this](std::string_view part) {
        identity_.append(std::to_string(part.size())).append(":").append(part).append("|");
    };
    add(scheme);
    add(host);
    add(std::to_string(port));
    add(sni);
    add(tls ? digest(tls->identity()) : "");
    add(proxy.empty() ? "" : digest(proxy));
}

}  // namespace sluice::net
