// Limits and budgets through the running daemon: who is refused, what is told, what goes upstream,
// and what is held afterwards.
#include <fmt/format.h>

#include "integration/fixture.hpp"
#include "telemetry/webhook.hpp"

namespace sluice::test {
namespace {

constexpr char second_key[] = "sk-test-client-key-0002";

class Limits : public Integration {
  protected:
    // `limits` of the team `team`, whose keys are app and other.
    void start_limited(std::string const& limits, GatewayConfig config = {},
                       std::string const& of_key = "", std::string const& of_team = "") {
        config.keys = fmt::format(
            "  team:\n    limits: {}\n{}    keys: {{app: {{value: {}{}}}, other: {{value: {}}}}}\n",
            limits, of_team, test_key, of_key, second_key);
        start(config);
    }
    Answer with(std::string_view key, std::string_view body) {
        Request request = chat_request(body);
        request.headers = with_key(key);
        return ask(request);
    }
    nlohmann::json rows() {
        Request request;
        request.method = "GET";
        request.target = "/admin/limits";
        auto const answer = fetch(gateway->admin_port(), request);
        EXPECT_EQ(answer.status, 200) << answer.body;
        return nlohmann::json::parse(answer.body, nullptr, false)["limits"];
    }
    // When everything has ended, unless something is meant to be under way: a caller has its answer
    // a little before its request is settled.
    nlohmann::json row(std::string const& owner, std::string const& limit, bool at_rest = true) {
        EXPECT_TRUE(!at_rest || gateway->wait_until_quiet());
        for (auto const& each : rows()) {
            if (each["owner"] == owner && each["limit"] == limit) return each;
        }
        return {};
    }
    // What the last request looked like upstream.
    nlohmann::json sent_body() {
        return nlohmann::json::parse(upstream.requests().back().body, nullptr, false);
    }
};

TEST_F(Limits, RequestsBeyondTheCapAreToldWhichAndWhenAndBurnNothing) {
    start_limited("{rpm: 3}");
    for (int i = 0; i < 3; ++i) {
        auto const answer = chat(chat_body("m-1"));
        ASSERT_EQ(answer.status, 200);
        EXPECT_EQ(answer.header("x-ratelimit-limit-requests"), "3");
        EXPECT_EQ(answer.header("x-ratelimit-remaining-requests"), std::to_string(2 - i));
        EXPECT_TRUE(answer.header("x-ratelimit-reset-requests"));
        EXPECT_FALSE(answer.header("x-ratelimit-limit-tokens"));
    }
    for (int i = 0; i < 5; ++i) {
        auto const refused = with(second_key, chat_body("m-1"));  // the team's keys share it
        EXPECT_EQ(refused.status, 429);
        EXPECT_EQ(error_code(refused), "rate_limit_exceeded");
        EXPECT_NE(error_message(refused).find("3 requests per minute of team 'team'"),
                  std::string::npos)
            << refused.body;
        EXPECT_NE(error_message(refused).find("0 left"), std::string::npos);
        auto const wait = std::stoi(refused.header("retry-after").value_or("0"));
        EXPECT_GE(wait, 50);
        EXPECT_LE(wait, 62);
        EXPECT_EQ(refused.header("x-ratelimit-remaining-requests"), "0");
        EXPECT_EQ(refused.header("x-sluice-error-origin"), "client");
    }
    EXPECT_EQ(upstream.request_count(), 3U);
    EXPECT_EQ(row("team", "rpm")["used"], 3);
}

TEST_F(Limits, AnthropicClientsAreToldInTheirDialect) {
    start_limited("{rpm: 1, tpm: 100000}");
    Request request;
    request.target = "/v1/messages";
    request.headers = with_key();
    request.headers.emplace_back("anthropic-version", "2023-06-01");
    request.body = R"({"model":"m-1","max_tokens":50,"messages":[{"role":"user","content":"hi"}]})";
    auto const answer = ask(request);
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.header("anthropic-ratelimit-requests-limit"), "1");
    EXPECT_EQ(answer.header("anthropic-ratelimit-requests-remaining"), "0");
    EXPECT_EQ(answer.header("anthropic-ratelimit-tokens-limit"), "100000");
    auto const reset = answer.header("anthropic-ratelimit-requests-reset").value_or("");
    EXPECT_TRUE(reset.size() == 20 && reset.back() == 'Z') << reset;
    EXPECT_FALSE(answer.header("x-ratelimit-limit-requests"));
    auto const refused = ask(request);
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.header("anthropic-ratelimit-requests-limit"), "1");
    EXPECT_EQ(refused.header("anthropic-ratelimit-requests-remaining"), "0");
    EXPECT_TRUE(refused.header("anthropic-ratelimit-requests-reset"));
    EXPECT_EQ(refused.header("anthropic-ratelimit-tokens-limit"), "100000");
    EXPECT_TRUE(refused.header("retry-after"));
    EXPECT_FALSE(refused.header("x-ratelimit-limit-requests"));
    auto const body = nlohmann::json::parse(refused.body);
    EXPECT_EQ(body["type"], "error");
    EXPECT_EQ(body["error"]["type"], "rate_limit_error");
    EXPECT_EQ(body["error"]["code"], "rate_limit_exceeded");
}

