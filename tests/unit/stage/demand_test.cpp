// What was learned of a route, and what an attempt has used: at most, and likely.
#include "stage/limiter/demand.hpp"

#include <array>
#include <gtest/gtest.h>
#include <limits>
#include <random>

#include "sluice/exchange.hpp"

#include "stage/limiter/media.hpp"

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

// What demand_of() is asked about: a request of these facts. Nothing else of an exchange is looked
// at, so there is no stream and no Snapshot behind it.
Demand demand_for(std::string_view body, RequestFacts facts, TokenBound const& bound = {},
                  Learned const* learned = nullptr, Operation operation = Operation::chat) {
    alignas(64) static std::array<char, 64> nothing{};
    Exchange x{reinterpret_cast<net::ServerStream&>(nothing),
               reinterpret_cast<engine::WorkerContext&>(nothing),
               reinterpret_cast<engine::Snapshot const&>(nothing)};
    x.operation = operation;
    x.body = http::Body::copy_of(body);
    x.facts = std::move(facts);
    return demand_of(x, bound, learned);
}

RequestFacts facts_with(std::int64_t max_output_tokens, std::uint32_t answers = 1) {
    RequestFacts facts;
    facts.max_output_tokens = max_output_tokens;
    facts.answers = answers;
    return facts;
}

std::string const body_of_100 = R"({"model":"m","x":")" + std::string(80, 'a') + R"("})";

TEST(DemandOf, AChatIsItsBytesAFrameAndTheAnswersItAsksFor) {
    ASSERT_EQ(body_of_100.size(), 100U);
    auto const demand = demand_for(body_of_100, facts_with(50, 3));
    EXPECT_EQ(demand.requests, 1);
    EXPECT_EQ(demand.prompt, 100 + 16);
    EXPECT_EQ(demand.estimate, 25);
    EXPECT_EQ(demand.likely_prompt, 25);
    EXPECT_EQ(demand.answers, 3);
    EXPECT_EQ(demand.output, 50);
    EXPECT_EQ(demand.likely_output, 50);  // no more than the bound
    EXPECT_FALSE(demand.is_open);
    EXPECT_EQ(demand.tokens(), 116 + 150);
}

TEST(DemandOf, ToolsAndWhatIsNamedByAnAddressCostMoreThanTheirBytes) {
    auto facts = facts_with(1);
    facts.has_tools = true;
    EXPECT_EQ(demand_for(body_of_100, facts).prompt, 100 + 16 + 1024);
    std::string const body = R"({"a":{"type":"image_url","image_url":{"url":"https://x"}}})";
    EXPECT_EQ(demand_for(body, facts_with(1)).prompt,
              static_cast<std::int64_t>(body.size()) + 16 + 2 * 4096);
}

TEST(DemandOf, AnOpenAnswerIsAsLongAsTheModelsLongest) {
    TokenBound bound;
    auto const unknown = demand_for(body_of_100, {}, bound);
    EXPECT_TRUE(unknown.is_open);
    EXPECT_EQ(unknown.output, output_tokens_unknown);
    EXPECT_EQ(unknown.likely_output, 512);
    bound.output_max = 9000;
    EXPECT_EQ(demand_for(body_of_100, {}, bound).output, 9000);
    EXPECT_EQ(demand_for(body_of_100, {}, bound, nullptr, Operation::complete).output,
              completion_tokens_default);
}

TEST(DemandOf, BoundsBeyondReasonAreBounded) {
    EXPECT_EQ(demand_for(body_of_100, facts_with(-5)).output, 0);
    auto const most = std::numeric_limits<std::int64_t>::max();
    auto const demand = demand_for(body_of_100, facts_with(most, 128));
    EXPECT_EQ(demand.output, std::int64_t{1} << 40);
    EXPECT_EQ(demand.written(), std::int64_t{1} << 40);
    EXPECT_GT(demand.tokens(), demand.written());
}

TEST(DemandOf, WhatWritesNothingHasNoAnswers) {
    for (auto const operation : {Operation::embed, Operation::count}) {
        auto const demand = demand_for(body_of_100, facts_with(50), {}, nullptr, operation);
        EXPECT_EQ(demand.answers, 0);
        EXPECT_EQ(demand.written(), 0);
        EXPECT_EQ(demand.tokens(), 116);
    }
}

TEST(DemandOf, ChoicesThatAreFannedOutReadThePromptEachTime) {
    TokenBound bound;
    bound.requests = 4;
    auto const demand = demand_for(body_of_100, facts_with(50, 4), bound);
    EXPECT_EQ(demand.tokens(), 4 * 116 + 4 * 50);
    EXPECT_EQ(demand.answers_of_one(), 1);
}

TEST(DemandOf, WhatWasLearnedIsLikelyAndNeverAboveTheBound) {
    Learned learned;
    for (int i = 0; i < 40; ++i) learned.note(100, 200, 30, 1);
    auto const demand = demand_for(body_of_100, {}, {}, &learned);
    EXPECT_GE(demand.likely_prompt, 50);  // twice its estimate
    EXPECT_LE(demand.likely_prompt, 60);
    EXPECT_GE(demand.likely_output, 30);
    EXPECT_LT(demand.likely_output, 40);
    EXPECT_EQ(demand.output, output_tokens_unknown);
    for (int i = 0; i < 4000; ++i) learned.note(1, 7, 5000, 1);
    auto const bounded = demand_for(body_of_100, facts_with(50), {}, &learned);
    EXPECT_EQ(bounded.likely_prompt, bounded.prompt);
    EXPECT_EQ(bounded.likely_output, 50);
}

// A word at a time, as plainly as it can be said.
std::int64_t media_plainly(std::string_view body) {
    std::int64_t found = 0;
    for (std::size_t at = 0; at < body.size(); ++at) {
        for (std::string_view const word :
             {"\"image_url\"", "\"source\"", "\"file\"", "\"input_audio\""}) {
            found += body.substr(at).starts_with(word) ? 1 : 0;
        }
    }
    return found;
}

TEST(Media, IsFoundWhereverItStands) {
    for (std::string_view const word :
         {"\"image_url\"", "\"source\"", "\"file\"", "\"input_audio\""}) {
        for (std::size_t before = 0; before < 140; ++before) {
            for (std::size_t after = 0; after < 70; ++after) {
                std::string body(before, 'x');
                body.append(word).append(after, '"');
                ASSERT_EQ(media_in(body), 1) << word << " " << before << " " << after;
            }
        }
    }
    EXPECT_EQ(media_in(""), 0);
    EXPECT_EQ(media_in("\""), 0);
    EXPECT_EQ(media_in(R"("file)"), 0);
    EXPECT_EQ(media_in(R"("files" "filename" image_url)"), 0);
    EXPECT_EQ(media_in(R"("file""file")"), 2);
}

TEST(Media, AgreesWithAPlainSearch) {
    std::mt19937 dice(11);
    std::array<std::string_view, 8> const pieces = {"\"image_url\"",
                                                    "\"source\"",
                                                    "\"file\"",
                                                    "\"input_audio\"",
                                                    "\"",
                                                    "\"s",
                                                    "text \u00e9 of some length",
                                                    "i"};
    for (int i = 0; i < 3000; ++i) {
        std::string body;
        for (auto left = dice() % 30; left > 0; --left) body += pieces[dice() % pieces.size()];
        ASSERT_EQ(media_in(body), media_plainly(body)) << body;
    }
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
