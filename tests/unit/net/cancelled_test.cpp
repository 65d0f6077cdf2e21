// Who is told what when a wait was cancelled.
#include "net/cancelled.hpp"

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

Error error_after(CancelReason reason) {
    Cancel cancel;
    cancel.cancel(reason);
    return cancelled_error(cancel);
}

TEST(CancelledError, SaysWhoEndedTheWork) {
    auto const gone = error_after(CancelReason::client_gone);
    EXPECT_EQ(gone.code, ErrorCode::client_closed);
    EXPECT_EQ(gone.origin, Origin::client);
    EXPECT_EQ(gone.http_status, 499);

    auto const draining = error_after(CancelReason::draining);
    EXPECT_EQ(draining.code, ErrorCode::draining);
    EXPECT_EQ(draining.origin, Origin::gateway);
    EXPECT_EQ(draining.http_status, 503);
    EXPECT_GT(draining.retry_after_ms, 0);

    auto const late = error_after(CancelReason::deadline);
    EXPECT_EQ(late.code, ErrorCode::upstream_timeout);
    EXPECT_EQ(late.http_status, 504);
    for (auto const& error : {gone, draining, late}) EXPECT_EQ(error.retry, Retry::no);
}

TEST(CancelledError, HearsTheParentsReason) {
    Cancel worker;
    Cancel exchange{worker};
    worker.cancel(CancelReason::draining);
    EXPECT_EQ(cancelled_error(exchange).code, ErrorCode::draining);
}

}  // namespace
}  // namespace sluice::net
