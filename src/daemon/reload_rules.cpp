#include "daemon/reload_rules.hpp"

#include <array>
#include <charconv>
#include <fmt/format.h>

namespace sluice::daemon {
namespace {

// A setting and all below it; "[]" is any index.
constexpr std::array<std::string_view, 25> live = {
    "limits",
    "providers",
    "routes",
    "keys",
    "guardrails",
    "prices",
    "tags",
    "storage.retention",
    "server.trusted_proxies",
    "server.forwarded_header",
    "server.auth_throttle",
    "server.listeners[].tls.client_ca",
    "server.listeners[].tls.client_auth",
    "admin.token",
    "server.auth",
    "server.half_close",
    "server.defaults",
    "server.cors",
    "server.limits",
    "server.upstreams",
    "server.drain_ms",
    "server.response_headers",
    "server.listeners[].tls.cert",
    "server.listeners[].tls.key",
    "telemetry.log_level",
};

std::string without_indexes(std::string_view path) {
    std::string out;
    bool is_inside = false;
    for (char const c : path) {
        if (c == ']') is_inside = false;
        if (!is_inside) out += c;
        if (c == '[') is_inside = true;
    }
    return out;
}

config::Place place_of(std::string_view path, config::Document const& wanted) {
    constexpr std::string_view listeners = "server.listeners[";
    if (path.starts_with(listeners)) {
        std::size_t index = 0;
        auto const digits = path.substr(listeners.size());
        std::from_chars(digits.data(), digits.data() + digits.size(), index);
        if (index < wanted.server.listeners.size()) return wanted.server.listeners[index].place;
    }
    if (path.starts_with("admin")) return wanted.admin.place;
    auto place = wanted.server.place;
    if (!path.starts_with("server")) place.line = place.column = 0;  // the file is all we know
    return place;
}

}  // namespace

bool is_live(std::string_view path) {
    auto const plain = without_indexes(path);
    for (auto const setting : live) {
        if (setting.empty() || !plain.starts_with(setting)) continue;
        auto const rest = std::string_view{plain}.substr(setting.size());
        if (rest.empty() || rest.front() == '.' || rest.front() == '[') return true;
    }
    return false;
}

std::vector<endpoint::ReloadReport::Reason> restart_reasons(std::vector<std::string> const& changed,
                                                            config::Document const& wanted) {
    std::vector<endpoint::ReloadReport::Reason> reasons;
    for (auto const& path : changed) {
        if (is_live(path)) continue;
        auto const place = place_of(path, wanted);
        reasons.push_back(
            {fmt::format("{} cannot change while sluice runs; restart sluice, or put it back",
                         path),
             place.file, place.line, place.column});
    }
    return reasons;
}

}  // namespace sluice::daemon
