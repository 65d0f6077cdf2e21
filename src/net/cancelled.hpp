// What a wait that a Cancel ended tells: why the work was given up, and who ended it.
//
// Called by: net/ wherever a wait is cancelled, the engine where it gives up. Any thread.
#pragma once

#include "sluice/async.hpp"
#include "sluice/error.hpp"

namespace sluice::net {

// client_gone -> client_closed 499; draining -> draining 503, the caller is still there to read it;
// deadline -> upstream_timeout 504. A cancel without a reason of its own counts as client_gone.
inline Error cancelled_error(Cancel const& cancel) {
    switch (cancel.reason()) {
        case CancelReason::draining: {
            auto error =
                gateway_error(ErrorCode::draining, 503, "The gateway is shutting down. Try again.");
            error.retry_after_ms = 1000;
            return error;
        }
        case CancelReason::deadline:
            return gateway_error(ErrorCode::upstream_timeout, 504,
                                 "The request took longer than its time limit. Try again.");
        case CancelReason::none:
        case CancelReason::client_gone:
        case CancelReason::superseded:
            break;
    }
    return client_error(ErrorCode::client_closed, 499, "The caller went away.");
}

}  // namespace sluice::net
