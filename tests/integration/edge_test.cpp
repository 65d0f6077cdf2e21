// The edge: who the client is behind proxies, where a key may be used from, guessing keys, caps,
// and what a caller may ask for in headers.
#include <fmt/format.h>
#include <thread>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

constexpr char trusting[] = "  trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]\n";

// The key is for 203.0.113.0/24 only.
constexpr char bound_key[] =
    "  team:\n"
    "    allow_from: [203.0.113.0/24, 2001:db8::/32]\n"
    "    keys:\n"
    "      app: {value: sk-test-client-key-0001}\n"
    "      narrow: {value: sk-test-client-key-0002, allow_from: [203.0.113.9]}\n";

class Edge : public Integration {
  protected:
    void start_with(std::string server, std::string keys = "", std::string listener = "") {
        GatewayConfig config;
        config.server = std::move(server);
        config.keys = std::move(keys);
        config.listener = std::move(listener);
        config.defaults = "timeout: {total_ms: 5000}, retry: {attempts_max: 3, backoff_ms: 5}";
        start(config);
    }
    Answer from(Headers more, std::string_view key = test_key) {
        auto request = chat_request(chat_body("m-1"));
        request.headers = with_key(key);
        request.headers.insert(request.headers.end(), more.begin(), more.end());
        return ask(request);
    }
    std::string metrics() { return fetch(gateway->admin_port(), {"GET", "/metrics", {}, ""}).body; }
};

TEST_F(Edge, KeysAreBoundToAddressesBehindTrustedProxies) {
    start_with(trusting, bound_key);
    EXPECT_EQ(from({{"X-Forwarded-For", "203.0.113.7"}}).status, 200);
    EXPECT_EQ(from({{"X-Forwarded-For", "203.0.113.7, 10.0.0.9"}}).status, 200);
    EXPECT_EQ(from({{"Forwarded", "for=\"[2001:db8::1]:99\";proto=https"}}).status, 200);
    for (Headers const& headers : std::vector<Headers>{
             {},
             {{"X-Forwarded-For", "198.51.100.1"}},
             {{"X-Forwarded-For", "203.0.113.7, 198.51.100.1"}},
             {{"X-Forwarded-For", "203.0.113.7"}, {"X-Forwarded-For", "198.51.100.1"}},
             {{"Forwarded", "for=203.0.113.7, for=198.51.100.1"}},
             {{"Forwarded", "for=unknown"}}}) {
        auto const answer = from(headers);
        EXPECT_EQ(answer.status, 403) << answer.body;
        EXPECT_EQ(error_code(answer), "address_not_allowed");
    }
    EXPECT_NE(metrics().find(R"(sluice_auth_total{verdict="wrong_address"} 6)"), std::string::npos);
    EXPECT_EQ(from({{"X-Forwarded-For", "203.0.113.9"}}, "sk-test-client-key-0002").status, 200);
    EXPECT_EQ(from({{"X-Forwarded-For", "203.0.113.8"}}, "sk-test-client-key-0002").status, 403)
        << "a key narrows its team";
}

TEST_F(Edge, HeadersOfPeersThatAreNotTrustedAreNotLookedAt) {
    start_with("  trusted_proxies: [192.0.2.0/24]\n", bound_key);
    EXPECT_EQ(from({{"X-Forwarded-For", "203.0.113.7"}}).status, 403);
    EXPECT_EQ(from({{"Forwarded", "for=203.0.113.7"}}).status, 403);
    EXPECT_EQ(from({{"Forwarded", "\"broken"}}).status, 403);
}

TEST_F(Edge, TwoHeadersThatDisagreeAreRefused) {
    start_with(trusting, bound_key);
    auto const both = from({{"X-Forwarded-For", "203.0.113.7"}, {"Forwarded", "for=203.0.113.8"}});
    EXPECT_EQ(both.status, 400);
    EXPECT_NE(error_message(both).find("forwarded_header"), std::string::npos);
    EXPECT_EQ(from({{"X-Forwarded-For", "203.0.113.7"}, {"Forwarded", "for=203.0.113.7"}}).status,
              200);
    EXPECT_EQ(from({{"Forwarded", "for=\"203.0.113.7"}}).status, 400);
}

TEST_F(Edge, OneHeaderCanBeNamedAsTheOneThatCounts) {
    start_with(std::string(trusting) + "  forwarded_header: x-forwarded-for\n", bound_key);
    EXPECT_EQ(from({{"X-Forwarded-For", "203.0.113.7"}, {"Forwarded", "for=1.1.1.1"}}).status, 200);
    EXPECT_EQ(from({{"Forwarded", "for=203.0.113.7"}}).status, 403);
}

