// The webhook: how its messages are signed, and that what cannot be delivered is given up.
#include "telemetry/webhook.hpp"

#include <gtest/gtest.h>

namespace sluice::telemetry {
namespace {

TEST(Webhook, TheSignatureIsOfTimeAndBody) {
    Secret const secret{"whsec-of-a-test"};
    EXPECT_EQ(webhook_signature(secret, 1700000000, R"({"a":1})"),
              "t=1700000000,v1="
              "19e16b85beb9bbe128b825e14e63cd9d86754720559156f4a8f5fabdc4208cdf");
    EXPECT_NE(webhook_signature(secret, 1700000001, R"({"a":1})"),
              webhook_signature(secret, 1700000000, R"({"a":1})"));
}

// Polls: the webhook's thread works on its own.
WebhookCounters counters_when(Webhook const& webhook, std::uint64_t dropped) {
    for (int i = 0; i < 20'000; ++i) {
        auto const counters = webhook.counters();
        if (counters.dropped >= dropped) return counters;
        std::this_thread::sleep_for(milliseconds{1});
    }
    return webhook.counters();
}

TEST(Webhook, AMessageThatNobodyTakesIsTriedAgainAndGivenUp) {
    WebhookOptions options;
    options.url = "http://127.0.0.1:1/";  // nobody listens
    options.attempts_max = 3;
    options.pause = milliseconds{1};
    Webhook webhook(std::move(options));
    webhook.send("{}");
    webhook.send("{}");
    auto const counters = counters_when(webhook, 2);
    EXPECT_EQ(counters.dropped, 2U);
    EXPECT_EQ(counters.failed, 6U);
    EXPECT_EQ(counters.sent, 0U);
}

TEST(Webhook, WhatWaitsIsDroppedWhenItStopsAndBeyondItsBound) {
    WebhookOptions options;
    options.url = "http://127.0.0.1:1/";
    options.attempts_max = 1000;
    options.pause = milliseconds{60'000};
    Webhook webhook(std::move(options));
    for (std::size_t i = 0; i < Webhook::queue_max + 10; ++i) webhook.send("{}");
    EXPECT_GE(webhook.counters().dropped, 9U);  // one may be under way
    webhook.stop();
    EXPECT_EQ(webhook.counters().dropped, Webhook::queue_max + 10);
    EXPECT_EQ(webhook.counters().sent, 0U);
}

}  // namespace
}  // namespace sluice::telemetry
