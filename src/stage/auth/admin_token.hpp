// Who may call the admin listener's pages: whoever shows the admin token or, where none is set
// (the loader allows that on loopback and Unix sockets only), whoever reaches it from this machine.
//
// Called by endpoint/health and endpoint/admin. Pure.
#pragma once

#include <optional>

#include "sluice/http.hpp"
#include "sluice/result.hpp"

#include "codec/sha256.hpp"

namespace sluice::stage {

// `token`: the digest of admin.token, nullopt when there is none. The compare takes the same time
// wherever two tokens differ. Without a token, what a web page could send through a browser on this
// machine is refused: an Origin, or a Host that is a full domain name (DNS rebinding).
// Errors: invalid_api_key 401; invalid_request 403.
Result<void> authorize_admin(std::optional<codec::Sha256> const& token, http::HeaderView headers);

}  // namespace sluice::stage
