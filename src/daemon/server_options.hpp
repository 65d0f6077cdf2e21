// From words to what net takes for its listeners and pools: bounds and certificates. Called at
// start and by each reload.
#pragma once

#include <memory>

#include "sluice/result.hpp"

#include "config/document.hpp"
#include "net/server_stream.hpp"
#include "net/tls.hpp"
#include "net/upstream_stream.hpp"

namespace sluice::daemon {

std::shared_ptr<net::ServerOptions const> server_options(config::Server const& server);

net::UpstreamLimits upstream_limits(config::Upstreams const& upstreams);

// Null for a plain listener. Reads the certificate files. Error message: for the operator.
Result<std::shared_ptr<net::TlsServer const>> tls_server(config::Listener const& listener);

}  // namespace sluice::daemon
