// Each kind of timeout ends the right wait with the right error, and leaves no socket.
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

class Timeouts : public Integration {
  protected:
    void start_with(std::string const& timeout, std::string const& server = "") {
        GatewayConfig config;
        config.defaults = "retry: {attempts_max: 1}, timeout: {" + timeout + "}";
        config.server = server;
        start(config);
    }
};

TEST_F(Timeouts, NoFirstByte) {
    start_with("first_byte_ms: 200");
    upstream.then(Reply().silence());
    auto const from = Clock::now();
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 504);
    EXPECT_EQ(error_code(answer), "upstream_timeout");
    EXPECT_GE(Clock::now() - from, milliseconds{190});
    EXPECT_TRUE(upstream.wait_for_open(0));
}

TEST_F(Timeouts, HeadButNoBody) {
    start_with("first_byte_ms: 200, idle_ms: 300");
    upstream.then(Reply::chunked().silence());
    auto const answer = chat(stream_body("m-1"));
    EXPECT_EQ(answer.status, 504);
    EXPECT_EQ(error_code(answer), "upstream_timeout");
}

TEST_F(Timeouts, PingsAreNoAnswer) {
    start_with("first_byte_ms: 300, idle_ms: 5000");
    upstream.then(Reply::chunked().forever("8\r\n: ping\n\n\r\n", milliseconds{20}));
    auto const answer = chat(stream_body("m-1"));
    EXPECT_EQ(answer.status, 504);
    EXPECT_EQ(error_code(answer), "upstream_timeout");
}

TEST_F(Timeouts, IdleInTheMiddleOfAStream) {
    start_with("idle_ms: 200");
    upstream.then(Reply::chunked().chunk(text_frame("one ")).silence());
    auto const answer = chat(stream_body("m-1"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.body.starts_with(text_frame("one ")));
    EXPECT_EQ(answer.body.find("[DONE]"), std::string::npos);
    EXPECT_EQ(last_record().at("error_code"), "upstream_timeout");
}

TEST_F(Timeouts, SlowButSteadyIsNotIdle) {
    start_with("idle_ms: 1000");
    upstream.then(Reply::events(chat_stream(10, true), milliseconds{60}).tokens(11, 7));
    auto const answer = chat(stream_body("m-1"));
    EXPECT_TRUE(answer.complete);
    EXPECT_NE(answer.body.find("[DONE]"), std::string::npos);
}

TEST_F(Timeouts, TotalCoversAllAttempts) {
    GatewayConfig config;
    config.defaults =
        "retry: {attempts_max: 20, backoff_ms: 5}, timeout: {total_ms: 600, connect_ms: 500, "
        "idle_ms: 500, first_byte_ms: 150}";
    start(config);
    upstream.answer_with([](Received const&) { return Reply().silence(); });
    auto const from = Clock::now();
    EXPECT_EQ(chat(chat_body("m-1")).status, 504);
    EXPECT_LT(Clock::now() - from, milliseconds{6'000});
    EXPECT_GE(upstream.request_count(), 2U);
}

TEST_F(Timeouts, ConnectToAHoleInTheNet) {
    // A listener whose backlog is full takes no further connection.
    std::uint16_t port = 0;
    Fd const hole(listen_on_loopback(port));
    listen(hole.get(), 0);
    std::vector<Fd> fillers;
    for (int i = 0; i < 4; ++i) {
        Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
        fillers.push_back(std::move(fd));
    }
    GatewayConfig config;
    config.defaults = "retry: {attempts_max: 1}, timeout: {connect_ms: 200}";
    config.providers = provider_line("up", fmt::format("http://127.0.0.1:{}/v1", port));
    start(config);
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 504) << answer.body;
    EXPECT_EQ(error_code(answer), "upstream_timeout");
}

TEST_F(Timeouts, RouteOverridesSingleFields) {
    GatewayConfig config;
    config.defaults = "retry: {attempts_max: 1}, timeout: {first_byte_ms: 20000}";
    config.routes = "  quick: {tiers: [{up/m-1: 1}], timeout: {first_byte_ms: 150}}\n";
    start(config);
    upstream.then(Reply().silence());
    EXPECT_EQ(chat(chat_body("quick")).status, 504);
}

TEST_F(Timeouts, ClientTooSlowWithItsHeadIsClosed) {
    start_with("total_ms: 60000", "  limits: {head_timeout_ms: 300}\n");
    RawClient client(gateway->port());
    client.send("POST /v1/chat/completions HTTP/1.1\r\nHost:");
    EXPECT_NE(client.read_to_end(), Io::timeout);
}

TEST_F(Timeouts, ClientTooSlowWithItsBodyIsToldAndClosed) {
    start_with("total_ms: 60000", "  limits: {body_idle_ms: 300}\n");
    auto request = chat_request("{\"model\":");
    request.headers.emplace_back("Content-Length", "500");
    auto client = begin(request);
    auto const answer = client->read_answer();
    EXPECT_EQ(answer.status, 408);
    EXPECT_NE(client->read_to_end(), Io::timeout);
}

TEST_F(Timeouts, IdleKeepAliveConnectionIsClosed) {
    start_with("total_ms: 60000", "  limits: {keep_alive_idle_ms: 300}\n");
    auto client = begin(chat_request(chat_body("m-1")));
    EXPECT_EQ(client->read_answer().status, 200);
    EXPECT_EQ(client->read_to_end(), Io::closed);
}

}  // namespace
}  // namespace sluice::test
