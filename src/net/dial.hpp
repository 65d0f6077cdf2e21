// Addresses to a connected socket: staggered, families interleaved (RFC 8305), the first one wins.
//
// Called by upstream_client; calls the kernel, Stream for readiness, the worker's wheel.
#pragma once

#include <string>
#include <string_view>

#include "sluice/async.hpp"

#include "net/resolve.hpp"
#include "net/stream.hpp"

namespace sluice::net {

struct DialOptions {
    Steady::duration stagger = milliseconds{250};  // before the next address is tried beside
};

// The order to try: as given, but the families take turns.
Addresses interleave(Addresses addresses);

// A path as an address. Empty when it is too long.
Addresses unix_address(std::string_view path);

// A connected stream with TCP_NODELAY; losers are closed.
// Errors: upstream_connect, upstream_timeout, client_closed.
Async<Stream> dial(WorkerImpl& worker, Addresses addresses, DialOptions options, Deadline deadline,
                   Cancel& cancel);

}  // namespace sluice::net
