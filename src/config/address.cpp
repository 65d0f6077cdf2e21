// See address.hpp.
#include "config/address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>

namespace sluice::config {
namespace {

constexpr std::size_t unix_path_bytes_max = 107;  // sun_path, less its final zero
constexpr std::string_view expected =
    "must be an IP address and a port (127.0.0.1:8080, [::]:8443), localhost:8080, or "
    "unix:/path/to.sock";

std::optional<int> to_port(std::string_view digits) {
    int port = 0;
    auto const* end = digits.data() + digits.size();
    auto const [at, failure] = std::from_chars(digits.data(), end, port);
    if (failure != std::errc{} || at != end || port < 0 || port > 65535) return std::nullopt;
    return port;
}

bool is_ip(int family, std::string const& host) {
    std::array<unsigned char, 16> bytes{};
    return inet_pton(family, host.c_str(), bytes.data()) == 1;
}

bool is_host_text(std::string_view host) {
    return !host.empty() && host.size() <= 253 &&
           std::all_of(host.begin(), host.end(), [](unsigned char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '.' || c == '_';
           });
}

bool is_url_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return c > 0x20 && c < 0x7F && c != '"' && c != '<' && c != '>' && c != '\\' && c != '{' &&
               c != '}' && c != '|' && c != '^' && c != '`';
    });
}

// "host", "host:port", "[v6]:port": the host without brackets, or nullopt.
std::optional<std::string> host_of(std::string_view authority) {
    std::string_view port;
    std::string host;
    if (authority.starts_with('[')) {
        auto const end = authority.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        host = authority.substr(1, end - 1);
        port = authority.substr(end + 1);
        if (!is_ip(AF_INET6, host)) return std::nullopt;
    } else {
        host = authority.substr(0, authority.find(':'));
        port = authority.substr(host.size());
        if (!is_host_text(host)) return std::nullopt;
    }
    if (port.empty()) return host;
    auto const number = to_port(port.substr(1));
    if (!port.starts_with(':') || !number || *number == 0) return std::nullopt;
    return host;
}

}  // namespace

bool is_loopback_host(std::string_view host) {
    std::string const text(host);
    if (text == "localhost" || text == "::1") return true;
    if (text.starts_with("::ffff:127.")) return is_ip(AF_INET6, text);
    return text.starts_with("127.") && is_ip(AF_INET, text);
}

bool Address::is_loopback() const { return !unix_path.empty() || is_loopback_host(host); }

std::string Address::text() const {
    if (!unix_path.empty()) return "unix:" + unix_path;
    auto const is_v6 = host.find(':') != std::string::npos;
    return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<Address> parse_address(std::string_view text, std::string& why) {
    why = expected;
    Address address;
    if (text.starts_with("unix:")) {
        address.unix_path = text.substr(5);
        if (address.unix_path.starts_with('/') && address.unix_path.size() <= unix_path_bytes_max) {
            return address;
        }
        why = "must be unix: and an absolute path of at most 107 bytes";
        return std::nullopt;
    }
    auto const colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto const port = to_port(text.substr(colon + 1));
    if (!port) {
        why = "needs a port from 0 to 65535 behind the last colon";
        return std::nullopt;
    }
    address.port = *port;
    auto const host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        address.host = host.substr(1, host.size() - 2);
        if (is_ip(AF_INET6, address.host)) return address;
    } else if (host == "localhost") {
        address.host = "127.0.0.1";
        return address;
    } else {
        address.host = host;
        if (is_ip(AF_INET, address.host)) return address;
        if (is_ip(AF_INET6, address.host)) {
            why = "must have brackets around an IPv6 address: [::1]:8080";
        }
    }
    return std::nullopt;
}

std::optional<Url> parse_url(std::string_view text, std::string& why) {
    Url url;
    url.is_tls = text.starts_with("https://");
    if (!url.is_tls && !text.starts_with("http://")) {
        why = "must begin with https:// or http://";
        return std::nullopt;
    }
    std::string const scheme = url.is_tls ? "https://" : "http://";
    auto rest = text.substr(scheme.size());
    if (!is_url_text(rest) || rest.find_first_of("?#") != std::string_view::npos) {
        why = "must be a URL without spaces, placeholders, query or fragment";
        return std::nullopt;
    }
    auto authority = rest.substr(0, rest.find('/'));
    auto path = rest.substr(authority.size());
    if (auto const at = authority.rfind('@'); at != std::string_view::npos) {
        url.user_info = authority.substr(0, at);
        authority.remove_prefix(at + 1);
    }
    auto const host = host_of(authority);
    if (!host) {
        why = "must have a host, and a port from 1 to 65535 when there is one";
        return std::nullopt;
    }
    url.host = *host;
    while (path.ends_with('/')) path.remove_suffix(1);
    url.text = scheme + std::string(authority) + std::string(path);
    return url;
}

}  // namespace sluice::config