TEST_F(Limits, TokensAreReservedAtTheirBoundAndSettledAtWhatWasUsed) {
    start_limited("{tpm: 1000}");
    ASSERT_EQ(chat(chat_body("m-1", R"(,"max_tokens":400)")).status, 200);
    EXPECT_EQ(row("team", "tpm")["used"], 18);
    EXPECT_EQ(row("team", "tpm")["reserved"], 0);
    auto held = std::make_shared<Event>();
    upstream.then(Reply::whole(200, chat_answer("x")).tokens(11, 7));
    upstream.then(
        Reply().wait(held).send(Reply::whole(200, chat_answer("x")).steps[0].bytes).tokens(11, 7));
    ASSERT_EQ(chat(chat_body("m-1", R"(,"max_tokens":400)")).status, 200);
    ASSERT_TRUE(gateway->wait_until_quiet());
    auto waiting = begin(chat_request(chat_body("m-1", R"(,"max_tokens":700)")));
    ASSERT_TRUE(upstream.wait_for_requests(3));
    EXPECT_GT(row("team", "tpm", false)["reserved"], 700);
    auto const refused = chat(chat_body("m-1", R"(,"max_tokens":400)"));
    EXPECT_EQ(refused.status, 429) << refused.body;
    EXPECT_NE(error_message(refused).find("1000 tokens per minute"), std::string::npos);
    held->raise();
    EXPECT_EQ(waiting->read_answer().status, 200);
    ASSERT_TRUE(gateway->wait_until_quiet());
    EXPECT_EQ(row("team", "tpm")["used"], 3 * 18);
    EXPECT_EQ(chat(chat_body("m-1", R"(,"max_tokens":400)")).status, 200);
}

TEST_F(Limits, ARequestThatCanNeverFitIsNotToldToComeAgain) {
    start_limited("{tokens_per_request: 500, tpm: 100000}");
    auto const refused = chat(chat_body("m-1", R"(,"max_tokens":600)"));
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(error_code(refused), "request_exceeds_limit");
    EXPECT_FALSE(refused.header("retry-after"));
    EXPECT_NE(error_message(refused).find("max_tokens"), std::string::npos);
    EXPECT_EQ(chat(chat_body("m-1", R"(,"max_tokens":300)")).status, 200);
    EXPECT_EQ(upstream.request_count(), 1U);
}

