// The composition root: Document -> Snapshot. The one place that names concrete types.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sluice/result.hpp"

#include "config/document.hpp"
#include "engine/runtime.hpp"
#include "engine/snapshot.hpp"
#include "net/server_stream.hpp"
#include "stage/limiter/limit_state.hpp"

namespace sluice::daemon {

// The environment's proxy settings, read once at start.
struct ProxyEnvironment {
    std::string https_proxy;
    std::string http_proxy;
    std::string no_proxy;
    static ProxyEnvironment read();
};

// Error message: for the operator, names what in the config could not be built. Opens the files of
// TLS settings; connects to nothing. `limits` null: limits are checked and not built.
Result<std::shared_ptr<engine::Snapshot const>> build(
    config::Document const& document, engine::Runtime& runtime, ProxyEnvironment const& environment,
    std::shared_ptr<stage::LimitState> limits = {});

}  // namespace sluice::daemon