TEST_F(Edge, ProxyHeadersNameTheClient) {
    start_with(trusting, bound_key, "proxy_protocol: true");
    auto const wire = to_wire(chat_request(chat_body("m-1")));
    for (auto const& [header, status] : std::vector<std::pair<std::string, int>>{
             {"PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n", 200},
             {"PROXY TCP4 198.51.100.1 10.0.0.1 1 2\r\n", 403},
             {std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c", 16) +
                  std::string("\xcb\x00\x71\x07\x0a\x00\x00\x01\x00\x01\x00\x02", 12),
              200}}) {
        RawClient client(gateway->port());
        client.send(header + wire);
        count_request();
        EXPECT_EQ(client.read_answer().status, status);
    }
    RawClient bare(gateway->port());
    bare.send(wire);
    EXPECT_NE(bare.read_to_end(), Io::timeout);
    EXPECT_EQ(bare.received(), "");
}

TEST_F(Edge, ForwardedHeadersAndTheCallersWishesStayHere) {
    start_with(trusting);
    EXPECT_EQ(from({{"X-Forwarded-For", "203.0.113.7"},
                    {"X-Forwarded-Proto", "https"},
                    {"x-sluice-timeout-ms", "4000"},
                    {"x-sluice-retries", "1"}})
                  .status,
              200);
    auto const head = upstream.requests()[0].head;
    for (auto const* name : {"orwarded", "sluice", "203.0.113"}) {
        EXPECT_EQ(head.find(name), std::string::npos) << head;
    }
}

TEST_F(Edge, GuessingKeysIsThrottledPerAddress) {
    start_with(std::string(trusting) +
               "  auth_throttle: {failures: 3, window_s: 60, block_s: 60}\n");
    Headers const guesser = {{"X-Forwarded-For", "198.51.100.1"}};
    for (int i = 0; i < 3; ++i) EXPECT_EQ(from(guesser, "sk-guess").status, 401) << i;
    for (auto const* key : {"sk-guess", test_key}) {
        auto const answer = from(guesser, key);
        EXPECT_EQ(answer.status, 429) << "a right key is not looked at either";
        EXPECT_EQ(error_code(answer), "too_many_auth_failures");
        auto const wait = std::stoi(answer.header("retry-after").value_or("0"));
        EXPECT_TRUE(wait >= 1 && wait <= 60) << wait;
    }
    EXPECT_EQ(from({{"X-Forwarded-For", "198.51.100.2"}}).status, 200) << "others are not";
    for (int i = 0; i < 6; ++i) EXPECT_EQ(from({}, "sk-guess").status, 401);
    EXPECT_EQ(from({}).status, 200) << "the proxy itself never is";
    EXPECT_NE(metrics().find(R"(sluice_auth_total{verdict="throttled"} 2)"), std::string::npos);
}

TEST_F(Edge, OnlyUnknownKeysCountAsGuesses) {
    start_with("  auth_throttle: {failures: 2, window_s: 60, block_s: 60}\n",
               "  team:\n    keys:\n      app: {value: sk-test-client-key-0001}\n"
               "      off: {value: sk-test-client-key-0002, disabled: true}\n");
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(from({}, "sk-test-client-key-0002").status, 401);
        EXPECT_EQ(ask({"GET", "/v1/models", {}, ""}).status, 401) << "no key at all";
    }
    EXPECT_EQ(from({}).status, 200);
    from({}, "sk-guess");
    from({}, "sk-guess");
    EXPECT_EQ(from({}).status, 429) << "without trusted proxies the peer is the client";
    EXPECT_EQ(ask({"GET", "/v1/models", with_key(), ""}).status, 429);
}

TEST_F(Edge, RequestsInFlightOverTheBoundAre503) {
    start_with("  limits: {requests_in_flight_max: 2}\n");
    auto const go = std::make_shared<Event>();
    upstream.answer_with([go](Received const&) {
        return Reply()
            .wait(go)
            .send(Reply::whole(200, chat_answer("x")).steps[0].bytes)
            .tokens(11, 7);
    });
    auto first = begin(chat_request(chat_body("m-1")));
    auto second = begin(chat_request(chat_body("m-1")));
    ASSERT_TRUE(upstream.wait_for_requests(2));
    auto const third = chat(chat_body("m-1"));
    EXPECT_EQ(third.status, 503);
    EXPECT_EQ(error_code(third), "server_is_overloaded");
    EXPECT_EQ(third.header("retry-after"), "1");
    EXPECT_EQ(fetch(gateway->admin_port(), {"GET", "/healthz", {}, ""}).status, 200)
        << "probes are not bound by it";
    go->raise();
    EXPECT_EQ(first->read_answer().status, 200);
    EXPECT_EQ(second->read_answer().status, 200);
    ASSERT_TRUE(gateway->wait_until_quiet());
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
}