TEST_F(Limits, AnOpenAnswerIsBoundedUpstream) {
    GatewayConfig config;
    config.routes = "  \"m-*\": {tiers: [up], output_tokens_max: 321}\n";
    start_limited("{tpm: 100000}", config);
    ASSERT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(sent_body()["max_tokens"], 321);
    ASSERT_EQ(chat(chat_body("m-1", R"(,"max_tokens":null,"stream":false)")).status, 200);
    EXPECT_EQ(sent_body()["max_tokens"], 321);
    ASSERT_EQ(chat(stream_body("m-1", R"(,"max_completion_tokens":-1)")).status, 200);
    EXPECT_EQ(sent_body()["max_completion_tokens"], 321);
    EXPECT_FALSE(sent_body().contains("max_tokens"));
    EXPECT_TRUE(sent_body()["stream_options"]["include_usage"].get<bool>());
    ASSERT_EQ(chat(chat_body("m-1", R"(,"max_tokens":17)")).status, 200);
    EXPECT_EQ(sent_body()["max_tokens"], 17);
}

TEST_F(Limits, AnAnswerIsNotBoundedWhereNoTokensAreLimitedOrTheyAreEstimated) {
    start_limited("{rpm: 100}");
    ASSERT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_FALSE(sent_body().contains("max_tokens"));
}

TEST_F(Limits, EstimatesLeaveTheRequestAsItIs) {
    start_limited("{tpm: 100000, on_unbounded: estimate}");
    auto const body = chat_body("m-1");
    ASSERT_EQ(chat(body).status, 200);
    EXPECT_EQ(upstream.requests().back().body, body);
    EXPECT_EQ(row("team", "tpm")["used"], 18);
}

TEST_F(Limits, ATranslatedRequestIsBoundedToo) {
    GatewayConfig config;
    config.providers =
        fmt::format("  up: {{kind: anthropic, base_url: \"{}\", keys: {{main: {{value: {}}}}}}}\n",
                    upstream.url(), provider_key);
    config.routes = "  \"m-*\": {tiers: [up], output_tokens_max: 123}\n";
    start_limited("{tpm: 100000}", config);
    upstream.then(Reply::whole(200,
                               R"({"id":"a","type":"message","role":"assistant","model":"m-1",)"
                               R"("content":[{"type":"text","text":"x"}],"stop_reason":"end_turn",)"
                               R"("usage":{"input_tokens":11,"output_tokens":7}})")
                      .tokens(11, 7));
    ASSERT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(sent_body()["max_tokens"], 123);
    EXPECT_EQ(row("team", "tpm")["used"], 18);
}

TEST_F(Limits, ConcurrencyIsGivenBackOnEveryPath) {
    start_limited("{concurrency: 1}");
    auto held = std::make_shared<Event>();
    upstream.then(
        Reply().wait(held).send(Reply::whole(200, chat_answer("x")).steps[0].bytes).tokens(11, 7));
    auto first = begin(chat_request(chat_body("m-1")));
    ASSERT_TRUE(upstream.wait_for_requests(1));
    auto const refused = chat(chat_body("m-1"));
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.header("retry-after"), "1");
    held->raise();
    EXPECT_EQ(first->read_answer().status, 200);
    ASSERT_TRUE(gateway->wait_until_quiet());  // the caller has its answer a little before
    // An error, a refusal of the provider's, a broken stream, a caller who leaves.
    upstream.then(Reply::error(400, "x", "bad"));
    EXPECT_EQ(chat(chat_body("m-1")).status, 400);
    ASSERT_TRUE(gateway->wait_until_quiet());
    upstream.then(Reply::chunked().chunk(text_frame("a")).reset());
    chat(stream_body("m-1"));
    ASSERT_TRUE(gateway->wait_until_quiet());
    upstream.then(Reply::chunked().chunk(text_frame("a")).silence());
    {
        auto leaver = begin(chat_request(stream_body("m-1")));
        ASSERT_TRUE(leaver->read_until("\"a\""));
    }
    ASSERT_TRUE(gateway->wait_until_quiet());
    EXPECT_EQ(row("team", "concurrency")["used"], 0);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    compare_tokens = false;
}

