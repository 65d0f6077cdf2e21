// The accept loop of one listening socket on one worker.
//
// Called by: worker_impl. Calls: http1_session for each connection. Thread: the worker's.
#pragma once

#include <memory>

#include "net/worker_impl.hpp"

namespace sluice::net {

// Ends when the worker begins to drain; the socket is closed then.
Async<> accept_loop(WorkerImpl& worker, Stream socket, std::shared_ptr<ServerSide const> side);

}  // namespace sluice::net
