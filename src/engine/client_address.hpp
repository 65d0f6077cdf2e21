// Who is calling, as an address: behind the proxies that server.trusted_proxies names.
#pragma once

#include "sluice/exchange.hpp"
#include "sluice/result.hpp"

namespace sluice::engine {

// Sets client_address, counts_against_address, record.client and record.client_certificate. Looks
// at X-Forwarded-For and Forwarded only when the peer (of a PROXY header: who it names) is trusted.
// Error: invalid_request, when the headers are broken or name different clients.
Result<void> find_client_address(Exchange& x);

}  // namespace sluice::engine
