// The upstream side of a worker: connects (names, proxies, TLS), pools, sends.
//
// Called by worker_impl (makes it) and, through UpstreamClient, by provider code. Calls pool,
// resolve, dial, proxy, tls_client, upstream_stream_http1. Thread: the worker's.
#pragma once

#include <memory>

#include "net/dial.hpp"
#include "net/resolve.hpp"
#include "net/upstream_stream.hpp"

namespace sluice::net {

class Worker;

struct UpstreamClientOptions {
    UpstreamLimits limits;
    ResolverOptions resolver;
    DialOptions dial;
};

// `worker` outlives it; use it on the worker's thread only.
std::unique_ptr<UpstreamClient> make_upstream_client(Worker& worker);
std::unique_ptr<UpstreamClient> make_upstream_client(Worker& worker, UpstreamClientOptions options);

}  // namespace sluice::net