TEST_F(Edge, ConnectionsOverTheBoundAreToldInTheCallersDialect) {
    start_with("  limits: {connections_max: 1}\n");
    auto held = begin(chat_request(chat_body("m-1")));
    EXPECT_EQ(held->read_answer().status, 200);
    RawClient more(gateway->port());
    auto const answer = more.read_answer();
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(error_code(answer), "server_is_overloaded");
    EXPECT_EQ(answer.header("retry-after"), "1");
}

TEST_F(Edge, ACallerMayTightenTheTimeout) {
    start_with("");
    upstream.then(Reply().silence());
    auto const from_when = Clock::now();
    auto const answer = from({{"x-sluice-timeout-ms", "300"}});
    EXPECT_EQ(answer.status, 504);
    EXPECT_EQ(error_code(answer), "upstream_timeout");
    EXPECT_LT(Clock::now() - from_when, milliseconds{4'000});
}

TEST_F(Edge, ACallerMayTightenTheRetries) {
    start_with("");
    upstream.answer_with([](Received const&) { return Reply::whole(500, "{}"); });
    EXPECT_EQ(from({{"x-sluice-retries", "0"}}).status, 502);
    EXPECT_EQ(upstream.request_count(), 1U);
    EXPECT_EQ(from({{"x-sluice-retries", "1"}}).status, 502);
    EXPECT_EQ(upstream.request_count(), 3U);
}

TEST_F(Edge, LooseningNeedsARightOfTheKey) {
    start_with("",
               "  team:\n    keys:\n      app: {value: sk-test-client-key-0001}\n"
               "      free: {value: sk-test-client-key-0002, may_override: true}\n");
    for (Headers const& more :
         std::vector<Headers>{{{"x-sluice-timeout-ms", "5001"}}, {{"x-sluice-retries", "3"}}}) {
        auto const refused = from(more);
        EXPECT_EQ(refused.status, 403);
        EXPECT_EQ(error_code(refused), "override_not_allowed");
        EXPECT_EQ(from(more, "sk-test-client-key-0002").status, 200);
    }
    EXPECT_EQ(from({{"x-sluice-timeout-ms", "5000"}, {"x-sluice-retries", "2"}}).status, 200)
        << "as much as the route gives";
    upstream.answer_with([](Received const&) { return Reply::whole(500, "{}"); });
    auto const before = upstream.request_count();
    EXPECT_EQ(from({{"x-sluice-retries", "4"}}, "sk-test-client-key-0002").status, 502);
    EXPECT_EQ(upstream.request_count() - before, 5U);
}

TEST_F(Edge, OddWishesAreRefused) {
    start_with("");
    for (auto const* value : {"", "0", "-1", "1.5", "1s", " 5 x", "99999999999999999999"}) {
        auto const answer = from({{"x-sluice-timeout-ms", value}});
        EXPECT_EQ(answer.status, 400) << value;
        EXPECT_NE(error_message(answer).find("x-sluice-timeout-ms"), std::string::npos);
    }
    EXPECT_EQ(from({{"x-sluice-retries", "20"}}).status, 400);
    EXPECT_EQ(upstream.request_count(), 0U);
}

TEST_F(Edge, TotalEndsAWriteThatWaitsForTheCaller) {
    GatewayConfig config;
    config.defaults = "timeout: {total_ms: 1500}, retry: {attempts_max: 1}";
    config.server = "  limits: {write_rate_min: 0}\n";
    start(config);
    compare_tokens = false;
    auto reply = Reply::chunked();
    for (int i = 0; i < 400; ++i) reply.chunk(text_frame(std::string(60'000, 'x')));
    upstream.then(std::move(reply).last_chunk());
    auto client = begin(chat_request(stream_body("m-1")), 4096);
    ASSERT_TRUE(client->read_until("data: "));
    auto const from_when = Clock::now();
    auto const record = last_record();  // the caller takes nothing more; write_idle is 30 s
    EXPECT_LT(Clock::now() - from_when, milliseconds{9'000});
    EXPECT_FALSE(record.at("completed").get<bool>());
}

}  // namespace
}  // namespace sluice::test
