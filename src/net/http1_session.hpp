// One client connection from accept to close: TLS handshake, then requests in order (keep-alive,
// pipelining), each handed to the Handler as a ServerStream.
//
// Called by: listener (accepted sockets), worker_impl (in-process upstreams). Calls: http1_request,
// Handler. Thread: the worker's.
#pragma once

#include <memory>

#include "net/worker_impl.hpp"

namespace sluice::net {

// Spawn it; it ends when the connection is closed.
Async<> serve_connection(WorkerImpl& worker, Stream stream, std::shared_ptr<ServerSide const> side,
                         Peer peer);

}  // namespace sluice::net
