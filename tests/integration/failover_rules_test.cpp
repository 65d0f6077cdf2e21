// What counts against whom, and what another try may help with.
#include <fmt/format.h>
#include <thread>

#include "integration/fixture.hpp"
#include "support/encodings.hpp"

namespace sluice::test {
namespace {

class FailoverRules : public Integration {
  protected:
    void start_with(std::string defaults, std::string providers = {}, std::string routes = {}) {
        GatewayConfig config;
        config.workers = 1;
        config.defaults = std::move(defaults);
        config.providers = std::move(providers);
        config.routes = std::move(routes);
        start(config);
    }
};

TEST_F(FailoverRules, AThrottleWithoutRetryAfterIsWaitedOutToo) {
    start();
    upstream.then(Reply::error(429, "rate_limit_exceeded", "slow down"));
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(upstream.request_count(), 2U);
}

TEST_F(FailoverRules, AStatusTheRouteListsIsTriedAgainByTheProvidersOwnNumber) {
    start_with("retry: {when: [500, 409], attempts_max: 3, backoff_ms: 1}");
    upstream.then(Reply::error(500, "x", "once"));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(upstream.request_count(), 2U);
    upstream.then(Reply::error(409, "x", "locked"));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(upstream.request_count(), 4U);
    upstream.then(Reply::error(502, "x", "not listed"));
    EXPECT_EQ(chat(chat_body("m-1")).status, 502);
    EXPECT_EQ(upstream.request_count(), 5U);
}

TEST_F(FailoverRules, ABadMomentOfOneTargetOutlivesAnothersUnknownModel) {
    FakeUpstream other;
    other.answer_with([](Received const&) {
        return Reply::error(404, "model_not_found", "The model does not exist");
    });
    start_with("retry: {when: [5xx], attempts_max: 6, backoff_ms: 1}",
               provider_line("up", upstream.url()) + provider_line("other", other.url()),
               "  m-1: {tiers: [up/m-1, other/m-1]}\n");
    upstream.then(Reply::error(500, "x", "a bad moment"));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(upstream.request_count(), 2U) << "the second round asks the first target again";
}

TEST_F(FailoverRules, AHeadWithoutABodyIsBoundByTheFirstByteTime) {
    start_with("timeout: {first_byte_ms: 300, idle_ms: 60000}, retry: {attempts_max: 1}");
    upstream.then(Reply::raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Content-Length: 500\r\n\r\n")
                      .silence());
    EXPECT_EQ(ask(chat_request(chat_body("m-1")), milliseconds{15'000}).status, 504);
}

TEST_F(FailoverRules, ARefusalWithoutItsBodyDoesNotHoldUpTheNextTry) {
    start_with("timeout: {first_byte_ms: 300, idle_ms: 60000}");
    upstream.then(Reply::raw("HTTP/1.1 500 Oops\r\nContent-Type: application/json\r\n"
                             "Content-Length: 500\r\n\r\n{")
                      .silence());
    EXPECT_EQ(ask(chat_request(chat_body("m-1")), milliseconds{15'000}).status, 200);
    EXPECT_EQ(upstream.request_count(), 2U);
}

TEST_F(FailoverRules, AGoodAnswerThatTakesItsTimeIsNotThrownAway) {
    start_with("timeout: {first_byte_ms: 150, idle_ms: 20000}");
    auto const body = chat_answer(std::string(3000, 'x'));
    auto slow = Reply::raw(fmt::format(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        body.size(), body.substr(0, 1500)));
    slow.pause(milliseconds{250}).send(body.substr(1500, 700)).pause(milliseconds{250});
    upstream.then(slow.send(body.substr(2200)).tokens(11, 7));
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, body);
    EXPECT_EQ(upstream.request_count(), 1U) << "it was asked, and paid, twice";
}

TEST_F(FailoverRules, ABigCompressedAnswerIsNotThrownAway) {
    start();
    auto const body = chat_answer(std::string(400'000, 'y'));
    auto const packed = encode("gzip", body);
    auto reply =
        Reply::raw(fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               "Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n{}",
                               packed.size(), packed.substr(0, packed.size() / 2)));
    reply.pause(milliseconds{50}).send(packed.substr(packed.size() / 2)).tokens(11, 7);
    upstream.then(std::move(reply));
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, body);
    EXPECT_EQ(upstream.request_count(), 1U);
}

TEST_F(FailoverRules, ASlowUploadIsTheCallersOwn) {
    start_with(
        "timeout: {total_ms: 400, first_byte_ms: 300, idle_ms: 300, connect_ms: 200}, "
        "health: {failures_in_a_row: 2, skip_ms: 60000}");
    auto const body = chat_body("m-1");
    for (int i = 0; i < 3; ++i) {
        auto caller = begin(Request{"POST",
                                    "/v1/chat/completions",
                                    {{"Authorization", fmt::format("Bearer {}", test_key)},
                                     {"Content-Type", "application/json"},
                                     {"Content-Length", std::to_string(body.size())}},
                                    ""});
        caller->send(body.substr(0, 5));
        std::this_thread::sleep_for(milliseconds{600});
        caller->send(body.substr(5));
        EXPECT_EQ(caller->read_answer().status, 408);
    }
    EXPECT_EQ(upstream.request_count(), 0U);
    EXPECT_EQ(chat(body).status, 200) << "the provider was blamed";
}

TEST_F(FailoverRules, ALongModelNameIsRefused) {
    start();
    auto const answer = chat(chat_body(std::string(300, 'm')));
    EXPECT_EQ(answer.status, 400);
    EXPECT_FALSE(answer.header("x-sluice-model"));
    EXPECT_EQ(upstream.request_count(), 0U);
}

TEST_F(FailoverRules, TheCallersWordsBenchNoCredential) {
    start();
    upstream.then(Reply::error(404, "model_not_found",
                               "The model `p-api key invalid` does not exist or is invalid"));
    EXPECT_EQ(chat(chat_body("m-api key invalid")).status, 404);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
}

}  // namespace
}  // namespace sluice::test
