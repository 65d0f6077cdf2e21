// What a record says of money and of whom it is for: cost by the price of the model, tags, end
// users; and what is known of an answer whose caller left.
#include <fmt/format.h>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

class Accounting : public Integration {
  protected:
    void start_priced(std::string const& more = "") {
        GatewayConfig config;
        config.more =
            "prices:\n"
            "  up/m-1: {input: 2.50, cache_read: 1.25, output: 10}\n"
            "  up/m-3: {input: 1, output: 1, service_tiers: {priority: {input: 3, output: 3}}}\n" +
            more;
        start(config);
    }
    Answer tagged(std::string_view tags, std::string_view body = "") {
        auto request = chat_request(body.empty() ? chat_body("m-1") : body);
        request.headers.emplace_back("x-sluice-tags", tags);
        return ask(request);
    }
};

TEST_F(Accounting, CostIsTokensTimesPrice) {
    start_priced();
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    auto const record = last_record();
    EXPECT_EQ(record.at("cost_pico_usd"), 11 * 2'500'000 + 7 * 10'000'000);
    auto const& attempt = record.at("attempts").at(0);
    EXPECT_EQ(attempt.at("cost_pico_usd"), record.at("cost_pico_usd"));
    EXPECT_EQ(attempt.at("price"), "config/up/m-1");
    EXPECT_EQ(attempt.at("response_model"), "m-1");
    EXPECT_EQ(attempt.at("finish_reason"), "stop");
}

TEST_F(Accounting, AModelWithoutAPriceCostsUnknownNotNothing) {
    start_priced();
    EXPECT_EQ(chat(chat_body("m-2")).status, 200);
    auto const record = last_record();
    EXPECT_TRUE(record.at("cost_pico_usd").is_null());
    EXPECT_TRUE(record.at("attempts").at(0).at("cost_pico_usd").is_null());
    EXPECT_EQ(record.at("attempts").at(0).at("price"), "");
}

TEST_F(Accounting, AFailedAttemptWithoutTokensCostsNothing) {
    start_priced();
    upstream.then(Reply::error(500, "x", "x"));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    auto const record = last_record();
    ASSERT_EQ(record.at("attempts").size(), 2U);
    EXPECT_TRUE(record.at("attempts").at(0).at("cost_pico_usd").is_null());
    EXPECT_EQ(record.at("cost_pico_usd"), 11 * 2'500'000 + 7 * 10'000'000);
}

TEST_F(Accounting, TheServiceTierOfTheAnswerIsPriced) {
    start_priced();
    auto answer = chat_answer("hi");
    std::string_view const plain = "\"default\"";
    answer.replace(answer.find(plain), plain.size(), "\"priority\"");
    upstream.then(Reply::whole(200, answer).tokens(11, 7));
    EXPECT_EQ(chat(chat_body("m-3")).status, 200);
    EXPECT_EQ(last_record().at("cost_pico_usd"), 18 * 3'000'000);
    auto frames = chat_stream(2, true);
    for (auto& frame : frames) {
        auto const at = frame.find('{');
        if (at != frame.npos) frame.insert(at + 1, R"("service_tier":"priority",)");
    }
    upstream.then(Reply::events(frames).tokens(11, 7));
    EXPECT_EQ(chat(stream_body("m-3")).status, 200);
    auto const record = last_record();
    EXPECT_EQ(record.at("attempts").at(0).at("service_tier"), "priority");
    EXPECT_EQ(record.at("cost_pico_usd"), 18 * 3'000'000);
}

TEST_F(Accounting, TagsComeFromHeaderAndMetadata) {
    start_priced();
    EXPECT_EQ(tagged(" Feature = search , beta",
                     chat_body("m-1", R"(,"metadata":{"stage":"prod","feature":"late","n":1,)"
                                      R"("Not A Name":"x"},"user":"u-7")"))
                  .status,
              200);
    auto const record = last_record();
    EXPECT_EQ(record.at("tags"),
              nlohmann::json::parse(R"(["beta","feature=search","stage=prod"])"));
    EXPECT_EQ(record.at("user"), "u-7");
    auto const received = upstream.requests().back();
    EXPECT_FALSE(received.header("x-sluice-tags"));
    EXPECT_NE(received.body.find(R"("metadata":{"stage":"prod")"), std::string::npos);
}

TEST_F(Accounting, OnlyTheTagsThatAreAskedForAreKept) {
    start_priced("tags: {names: [feature], from_metadata: false}\n");
    EXPECT_EQ(
        tagged("feature=a, other=b", chat_body("m-1", R"(,"metadata":{"feature":"x"})")).status,
        200);
    EXPECT_EQ(last_record().at("tags"), nlohmann::json::parse(R"(["feature=a"])"));
}

