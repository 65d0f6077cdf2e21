#include "stage/auth/authenticate.hpp"

namespace sluice::stage {
namespace {

constexpr std::string_view scheme = "bearer ";

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

}  // namespace

std::string_view presented_key(http::HeaderView headers) noexcept {
    auto const authorization = headers.get("authorization");
    if (authorization.size() > scheme.size() &&
        http::iequals(authorization.substr(0, scheme.size()), scheme)) {
        auto const key = trimmed(authorization.substr(scheme.size()));
        if (!key.empty()) return key;
    }
    for (auto const name : {"x-api-key", "api-key"}) {
        auto const key = trimmed(headers.get(name));
        if (!key.empty()) return key;
    }
    return {};
}

Result<std::shared_ptr<Principal const>> authenticate(Directory const& directory,
                                                      http::HeaderView headers,
                                                      Wall::time_point now, bool loopback) {
    auto const key = presented_key(headers);
    if (key.empty() && headers.has("authorization")) {
        return client_error(ErrorCode::missing_api_key, 401,
                            "The Authorization header holds no Bearer key. Write it as "
                            "'Authorization: Bearer <key>'.");
    }
    if (key.empty()) {
        return client_error(ErrorCode::missing_api_key, 401,
                            "No API key was sent. Send a sluice key as 'Authorization: Bearer "
                            "<key>' (or as x-api-key or api-key).");
    }
    return directory.find(key, now, loopback);
}

}  // namespace sluice::stage
