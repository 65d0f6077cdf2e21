// Which target gets a request: names and globs, tiers, weights, failover, skipping what fails.
#include <fmt/format.h>
#include <map>
#include <thread>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

class Routing : public Integration {
  protected:
    // Providers a, b and c, told apart by their path.
    void start_with(std::string const& routes, std::string const& defaults = "") {
        GatewayConfig config;
        for (auto const* name : {"a", "b", "c"}) {
            config.providers += provider_line(name, upstream.url("/" + std::string(name)));
        }
        config.routes = routes;
        config.defaults = defaults;
        start(config);
    }
    // Providers named in `failing` answer 500, the others well.
    void fail(std::string failing) {
        upstream.answer_with([failing](Received const& request) {
            auto const provider = request.target().substr(1, 1);
            if (failing.find(provider) != failing.npos) return Reply::error(500, "x", "x");
            return Reply::whole(200, chat_answer(provider)).tokens(11, 7);
        });
    }
    std::string provider_of(Answer const& answer) {
        return answer.header("x-sluice-provider").value_or("");
    }
    std::string tried() const {
        std::string all;
        for (auto const& request : upstream.requests()) all += request.target().substr(1, 1);
        return all;
    }
};

TEST_F(Routing, ExactBeatsGlobAndALongerPrefixBeatsAShorter) {
    start_with("  \"*\": a\n  \"gpt-*\": b\n  \"gpt-4-*\": c\n  gpt-4-exact: a/other\n");
    fail("");
    for (auto const& [model, provider] : std::map<std::string, std::string>{
             {"anything", "a"}, {"gpt-3", "b"}, {"gpt-4-mini", "c"}, {"gpt-4-exact", "a"}}) {
        EXPECT_EQ(provider_of(chat(chat_body(model))), provider) << model;
    }
    EXPECT_EQ(nlohmann::json::parse(upstream.requests()[0].body)["model"], "anything");
}

TEST_F(Routing, AliasChangesTheModelAndTellsBoth) {
    start_with("  chat-fast: a/qwen3:8b/x\n");
    auto const answer = chat(chat_body("chat-fast"));
    EXPECT_EQ(answer.header("x-sluice-route"), "chat-fast");
    EXPECT_EQ(answer.header("x-sluice-model"), "qwen3:8b/x");
    EXPECT_EQ(upstream.requests()[0].body, chat_body("qwen3:8b/x"));
    auto const record = last_record();
    EXPECT_EQ(record.at("model_asked"), "chat-fast");
    EXPECT_EQ(record.at("attempts")[0].at("model"), "qwen3:8b/x");
}

TEST_F(Routing, WeightsShareATier) {
    start_with("  m: {tiers: [{a/x: 3, b/x: 1}]}\n");
    fail("");
    std::map<std::string, int> count;
    for (int i = 0; i < 400; ++i) ++count[provider_of(chat(chat_body("m")))];
    EXPECT_NEAR(count["a"], 300, 44);
    EXPECT_EQ(count["a"] + count["b"], 400);
}

TEST_F(Routing, TheNextTierIsForWhenThisOneFails) {
    start_with("  m: {tiers: [{a/x: 1}, {b/x: 1}, {c/x: 1}]}\n");
    fail("");
    EXPECT_EQ(provider_of(chat(chat_body("m"))), "a");
    fail("a");
    EXPECT_EQ(provider_of(chat(chat_body("m"))), "b");
    fail("ab");
    EXPECT_EQ(provider_of(chat(chat_body("m"))), "c");
    EXPECT_EQ(tried(), "aababc");
}

TEST_F(Routing, TheOtherTargetsOfATierAreTriedFirst) {
    start_with("  m: {tiers: [{a/x: 1, b/x: 1}, {c/x: 1}]}\n");
    fail("ab");
    EXPECT_EQ(provider_of(chat(chat_body("m"))), "c");
    auto const order = tried();
    EXPECT_TRUE(order == "abc" || order == "bac") << order;
}

TEST_F(Routing, AttemptsMaxBoundsAllTargetsTogether) {
    start_with("  m: {tiers: [{a/x: 1}, {b/x: 1}, {c/x: 1}], retry: {attempts_max: 2}}\n");
    fail("abc");
    EXPECT_GE(chat(chat_body("m")).status, 500);
    EXPECT_EQ(tried(), "ab");
}

TEST_F(Routing, TheCallersOwnMistakesAreNotRetried) {
    start_with("  m: {tiers: [{a/x: 1}, {b/x: 1}]}\n");
    upstream.answer_with([](Received const&) {
        return Reply::whole(
            400,
            R"({"error":{"message":"bad n","type":"invalid_request_error","param":"n","code":"invalid_value"},"extra":1})");
    });
    auto const answer = chat(chat_body("m"));
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(
        answer.body,
        R"({"error":{"message":"bad n","type":"invalid_request_error","param":"n","code":"invalid_value"},"extra":1})");
    EXPECT_EQ(tried(), "a");
}