TEST_F(Limits, ABudgetIsSpentToItsEndAndNotBeyond) {
    GatewayConfig config;
    config.more = "prices: {up/m-1: {input: 1000, output: 1000}}\n";  // 0.018 USD an answer
    start_limited("{usd: {amount: 1, per: month}}", config);
    int served = 0;
    Answer last;
    for (int i = 0; i < 80; ++i) {
        last = chat(chat_body("m-1", R"(,"max_tokens":7)"));
        if (last.status != 200) break;
        ++served;
    }
    ASSERT_EQ(last.status, 429);
    EXPECT_EQ(error_code(last), "budget_exceeded");
    EXPECT_NE(last.body.find("insufficient_quota"), std::string::npos);
    EXPECT_NE(error_message(last).find("1.0000 USD (usd per month) of team 'team'"),
              std::string::npos)
        << last.body;
    EXPECT_TRUE(last.header("retry-after"));
    auto const used = row("team", "usd per month")["used"].get<std::string>();
    EXPECT_EQ(used, fmt::format("0.{:03}000000", served * 18));
    EXPECT_LE(served * 18, 1000);
    // What is left is less than the bound of one more request: some 0.1 USD at this price.
    EXPECT_GE(served * 18, 850);
    gateway->daemon().budget_watch().look();
    EXPECT_EQ(gateway->daemon().budget_watch().warnings(), (std::array<std::uint64_t, 3>{1, 1, 1}));
}

TEST_F(Limits, AModelWithoutAPriceIsNotUsedWhereUsdIsLimited) {
    GatewayConfig config;
    config.more = "prices: {up/m-1: {input: 1, output: 1}}\n";
    start_limited("{usd: {amount: 100, per: month}, rpm: 100}", config);
    auto const refused = chat(chat_body("m-unknown"));
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(error_code(refused), "limits_unavailable");
    EXPECT_NE(error_message(refused).find("No price is known for this model"), std::string::npos)
        << refused.body;
    EXPECT_EQ(upstream.request_count(), 0U);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(row("team", "rpm")["used"], 1);
}

TEST_F(Limits, AModelWithoutAPriceIsPassedOverForOneThatHasOne) {
    GatewayConfig config;
    config.routes = "  chat: {tiers: [up/m-unknown, up/m-1]}\n";
    config.more = "prices: {up/m-1: {input: 1, output: 1}}\n";
    start_limited("{usd: {amount: 100, per: month}}", config);
    EXPECT_EQ(chat(chat_body("chat")).status, 200);
    EXPECT_EQ(upstream.request_count(), 1U);
    EXPECT_EQ(sent_body()["model"], "m-1");
}

TEST_F(Limits, AModelWithoutAPriceCostsNothingWhereThatIsSaid) {
    start_limited("{usd: {amount: 100, per: month}, on_unpriced: pass}");
    EXPECT_EQ(chat(chat_body("m-unknown")).status, 200);
    EXPECT_EQ(row("team", "usd per month")["used"], "0.000000000");
}

TEST_F(Limits, CountingTokensTakesAPlaceAndNothingElse) {
    GatewayConfig config;
    config.providers = fmt::format(
        "  up: {{kind: anthropic, base_url: \"{}\", limits: {{rpm: 1, tpm: 100}}, keys: {{main: "
        "{{value: {}}}}}}}\n",
        upstream.url(), provider_key);
    start_limited("{rpm: 1, tpm: 100, concurrency: 1, tokens: {amount: 100, per: total}}", config);
    compare_tokens = false;
    Request request =
        chat_request(R"({"model":"m-1","messages":[{"role":"user","content":"hi"}]})");
    request.target = "/v1/messages/count_tokens";
    request.headers.emplace_back("anthropic-version", "2023-06-01");
    for (int i = 0; i < 3; ++i) {
        upstream.then(Reply::whole(200, R"({"input_tokens":5})"));
        EXPECT_EQ(ask(request).status, 200);
        ASSERT_TRUE(gateway->wait_until_quiet());
    }
    for (auto const& each : rows()) EXPECT_EQ(each["used"], 0) << each;
    // One at once: it counts as under way.
    auto held = std::make_shared<Event>();
    upstream.then(
        Reply().wait(held).send(Reply::whole(200, R"({"input_tokens":5})").steps[0].bytes));
    auto waiting = begin(request);
    ASSERT_TRUE(upstream.wait_for_requests(4));
    EXPECT_EQ(ask(request).status, 429);
    held->raise();
    EXPECT_EQ(waiting->read_answer().status, 200);
    EXPECT_EQ(row("team", "concurrency")["used"], 0);
}

