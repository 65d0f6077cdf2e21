// The bounds on connections to providers: what is told above them, who else is asked, and that a
// reload moves them.
#include <fmt/format.h>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

using Json = nlohmann::json;

class UpstreamPool : public Integration {
  protected:
    static GatewayConfig bounded(std::string const& upstreams) {
        GatewayConfig config;
        config.workers = 1;
        config.server = fmt::format("  upstreams: {{{}}}\n", upstreams);
        return config;
    }
    // Streams that wait in their middle until `go`.
    std::vector<std::unique_ptr<RawClient>> hold(std::size_t count) {
        upstream.answer_with([go = go](Received const&) {
            auto const frames = chat_stream(2, true);
            return Reply::chunked()
                .chunks({frames[0], frames[1]})
                .wait(go)
                .chunks({frames.begin() + 2, frames.end()})
                .last_chunk()
                .tokens(11, 7);
        });
        std::vector<std::unique_ptr<RawClient>> held;
        for (std::size_t i = 0; i < count; ++i) held.push_back(begin(streamed()));
        EXPECT_TRUE(upstream.wait_for_requests(count));
        return held;
    }
    static Request streamed() {
        return chat_request(stream_body("m-1", R"(,"stream_options":{"include_usage":true})"));
    }

    std::shared_ptr<Event> const go = std::make_shared<Event>();
};

TEST_F(UpstreamPool, MoreThanTheBoundIsToldWhatToRaise) {
    start(bounded("connections_max: 2"));
    auto const held = hold(2);
    auto const refused = chat(chat_body("m-1"));
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(error_code(refused), "server_is_overloaded");
    EXPECT_NE(error_message(refused).find("server.upstreams.connections_max"), std::string::npos);
    EXPECT_EQ(error_message(refused).find("127.0.0.1"), std::string::npos)
        << "an upstream's address";
    EXPECT_TRUE(refused.header("retry-after"));

    auto request = chat_request(
        R"({"model":"m-1","max_tokens":5,"messages":[{"role":"user","content":"hi"}]})");
    request.target = "/v1/messages";
    auto const anthropic = ask(request);
    EXPECT_EQ(anthropic.status, 503);
    EXPECT_EQ(Json::parse(anthropic.body).at("error").at("type"), "overloaded_error");
    EXPECT_EQ(upstream.request_count(), 2U) << "one was let through";
    go->raise();
    for (auto const& client : held) EXPECT_EQ(client->read_answer().status, 200);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
}

TEST_F(UpstreamPool, AReloadRaisesTheBoundAtOnce) {
    start(bounded("connections_max: 1"));
    auto const held = hold(1);
    EXPECT_EQ(chat(chat_body("m-1")).status, 503);
    ASSERT_TRUE(gateway->reload(bounded("connections_max: 2")).is_applied());
    auto const second = begin(streamed());
    EXPECT_TRUE(upstream.wait_for_requests(2)) << "still refused, though the first one is held";
    go->raise();
    EXPECT_EQ(held.front()->read_answer().status, 200);
    EXPECT_EQ(second->read_answer().status, 200);
}

// Whatever `retry.when` names: a full pool is no failure of a provider.
TEST_F(UpstreamPool, TheNextTargetIsAsked) {
    FakeUpstream other;
    other.answer_with(
        [](Received const&) { return Reply::whole(200, chat_answer("other")).tokens(11, 7); });
    compare_tokens = false;  // two journals
    auto config = bounded("connections_max: 1");
    config.defaults = "retry: {when: [timeout], backoff_ms: 1}, health: {failures_in_a_row: 1}";
    config.providers = provider_line("up", upstream.url()) + provider_line("other", other.url());
    config.routes = "  m-1: {tiers: [up/m-1, other/m-1]}\n";
    start(config);
    auto const held = hold(1);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(other.request_count(), 2U);
    go->raise();
    EXPECT_EQ(held.front()->read_answer().status, 200);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(upstream.request_count(), 2U) << "the full one was taken for a failing one";
}

TEST_F(UpstreamPool, OnlySoManyAreKeptBetweenRequests) {
    start(bounded("idle_max: 1"));
    auto const held = hold(3);
    EXPECT_EQ(gateway->stats().upstream_open, 3U);
    go->raise();
    for (auto const& client : held) EXPECT_EQ(client->read_answer().status, 200);
    EXPECT_TRUE(gateway->wait_until(
        [](auto const& s) { return s.upstream_open == 1 && s.upstream_idle == 1; }));
    ASSERT_TRUE(gateway->reload(bounded("idle_max: 0")).is_applied());
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_TRUE(gateway->wait_until([](auto const& s) { return s.upstream_open == 0; }));
}

TEST_F(UpstreamPool, AnAnswersHeadHasABoundOfItsOwn) {
    auto config = bounded("head_bytes_max: 2048");
    config.defaults = "retry: {attempts_max: 1}";
    start(config);
    auto const answer = [](std::size_t padding) {
        auto const body = chat_answer("x");
        return Reply::raw(
            fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                        "X-Padding: {}\r\nContent-Length: {}\r\n\r\n{}",
                        std::string(padding, 'p'), body.size(), body));
    };
    upstream.then(answer(1000).tokens(11, 7));
    upstream.then(answer(4000));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(chat(chat_body("m-1")).status, 502);
    ASSERT_TRUE(gateway->reload(bounded("head_bytes_max: 8192")).is_applied());
    upstream.then(answer(4000).tokens(11, 7));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
}

}  // namespace
}  // namespace sluice::test