TEST_F(Routing, RetryWhenNamesWhatIsTriedAgain) {
    start_with("  m: {tiers: [{a/x: 1}, {b/x: 1}], retry: {when: [connect]}}\n");
    fail("a");
    EXPECT_GE(chat(chat_body("m")).status, 500);
    EXPECT_EQ(tried(), "a");
}

TEST_F(Routing, AStreamFailsOverBeforeItSpeaks) {
    start_with("  m: {tiers: [{a/x: 1}, {b/x: 1}]}\n");
    upstream.answer_with([](Received const& request) {
        if (request.target().starts_with("/a")) {
            return Reply::chunked()
                .chunk(": hello\n\n")
                .chunk(chat_frame(R"({"role":"assistant","content":""})"))
                .fin();
        }
        return Reply::events(chat_stream(3, true)).tokens(11, 7);
    });
    auto const answer = chat(stream_body("m"));
    EXPECT_EQ(provider_of(answer), "b");
    std::string whole;
    for (auto const& frame : chat_stream(3, false)) whole += frame;
    EXPECT_EQ(answer.body, whole) << "bytes of the failed attempt went out";
}

TEST_F(Routing, ATargetThatFailsInARowIsSkippedAndProbedByOne) {
    start_with("  m: {tiers: [{a/x: 1}, {b/x: 1}]}\n",
               "health: {failures_in_a_row: 3, skip_ms: 600}");
    fail("a");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(provider_of(chat(chat_body("m"))), "b");
    EXPECT_EQ(tried(), "ababab");
    auto const skipped_at = Clock::now();
    for (int i = 0; i < 5; ++i) EXPECT_EQ(provider_of(chat(chat_body("m"))), "b");
    ASSERT_LT(Clock::now() - skipped_at, milliseconds{600}) << "too slow a machine to tell";
    EXPECT_EQ(tried(), "abababbbbbb") << "a skipped target was asked";

    std::this_thread::sleep_for(milliseconds{700});
    // While the probe is out, everyone else goes on to b.
    auto const go = std::make_shared<Event>();
    upstream.answer_with([go](Received const& request) {
        auto const provider = request.target().substr(1, 1);
        Reply reply;
        if (provider == "a") reply.wait(go);
        return reply.send(Reply::whole(200, chat_answer(provider)).steps[0].bytes).tokens(11, 7);
    });
    auto probe = begin(chat_request(chat_body("m")));
    ASSERT_TRUE(upstream.wait_for_requests(12));
    EXPECT_EQ(tried().back(), 'a') << "no probe";
    for (int i = 0; i < 3; ++i) EXPECT_EQ(provider_of(chat(chat_body("m"))), "b");
    go->raise();
    EXPECT_EQ(probe->read_answer().body, chat_answer("a"));
    EXPECT_EQ(provider_of(chat(chat_body("m"))), "a") << "not taken back after a good probe";
}

TEST_F(Routing, AnExhaustedRouteTellsWhenToComeBack) {
    start_with("  m: {tiers: [{a/x: 1}]}\n",
               "retry: {attempts_max: 1}, health: {failures_in_a_row: 2, skip_ms: 30000}");
    fail("a");
    chat(chat_body("m"));
    chat(chat_body("m"));
    auto const answer = chat(chat_body("m"));
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(error_code(answer), "provider_unavailable");
    EXPECT_TRUE(answer.header("retry-after"));
    EXPECT_EQ(tried(), "aa");
}

TEST_F(Routing, OneModelsFailuresDoNotSkipAnother) {
    start_with("  \"m-*\": a\n",
               "retry: {attempts_max: 1}, health: {failures_in_a_row: 2, skip_ms: 30000}");
    upstream.answer_with([](Received const& request) {
        if (request.body.find("m-bad") != std::string::npos) return Reply::error(500, "x", "x");
        return Reply::whole(200, chat_answer("fine")).tokens(11, 7);
    });
    for (int i = 0; i < 4; ++i) chat(chat_body("m-bad"));
    EXPECT_EQ(chat(chat_body("m-good")).status, 200) << "a glob's models share one breaker";
}

TEST_F(Routing, UnknownModelNamesTheNearest) {
    start_with("  chat-fast: a/x\n  chat-slow: a/y\n");
    auto const answer = chat(chat_body("chat-fats"));
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(error_code(answer), "model_not_found");
    EXPECT_NE(error_message(answer).find("chat-fast"), std::string::npos);
}

}  // namespace
}  // namespace sluice::test
