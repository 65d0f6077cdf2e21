// Listener addresses and upstream URLs as words: checked and normalised, never resolved. Called by
// the description and by validate; calls inet_pton.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::config {

struct Address {
    std::string host;  // "127.0.0.1", "::1"; "" for a Unix socket
    int port = 0;      // 0 = any free one
    std::string unix_path;

    [[nodiscard]] bool is_loopback() const;  // a Unix socket counts: nobody outside reaches it
    [[nodiscard]] std::string text() const;  // "127.0.0.1:8080", "[::1]:8080", "unix:/path"
};

// "127.0.0.1:8080", "localhost:8080", "[::1]:8080", "unix:/run/sluice.sock". On failure nullopt and
// `why`, to follow a path: "must be ...".
std::optional<Address> parse_address(std::string_view text, std::string& why);

struct Url {
    bool is_tls = false;
    std::string host;
    std::string user_info;  // "user:password", secret
    std::string text;       // without user info, without a trailing slash
};

std::optional<Url> parse_url(std::string_view text, std::string& why);

bool is_loopback_host(std::string_view host);  // a literal, or "localhost"

}  // namespace sluice::config
