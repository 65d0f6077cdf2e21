// A provider's own credentials: drawn by weight, benched when refused or throttled, never shown.
#include <fmt/format.h>
#include <map>
#include <thread>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

class Credentials : public Integration {
  protected:
    void start_with(std::string const& keys, std::string const& defaults = "",
                    std::string const& more = "") {
        GatewayConfig config;
        config.providers = provider_line("up", upstream.url(), more, keys);
        config.defaults = defaults;
        start(config);
    }
    std::map<std::string, int> used() const {
        std::map<std::string, int> count;
        for (auto const& request : upstream.requests()) {
            ++count[request.header("authorization").value_or("none")];
        }
        return count;
    }
};

TEST_F(Credentials, AreDrawnByWeight) {
    start_with("{a: {value: sk-a, weight: 3}, b: {value: sk-b, weight: 1}}");
    for (int i = 0; i < 400; ++i) EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    auto const count = used();
    // 300 expected, standard deviation 8.7: five of them either way.
    EXPECT_NEAR(count.at("Bearer sk-a"), 300, 44);
    EXPECT_EQ(count.at("Bearer sk-a") + count.at("Bearer sk-b"), 400);
}

TEST_F(Credentials, ARefusedOneIsBenchedAndTheNextIsTried) {
    start_with("{bad: {value: sk-bad, weight: 1000000}, good: {value: sk-good, weight: 1}}");
    upstream.answer_with([](Received const& request) {
        if (request.header("authorization") == "Bearer sk-bad") {
            return Reply::error(401, "invalid_api_key", "Incorrect API key: sk-bad");
        }
        return Reply::whole(200, chat_answer("hello")).tokens(11, 7);
    });
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("x-sluice-attempts"), "2");
    auto const record = last_record();
    EXPECT_EQ(record.at("attempts")[0].at("credential"), "bad");
    EXPECT_EQ(record.at("attempts")[0].at("outcome"), "upstream_auth");
    EXPECT_EQ(record.at("attempts")[1].at("credential"), "good");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(used().at("Bearer sk-bad"), 1) << "a benched credential was used";
}

TEST_F(Credentials, EachRefusalStatusBenches) {
    compare_tokens = false;  // one upstream, three daemons
    for (int const status : {401, 402, 403}) {
        start_with("{bad: {value: sk-bad}}");
        upstream.then(Reply::error(status, "c", "key sk-bad is not allowed at org-17"));
        auto const before = upstream.request_count();
        for (int i = 0; i < 2; ++i) {
            auto const answer = chat(chat_body("m-1"));
            EXPECT_EQ(answer.status, 502) << status;
            EXPECT_EQ(error_code(answer), "upstream_credentials_exhausted") << status;
            EXPECT_EQ(answer.body.find("sk-bad"), std::string::npos);
            EXPECT_EQ(answer.body.find("org-17"), std::string::npos);
        }
        EXPECT_EQ(upstream.request_count(), before + 1) << "a benched credential was used";
        Integration::TearDown();
        gateway.reset();
        sent = 0;
    }
}

TEST_F(Credentials, AThrottledOneRestsUntilRetryAfter) {
    start_with("{a: {value: sk-a, weight: 1000000}, b: {value: sk-b, weight: 1}}");
    upstream.then(Reply::error(429, "rate_limit_exceeded", "slow", {{"retry-after-ms", "700"}}));
    auto const from = Clock::now();
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    int during = 0;
    while (Clock::now() - from < milliseconds{500}) {
        EXPECT_EQ(chat(chat_body("m-1")).status, 200);
        ++during;
    }
    EXPECT_EQ(used().at("Bearer sk-a"), 1) << "used within Retry-After, of " << during;
    while (Clock::now() - from < milliseconds{1'000}) {
        std::this_thread::sleep_for(milliseconds{20});
    }
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(used().at("Bearer sk-a"), 2) << "not used again after Retry-After";
}

TEST_F(Credentials, AllBenchedIsToldWithoutAskingTheProvider) {
    start_with("{a: {value: sk-a}, b: {value: sk-b}}");
    upstream.answer_with(
        [](Received const&) { return Reply::error(401, "invalid_api_key", "no"); });
    EXPECT_EQ(chat(chat_body("m-1")).status, 502);
    auto const asked = upstream.request_count();
    EXPECT_EQ(asked, 2U);
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(error_code(answer), "upstream_credentials_exhausted");
    EXPECT_TRUE(answer.header("retry-after"));
    EXPECT_EQ(upstream.request_count(), asked);
    // Of two workers: either record may be written first.
    auto const records = all_records();
    ASSERT_EQ(records.size(), 2U);
    EXPECT_NE(records[0].at("attempts").empty(), records[1].at("attempts").empty());
}

TEST_F(Credentials, TheNextTargetIsTriedWhenAllAreBenched) {
    GatewayConfig config;
    config.providers = provider_line("first", upstream.url("/first"), "", "{a: {value: sk-a}}") +
                       provider_line("second", upstream.url("/second"), "", "{b: {value: sk-b}}");
    config.routes = "  m-1: {tiers: [{first/m: 1}, {second/m: 1}]}\n";
    start(config);
    upstream.answer_with([](Received const& request) {
        if (request.target().starts_with("/first")) return Reply::error(403, "c", "no");
        return Reply::whole(200, chat_answer("hello")).tokens(11, 7);
    });
    for (int i = 0; i < 3; ++i) {
        auto const answer = chat(chat_body("m-1"));
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.header("x-sluice-provider"), "second");
    }
    EXPECT_EQ(upstream.request_count(), 4U);
}

TEST_F(Credentials, TheMissingOneMakesItsProviderUnavailable) {
    start_with("{a: {value: \"${NOT_SET_ANYWHERE}\"}}");
    auto const answer = chat(chat_body("m-1"));
    EXPECT_GE(answer.status, 500);
    EXPECT_EQ(upstream.request_count(), 0U) << "an empty Bearer went out";
}

TEST_F(Credentials, NeverReachTheCaller) {
    start_with("{main: {value: sk-provider-canary-77}}");
    upstream.answer_with([](Received const& request) {
        auto const leak = request.header("authorization").value_or("");
        return Reply::error(500, "x", leak, {{"X-Debug", leak}, {"Set-Cookie", leak}});
    });
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ((answer.head + answer.body).find("canary"), std::string::npos) << answer.body;
    for (auto const& record : all_records()) {
        EXPECT_EQ(record.dump().find("canary"), std::string::npos);
    }
}

}  // namespace
}  // namespace sluice::test