TEST_F(Limits, RetriesAreChargedAndStopWhereTheBudgetEnds) {
    GatewayConfig config;
    config.more = "prices: {up/m-1: {input: 1000, output: 1000}}\n";
    config.defaults = "retry: {attempts_max: 5, backoff_ms: 1, backoff_max_ms: 5}";
    start_limited("{usd: {amount: 0.5, per: day}}", config);
    // A stream that breaks before it speaks may have cost all it could.
    for (int i = 0; i < 5; ++i) upstream.then(Reply::chunked().chunk(": ping\n\n").reset());
    auto const answer = chat(stream_body("m-1", R"(,"max_tokens":7)"));
    EXPECT_GE(answer.status, 429);
    EXPECT_LT(upstream.request_count(), 5U);
    EXPECT_GE(upstream.request_count(), 2U);
    auto const used = std::stod(row("team", "usd per day")["used"].get<std::string>());
    EXPECT_LE(used, 0.5);
    EXPECT_GT(used, 0.1);
}

TEST_F(Limits, AProviderWithoutRoomIsPassedOverAndOnlyThenRefused) {
    FakeUpstream spare;
    GatewayConfig config;
    config.providers = provider_line("up", upstream.url(), "limits: {rpm: 2}") +
                       provider_line("spare", spare.url(), "target_limits: {m-1: {rpm: 1}}");
    config.routes = "  m-1: {tiers: [up/m-1, spare/m-1]}\n";
    start(config);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(upstream.request_count(), 2U);
    EXPECT_EQ(spare.request_count(), 1U);
    auto const refused = chat(chat_body("m-1"));
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(error_code(refused), "rate_limit_exceeded");
    EXPECT_EQ(refused.header("x-sluice-error-origin"), "gateway");
    EXPECT_EQ(refused.body.find("spare"), std::string::npos);
    EXPECT_TRUE(refused.header("retry-after"));
    compare_tokens = false;
}

TEST_F(Limits, ACredentialWithoutRoomLeavesTheRequestToAnother) {
    GatewayConfig config;
    config.providers = provider_line(
        "up", upstream.url(), "",
        "{one: {value: sk-provider-one, limits: {rpm: 1}}, two: {value: sk-provider-two, limits: "
        "{rpm: 2}}}");
    start(config);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(chat(chat_body("m-1")).status, 429);
    int ones = 0;
    for (auto const& request : upstream.requests()) {
        if (request.header("authorization") == "Bearer sk-provider-one") ++ones;
    }
    EXPECT_EQ(ones, 1);
}

TEST_F(Limits, BatchMayUseOnlyItsShare) {
    GatewayConfig config;
    start_limited("{rpm: 4, shares: {batch: 0.5}}", config, ", priority: batch");
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(chat(chat_body("m-1")).status, 429);
    EXPECT_EQ(with(second_key, chat_body("m-1")).status, 200);
    EXPECT_EQ(with(second_key, chat_body("m-1")).status, 200);
    EXPECT_EQ(with(second_key, chat_body("m-1")).status, 429);
}

TEST_F(Limits, EachUserAndEachTagHasItsOwn) {
    GatewayConfig config;
    config.more = "tags: {limits: {feature: {rpm: 3}}}\n";
    start_limited("{rpm: 100}", config, "", "    user_limits: {rpm: 1}\n");
    auto const by = [&](std::string const& user, std::string const& tag) {
        Request request = chat_request(
            chat_body("m-1", user.empty() ? "" : fmt::format(R"(,"user":"{}")", user)));
        if (!tag.empty()) request.headers.emplace_back("x-sluice-tags", "feature=" + tag);
        return ask(request).status;
    };
    EXPECT_EQ(by("ann", "a"), 200);
    EXPECT_EQ(by("ann", "a"), 429);
    EXPECT_EQ(by("bob", "a"), 200);
    EXPECT_EQ(by("", "a"), 200);  // those who name nobody share one
    EXPECT_EQ(by("", ""), 429);
    EXPECT_EQ(by("cid", "a"), 429);  // the fourth of this feature
    EXPECT_EQ(by("cid", "b"), 200);
}

