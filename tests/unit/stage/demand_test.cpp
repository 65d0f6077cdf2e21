// What was learned of a route, and what an attempt has used: at most, and likely.
#include "stage/limiter/demand.hpp"

#include <gtest/gtest.h>

namespace sluice::stage {
namespace {

TEST(Learned, SaysNothingBeforeItHasSeenTwenty) {
    Learned learned;
    for (std::uint32_t i = 1; i < Learned::samples_needed; ++i) learned.note(100, 100, 50, 1);
    EXPECT_FALSE(learned.output_p95());
    EXPECT_FALSE(learned.input_p95(100));
    learned.note(100, 100, 50, 1);
    EXPECT_TRUE(learned.output_p95());
    EXPECT_TRUE(learned.input_p95(100));
}

TEST(Learned, TellsWhatNinetyFiveOfAHundredDoNotExceed) {
    Learned learned;
    for (int i = 1; i <= 200; ++i) learned.note(1000, 1500, i <= 190 ? 100 : 5000, 1);
    // Buckets are a fourth of a power of two wide: never below, and not far above.
    EXPECT_GE(*learned.output_p95(), 100);
    EXPECT_LT(*learned.output_p95(), 125);
    EXPECT_GE(*learned.input_p95(1000), 1500);
    EXPECT_LE(*learned.input_p95(1000), 1600);
    EXPECT_GE(*learned.input_p95(10), 15);
    for (int i = 0; i < 200; ++i) learned.note(1000, 1500, 5000, 1);
    EXPECT_GE(*learned.output_p95(), 5000);
    EXPECT_LT(*learned.output_p95(), 6250);
}

TEST(Learned, SeveralAnswersOfARequestAreSeveral) {
    Learned learned;
    for (int i = 0; i < 30; ++i) learned.note(10, 10, 400, 4);
    EXPECT_GE(*learned.output_p95(), 100);
    EXPECT_LT(*learned.output_p95(), 125);
}

TEST(Learned, TheOldFades) {
    Learned learned;
    for (int i = 0; i < 4000; ++i) learned.note(10, 10, 9000, 1);
    for (int i = 0; i < 60'000; ++i) learned.note(10, 10, 10, 1);
    EXPECT_LT(*learned.output_p95(), 16);
}

TEST(Learned, OddFiguresDoNoHarm) {
    Learned learned;
    for (int i = 0; i < 30; ++i) {
        learned.note(0, -5, -7, 0);
        learned.note(1, std::int64_t{1} << 50, std::int64_t{1} << 60, 1);
    }
    EXPECT_GE(*learned.output_p95(), 0);
    EXPECT_GE(*learned.input_p95(100), 0);
}

Demand a_demand() {
    Demand demand;
    demand.prompt = 1000;
    demand.likely_prompt = 250;
    demand.answers = 2;
    demand.output = 300;
    demand.likely_output = 100;
    return demand;
}

// A micro-USD a token read, two a token written.
TokenBound a_price() {
    TokenBound bound;
    bound.input_price = 1'000'000;
    bound.output_price = 2'000'000;
    return bound;
}

TEST(Demand, IsThePromptAndAllItsAnswers) {
    auto const demand = a_demand();
    EXPECT_EQ(demand.tokens(), 1600);
    EXPECT_EQ(demand.likely_tokens(), 450);
    EXPECT_EQ(demand.nano_usd(a_price()), (1000 + 2 * 600) * 1000);
    EXPECT_EQ(demand.likely_nano_usd(a_price()), (250 + 2 * 200) * 1000);
}

TEST(Demand, WhatIsBeyondReckoningSaturates) {
    auto demand = a_demand();
    demand.answers = std::int64_t{1} << 40;
    demand.output = std::int64_t{1} << 40;
    EXPECT_GT(demand.tokens(), 0);
    EXPECT_GT(demand.nano_usd(a_price()), 0);
    EXPECT_EQ(to_nano_usd(1), 1);  // rounded up
    EXPECT_EQ(to_nano_usd(-1), 0);
}

AttemptRecord attempt(std::string outcome, std::uint16_t status, bool reported,
                      std::int64_t output = 40) {
    AttemptRecord record;
    record.outcome = std::move(outcome);
    record.status = status;
    record.usage.input = 200;
    record.usage.output = output;
    record.usage.reported = reported;
    return record;
}

TEST(AttemptUse, WhatWasReportedIsWhatWasUsed) {
    auto const use = use_of(attempt("answered", 200, true), a_demand(), a_price());
    EXPECT_TRUE(use.was_sent);
    EXPECT_EQ(use.bound.tokens, 240);
    EXPECT_EQ(use.bound.requests, 1);
    EXPECT_EQ(use.bound.nano_usd, (200 + 2 * 40) * 1000);
    auto priced = attempt("answered", 200, true);
    priced.cost = 5'000'500;
    EXPECT_EQ(use_of(priced, a_demand(), a_price()).bound.nano_usd, 5001);
}

TEST(AttemptUse, WhatWasNotReportedCountsAtTheMostItCanBe) {
    // Seen to its end: a token is at least a byte, and the estimate a fourth of the bytes.
    EXPECT_EQ(use_of(attempt("answered", 200, false), a_demand(), a_price()).bound.tokens,
              1000 + 160);
    EXPECT_EQ(use_of(attempt("answered", 200, false, 900), a_demand(), a_price()).bound.tokens,
              1600);
    // Broken off: it may have gone on.
    auto const broken = use_of(attempt("upstream_reset", 200, false), a_demand(), a_price());
    EXPECT_EQ(broken.bound.tokens, 1600);
    EXPECT_EQ(broken.likely.tokens, 240);
}

TEST(AttemptUse, ARefusalIsARequestAndNoTokens) {
    auto const use = use_of(attempt("upstream_rate_limited", 429, false), a_demand(), a_price());
    EXPECT_TRUE(use.was_sent);
    EXPECT_EQ(use.bound.requests, 1);
    EXPECT_EQ(use.bound.tokens, 0);
    EXPECT_EQ(use.bound.nano_usd, 0);
}

TEST(AttemptUse, WhatNeverLeftIsNothing) {
    for (auto const code :
         {ErrorCode::upstream_connect, ErrorCode::upstream_tls, ErrorCode::invalid_request}) {
        auto const use =
            use_of(attempt(std::string{to_string(code)}, 0, false), a_demand(), a_price());
        EXPECT_FALSE(use.was_sent);
        EXPECT_EQ(use.bound.requests, 0);
        EXPECT_EQ(use.bound.tokens, 0);
    }
}

}  // namespace
}  // namespace sluice::stage
