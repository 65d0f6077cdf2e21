#include "stage/auth/admin_token.hpp"

#include "stage/auth/authenticate.hpp"

namespace sluice::stage {
namespace {

// "localhost", "sluice:9090", "127.0.0.1:9090", "[::1]:9090": an address, or a name of one label,
// which no stranger's name server answers for.
bool is_local_or_literal(std::string_view host) noexcept {
    if (host.empty() || host.starts_with('[')) return true;
    host = host.substr(0, host.find(':'));
    if (host.find('.') == std::string_view::npos) return true;
    return host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

Result<void> authorize_admin(std::optional<codec::Sha256> const& token, http::HeaderView headers) {
    if (token) {
        auto const presented = presented_key(headers);
        if (codec::equal_in_constant_time(codec::sha256(presented), *token)) return {};
        return client_error(ErrorCode::invalid_api_key, 401,
                            "Send the admin token as 'Authorization: Bearer <token>'.");
    }
    if (headers.has("origin") || !is_local_or_literal(headers.get("host"))) {
        return client_error(ErrorCode::invalid_request, 403,
                            "Without admin.token the admin listener answers this machine's own "
                            "tools only, by address or as localhost, and no web page. Set "
                            "admin.token and send it as 'Authorization: Bearer <token>'.");
    }
    return {};
}

}  // namespace sluice::stage