TEST_F(Limits, AChangedCapFindsWhatWasUsed) {
    GatewayConfig config;
    auto const keys = [](int rpm) {
        return fmt::format("  team: {{limits: {{rpm: {}}}, keys: {{app: {{value: {}}}}}}}\n", rpm,
                           test_key);
    };
    config.keys = keys(2);
    start(config);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(chat(chat_body("m-1")).status, 429);
    config.keys = keys(3);
    ASSERT_TRUE(gateway->reload(config).is_applied());
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(chat(chat_body("m-1")).status, 429);
    config.keys = keys(1);
    ASSERT_TRUE(gateway->reload(config).is_applied());
    EXPECT_EQ(chat(chat_body("m-1")).status, 429);
    EXPECT_EQ(row("team", "rpm")["used"], 3);
}

TEST_F(Limits, BudgetsThatCannotBeKeptRefuseOrServeAsSaid) {
    GatewayConfig config;
    config.more = "prices: {up/m-1: {input: 1, output: 1}}\n";
    start_limited("{usd: {amount: 100, per: month}, on_store_down: closed}", config);
    ASSERT_EQ(chat(chat_body("m-1")).status, 200);
    std::filesystem::create_directory(gateway->dir() / "budgets.bin.new");  // in the way
    for (int i = 0; i < 200; ++i) {
        auto const answer = chat(chat_body("m-1", R"(,"max_tokens":5)"));
        if (answer.status == 503) {
            EXPECT_EQ(error_code(answer), "limits_unavailable");
            std::filesystem::remove(gateway->dir() / "budgets.bin.new");
            return;
        }
        ASSERT_EQ(answer.status, 200);
        std::this_thread::sleep_for(milliseconds{10});
    }
    FAIL() << "a budget that cannot be written was spent";
}

TEST_F(Limits, TheWebhookIsToldOnceAndSigned) {
    FakeUpstream hooks;
    hooks.answer_with([](Received const&) { return Reply::whole(200, "{}"); });
    hooks.then(Reply::error(503, "x", "not yet"));  // tried again
    GatewayConfig config;
    config.more = "prices: {up/m-1: {input: 1000, output: 1000}}\n";
    config.telemetry = fmt::format(
        "  access_log: {{format: \"off\"}}\n  budget_webhook: {{url: \"{}\", secret: "
        "hook-secret}}\n",
        hooks.url("/hook"));
    start_limited("{usd: {amount: 0.3, per: day}}", config);
    ASSERT_EQ(chat(chat_body("m-1", R"(,"max_tokens":7)")).status, 200);
    while (chat(chat_body("m-1", R"(,"max_tokens":7)")).status == 200) {
    }
    ASSERT_TRUE(hooks.wait_for_requests(2));
    auto const requests = hooks.requests();
    auto const body = nlohmann::json::parse(requests[1].body);
    EXPECT_EQ(requests[0].body, requests[1].body);
    EXPECT_EQ(body["type"], "budget_warning");
    EXPECT_EQ(body["owner"], "team");
    EXPECT_EQ(body["level_percent"], 50);
    auto const signature = requests[1].header("x-sluice-signature").value_or("");
    auto const comma = signature.find(",v1=");
    ASSERT_NE(comma, std::string::npos) << signature;
    EXPECT_EQ(signature, telemetry::webhook_signature(Secret{"hook-secret"},
                                                      std::stoll(signature.substr(2, comma - 2)),
                                                      requests[1].body));
}

}  // namespace
}  // namespace sluice::test