TEST_F(Accounting, ValuesOfTagsAndUsersAreBounded) {
    GatewayConfig config;
    config.workers = 1;
    config.more = "tags: {values_max: 2, users_max: 1}\n";
    start(config);
    for (auto const* value : {"a", "b", "c"}) {
        auto const body = chat_body("m-1", fmt::format(R"(,"user":"{}")", value));
        EXPECT_EQ(tagged(fmt::format("f={}", value), body).status, 200);
    }
    auto const record = last_record();
    EXPECT_EQ(record.at("tags"), nlohmann::json::parse(R"j(["f=(other)"])j"));
    EXPECT_EQ(record.at("user"), "(other)");
}

TEST_F(Accounting, TagsThatCannotBeReadAreRefused) {
    start_priced();
    for (auto const* bad : {"=x", "a b=c", "a=b, \xc3\xa4=1"}) {
        auto const answer = tagged(bad);
        EXPECT_EQ(answer.status, 400) << bad;
        EXPECT_NE(error_message(answer).find("x-sluice-tags"), std::string::npos);
    }
    EXPECT_EQ(upstream.request_count(), 0U);
}

// The caller leaves; under `drain` the provider's answer is read on and its usage is exact.
class Drained : public Integration {
  protected:
    void start_draining() {
        GatewayConfig config;
        config.defaults = "on_disconnect: drain";
        config.more = "prices: {up/m-1: {input: 1, output: 1}}\n";
        start(config);
    }
};

TEST_F(Drained, InMidStreamItHasItsExactUsage) {
    start_draining();
    auto const go = std::make_shared<Event>();
    auto const frames = chat_stream(5, true);
    upstream.then(Reply::chunked()
                      .chunk(frames[0])
                      .chunk(frames[1])
                      .wait(go)
                      .chunks({frames.begin() + 2, frames.end()})
                      .last_chunk()
                      .tokens(11, 7));
    auto client = begin(chat_request(stream_body("m-1")));
    ASSERT_TRUE(client->read_until("w0 "));
    client->socket().reset();
    EXPECT_FALSE(upstream.wait_for_closes(1, milliseconds{100})) << "the provider was cut off";
    go->raise();
    auto const record = last_record();
    EXPECT_TRUE(record.at("client_gone").get<bool>());
    EXPECT_FALSE(record.at("completed").get<bool>());
    auto const& attempt = record.at("attempts").at(0);
    EXPECT_TRUE(attempt.at("drained").get<bool>());
    EXPECT_EQ(attempt.at("outcome"), "answered");
    EXPECT_FALSE(attempt.at("estimated").get<bool>());
    EXPECT_EQ(record.at("usage").at("output"), 7);
    EXPECT_EQ(record.at("cost_pico_usd"), 18'000'000);
}

TEST_F(Drained, BeforeTheAnswerItHasItsExactUsage) {
    start_draining();
    auto const go = std::make_shared<Event>();
    auto reply = Reply().wait(go);
    reply.send(Reply::whole(200, chat_answer("late")).steps[0].bytes).tokens(11, 7);
    upstream.then(std::move(reply));
    auto client = begin(chat_request(chat_body("m-1")));
    ASSERT_TRUE(upstream.wait_for_requests(1));
    client->socket().reset();
    EXPECT_FALSE(upstream.wait_for_closes(1, milliseconds{100}));
    go->raise();
    auto const record = last_record();
    EXPECT_TRUE(record.at("client_gone").get<bool>());
    EXPECT_EQ(record.at("usage").at("input"), 11);
    EXPECT_FALSE(record.at("attempts").at(0).at("estimated").get<bool>());
    EXPECT_EQ(upstream.request_count(), 1U);
}

TEST_F(Drained, NobodyIsAskedAgainForACallerWhoLeft) {
    start_draining();
    auto const go = std::make_shared<Event>();
    auto reply = Reply().wait(go);
    reply.send(Reply::error(500, "x", "x").steps[0].bytes);
    upstream.then(std::move(reply));
    auto client = begin(chat_request(chat_body("m-1")));
    ASSERT_TRUE(upstream.wait_for_requests(1));
    client->socket().reset();
    ASSERT_TRUE(
        gateway->wait_until([](auto const& stats) { return stats.requests_in_flight == 1; }));
    go->raise();
    EXPECT_EQ(last_record().at("attempts").size(), 1U);
    EXPECT_EQ(upstream.request_count(), 1U);
}

TEST_F(Drained, ItEndsWithTheDrainOfTheGateway) {
    start_draining();
    compare_tokens = false;
    upstream.then(Reply::chunked().chunk(text_frame("one ")).silence());
    auto client = begin(chat_request(stream_body("m-1")));
    ASSERT_TRUE(client->read_until("one "));
    client->socket().reset();
    EXPECT_FALSE(upstream.wait_for_closes(1, milliseconds{100}));
    gateway->stop(milliseconds{100});
    auto const records = all_records();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_TRUE(records[0].at("attempts").at(0).at("estimated").get<bool>());
    EXPECT_TRUE(upstream.wait_for_closes(1));
}

}  // namespace
}  // namespace sluice::test
