// See proxy.hpp.
#include "net/proxy.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "sluice/http.hpp"

#include "codec/base64.hpp"

namespace sluice::net {
namespace {

struct Address {
    friend bool operator==(Address const&, Address const&) = default;
    std::array<unsigned char, 16> bytes{};
    unsigned bits = 0;  // 32 or 128
};

std::optional<Address> to_address(std::string_view text) {
    std::string const z{text};
    Address a;
    if (::inet_pton(AF_INET, z.c_str(), a.bytes.data()) == 1) {
        a.bits = 32;
        return a;
    }
    if (::inet_pton(AF_INET6, z.c_str(), a.bytes.data()) == 1) {
        a.bits = 128;
        return a;
    }
    return std::nullopt;
}

template <class N>
bool to_number(std::string_view text, N& out) {
    auto const* const end = text.data() + text.size();
    auto const [at, bad] = std::from_chars(text.data(), end, out);
    return !text.empty() && bad == std::errc{} && at == end;
}

std::string_view without_brackets(std::string_view host) {
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        return host.substr(1, host.size() - 2);
    }
    return host;
}

struct HostPort {
    std::string_view host;
    std::string_view port;  // "" = none given
};

// "a:1", "[::1]:1", "[::1]", "::1" (two colons or more: an address without a port)
HostPort split_host_port(std::string_view text) {
    if (!text.empty() && text.front() == '[') {
        auto const close = text.find(']');
        if (close == text.npos) return {text, {}};
        auto const after = text.substr(close + 1);
        return {text.substr(1, close - 1), after.empty() ? after : after.substr(1)};
    }
    auto const colon = text.find(':');
    if (colon == text.npos || text.find(':', colon + 1) != text.npos) return {text, {}};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

bool is_in_block(Address const& a, Address const& block, unsigned prefix) {
    if (a.bits != block.bits || prefix > a.bits) return false;
    auto const whole = prefix / 8;
    if (std::memcmp(a.bytes.data(), block.bytes.data(), whole) != 0) return false;
    auto const rest = prefix % 8;
    if (rest == 0) return true;
    auto const mask = static_cast<unsigned char>(0xff << (8 - rest));
    return (a.bytes[whole] & mask) == (block.bytes[whole] & mask);
}

bool is_below(std::string_view host, std::string_view name) {
    return host.size() > name.size() + 1 && host[host.size() - name.size() - 1] == '.' &&
           http::iequals(host.substr(host.size() - name.size()), name);
}

bool excludes(std::string_view entry, std::string_view host, std::uint16_t port,
              std::optional<Address> const& address) {
    if (entry == "*") return true;
    if (auto const slash = entry.find('/'); slash != entry.npos) {
        auto const block = to_address(without_brackets(entry.substr(0, slash)));
        unsigned prefix = 0;
        return address && block && to_number(entry.substr(slash + 1), prefix) &&
               is_in_block(*address, *block, prefix);
    }
    auto [name, port_text] = split_host_port(entry);
    if (!port_text.empty()) {
        std::uint16_t only = 0;
        if (!to_number(port_text, only) || only != port) return false;
    }
    if (auto const other = to_address(name)) {
        return address && address->bits == other->bits && address->bytes == other->bytes;
    }
    if (address) return false;
    if (name.substr(0, 2) == "*.") name.remove_prefix(2);
    if (name.substr(0, 1) == ".") name.remove_prefix(1);
    if (!name.empty() && name.back() == '.') name.remove_suffix(1);
    if (name.empty()) return false;
    return http::iequals(host, name) || is_below(host, name);
}

bool is_loopback(std::string_view host, std::optional<Address> const& address) {
    if (!address) return http::iequals(host, "localhost") || is_below(host, "localhost");
    if (address->bits == 32) return address->bytes[0] == 127;
    return *address == Address{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128};
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        unsigned value = 0;
        if (i + 2 >= text.size()) return std::nullopt;
        auto const* const end = text.data() + i + 3;
        auto const [at, bad] = std::from_chars(text.data() + i + 1, end, value, 16);
        if (bad != std::errc{} || at != end) return std::nullopt;
        out += static_cast<char>(value);
        i += 2;
    }
    return out;
}

Error bad_proxy(std::string what) {
    return gateway_error(ErrorCode::invalid_request, 500, "egress proxy: " + std::move(what));
}

}  // namespace

Result<Proxy> parse_proxy(std::string_view url) {
    Proxy proxy;
    if (auto const colon = url.find("://"); colon != url.npos) {
        if (!http::iequals(url.substr(0, colon), "http")) {
            return bad_proxy("the URL must begin with http://");
        }
        url.remove_prefix(colon + 3);
    }
    if (auto const slash = url.find('/'); slash != url.npos) url = url.substr(0, slash);
    if (auto const at = url.rfind('@'); at != url.npos) {
        auto const credentials = url.substr(0, at);
        auto const colon = credentials.find(':');
        auto const user = percent_decode(credentials.substr(0, colon));
        auto const password = percent_decode(
            colon == credentials.npos ? std::string_view{} : credentials.substr(colon + 1));
        if (!user || !password) return bad_proxy("a bad % escape in the credentials");
        proxy.authorization = "Basic " + codec::to_base64(*user + ":" + *password);
        url.remove_prefix(at + 1);
    }
    auto const [host, port] = split_host_port(url);
    proxy.host = std::string{host};
    proxy.port = 80;
    if (host.empty() || host.find_first_of(" \t\r\n[]") != host.npos) {
        return bad_proxy("the URL has no usable host");
    }
    if (!port.empty() && (!to_number(port, proxy.port) || proxy.port == 0)) {
        return bad_proxy("the URL's port must be 1 to 65535");
    }
    return proxy;
}

std::string authority(std::string_view host, std::uint16_t port) {
    std::string out;
    if (host.find(':') != host.npos) {
        out.append("[").append(host).append("]");
    } else {
        out.append(host);
    }
    return out.append(":").append(std::to_string(port));
}

std::string connect_request(Proxy const& proxy, std::string_view host, std::uint16_t port) {
    auto const to = authority(host, port);
    std::string out = "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n";
    if (!proxy.authorization.empty()) {
        out.append("Proxy-Authorization: ").append(proxy.authorization).append("\r\n");
    }
    return out += "\r\n";
}

std::string proxy_for(std::string_view scheme, std::string_view host, std::uint16_t port,
                      std::string_view https_proxy, std::string_view http_proxy,
                      std::string_view no_proxy) {
    std::string_view chosen;
    if (scheme == "https") chosen = https_proxy;
    if (scheme == "http") chosen = http_proxy;
    if (chosen.empty()) return {};

    host = without_brackets(host);
    if (!host.empty() && host.back() == '.') host.remove_suffix(1);
    auto const address = to_address(host);
    if (is_loopback(host, address)) return {};
    while (!no_proxy.empty()) {
        auto const end = std::min(no_proxy.find_first_of(", \t"), no_proxy.size());
        if (end > 0 && excludes(no_proxy.substr(0, end), host, port, address)) return {};
        no_proxy.remove_prefix(std::min(end + 1, no_proxy.size()));
    }
    return std::string{chosen};
}

}  // namespace sluice::net
