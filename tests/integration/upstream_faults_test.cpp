// What a broken provider may do, and what the caller, the ledger and the sockets must look like
// after.
#include <fmt/format.h>
#include <numeric>

#include "integration/fixture.hpp"
#include "support/encodings.hpp"

namespace sluice::test {
namespace {

class UpstreamFaults : public Integration {};

std::string joined(std::vector<std::string> const& parts) {
    return std::accumulate(parts.begin(), parts.end(), std::string());
}

// A stream that began goes on to the caller as it came; the missing end is told, never invented.
void expect_cut_stream(Answer const& answer, std::vector<std::string> const& begun) {
    EXPECT_EQ(answer.status, 200);
    ASSERT_GE(answer.body.size(), joined(begun).size());
    EXPECT_TRUE(answer.body.starts_with(joined(begun)));
    EXPECT_EQ(answer.body.find("[DONE]"), std::string::npos);
    if (answer.complete) {
        EXPECT_NE(answer.body.find(R"("error")"), std::string::npos) << answer.body;
    }
}

TEST_F(UpstreamFaults, StreamCutInsideAFrameIsToldToTheCaller) {
    start();
    std::vector<std::string> const begun{chat_frame(R"({"role":"assistant","content":""})"),
                                         text_frame("one ")};
    auto const half = text_frame("two ");
    auto const seen = std::make_shared<Event>();
    upstream.then(
        Reply::chunked().chunks(begun).wait(seen).chunk(half.substr(0, half.size() / 2)).fin());
    auto client = begin(chat_request(stream_body("m-1")));
    ASSERT_TRUE(client->read_until("one "));
    seen->raise();
    auto const answer = client->read_answer();
    expect_cut_stream(answer, begun);
    EXPECT_EQ(answer.body.find("two"), std::string::npos) << "half a frame went out";
    auto const record = last_record();
    EXPECT_FALSE(record.at("completed").get<bool>());
    EXPECT_EQ(record.at("error_code"), "upstream_reset");
    EXPECT_EQ(record.at("error_origin"), "upstream");
}

TEST_F(UpstreamFaults, StreamResetMidwayIsToldToTheCaller) {
    start();
    auto const seen = std::make_shared<Event>();
    std::vector<std::string> const begun{chat_frame(R"({"role":"assistant","content":""})"),
                                         text_frame("one ")};
    upstream.then(Reply::chunked().chunks(begun).wait(seen).reset());
    auto client = begin(chat_request(stream_body("m-1")));
    ASSERT_TRUE(client->read_until("one "));
    seen->raise();
    expect_cut_stream(client->read_answer(), begun);
    EXPECT_EQ(last_record().at("error_code"), "upstream_reset");
}

TEST_F(UpstreamFaults, StreamThatEndsWithoutItsEndMarkIsNotCompleted) {
    start();
    std::vector<std::string> const begun{chat_frame(R"({"role":"assistant","content":""})"),
                                         text_frame("one ")};
    auto const seen = std::make_shared<Event>();
    upstream.then(Reply::chunked().chunks(begun).wait(seen).last_chunk());
    auto client = begin(chat_request(stream_body("m-1")));
    ASSERT_TRUE(client->read_until("one "));
    seen->raise();
    expect_cut_stream(client->read_answer(), begun);
    EXPECT_FALSE(last_record().at("completed").get<bool>());
}

TEST_F(UpstreamFaults, CloseAfterDoneIsACompleteAnswer) {
    start();
    auto const frames = chat_stream(3, true);
    upstream.then(Reply::until_close(200).send(joined(frames)).tokens(11, 7).fin());
    upstream.then(Reply::chunked().chunks(frames).fin());  // no last chunk
    auto const plain = chat(stream_body("m-1", R"(,"stream_options":{"include_usage":true})"));
    EXPECT_TRUE(plain.complete);
    EXPECT_EQ(plain.body, joined(frames));
    EXPECT_TRUE(last_record().at("completed").get<bool>());
    auto const chunked = chat(stream_body("m-1", R"(,"stream_options":{"include_usage":true})"));
    EXPECT_TRUE(chunked.complete);
    EXPECT_EQ(chunked.body, joined(frames));
    compare_tokens = false;  // the second script has no end at which to count
}

TEST_F(UpstreamFaults, NeverEndingStreamEndsWithTheCaller) {
    start();
    upstream.then(
        Reply::chunked()
            .chunk(chat_frame(R"({"role":"assistant","content":""})"))
            .forever(fmt::format("{:x}\r\n{}\r\n", text_frame("x").size(), text_frame("x")),
                     milliseconds{5}));
    auto client = begin(chat_request(stream_body("m-1")));
    ASSERT_TRUE(client->read_until(text_frame("x")));
    client->socket().close();
    EXPECT_TRUE(upstream.wait_for_open(0));
    auto const record = last_record();
    EXPECT_TRUE(record.at("client_gone").get<bool>());
    EXPECT_FALSE(record.at("completed").get<bool>());
    compare_tokens = false;
}

TEST_F(UpstreamFaults, NeverEndingStreamEndsWithTheTotalTimeout) {
    GatewayConfig config;
    config.defaults = "timeout: {total_ms: 700}";
    start(config);
    upstream.then(
        Reply::chunked()
            .chunk(chat_frame(R"({"role":"assistant","content":""})"))
            .forever(fmt::format("{:x}\r\n{}\r\n", text_frame("x").size(), text_frame("x")),
                     milliseconds{5}));
    auto const answer = chat(stream_body("m-1"));
    expect_cut_stream(answer, {});
    EXPECT_EQ(last_record().at("error_code"), "upstream_timeout");
    compare_tokens = false;
}

TEST_F(UpstreamFaults, RateLimitIsPassedOnWithItsRetryAfter) {
    start();
    upstream.then(Reply::error(429, "rate_limit_exceeded", "slow down", {{"Retry-After", "7"}}));
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.header("retry-after"), "7");
    EXPECT_EQ(answer.header("x-sluice-error-origin"), "upstream");
    EXPECT_EQ(upstream.request_count(), 1U) << "tried again within Retry-After";
}

TEST_F(UpstreamFaults, ShortRateLimitIsWaitedOut) {
    start();
    upstream.then(Reply::error(429, "rate_limit_exceeded", "slow", {{"retry-after-ms", "60"}}));
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 200) << answer.body;
    ASSERT_EQ(upstream.request_count(), 2U);
    auto const requests = upstream.requests();
    EXPECT_GE(requests[1].at - requests[0].at, milliseconds{60});
}

TEST_F(UpstreamFaults, ServerErrorThenFineIsOneGoodAnswer) {
    start();
    upstream.then(Reply::error(500, "server_error", "oops"));
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, chat_answer("hello"));
    EXPECT_EQ(answer.header("x-sluice-attempts"), "2");
    auto const requests = upstream.requests();
    ASSERT_EQ(requests.size(), 2U);
    EXPECT_EQ(requests[0].body, requests[1].body);
    auto const record = last_record();
    ASSERT_EQ(record.at("attempts").size(), 2U);
    EXPECT_EQ(record.at("attempts")[0].at("status"), 500);
    EXPECT_EQ(record.at("attempts")[0].at("outcome"), "upstream_server_error");
    EXPECT_EQ(record.at("attempts")[1].at("outcome"), "answered");
}

TEST_F(UpstreamFaults, ServerErrorEveryTimeIsAnUpstreamErrorWithoutInternals) {
    start();
    upstream.answer_with([](Received const&) {
        return Reply::error(500, "x", "stack trace at /srv/provider/internal.py");
    });
    auto const answer = chat(chat_body("m-1"));
    EXPECT_GE(answer.status, 500);
    EXPECT_EQ(answer.header("x-sluice-error-origin"), "upstream");
    EXPECT_NE(error_code(answer), "");
    EXPECT_EQ(answer.body.find("internal.py"), std::string::npos);
    EXPECT_EQ(upstream.request_count(), 3U) << "attempts_max counts the first";
    EXPECT_EQ(last_record().at("attempts").size(), 3U);
}

TEST_F(UpstreamFaults, ErrorBodyInA200IsAFailedAttempt) {
    start();
    upstream.then(Reply::whole(200, R"({"error":{"message":"overloaded","type":"server_error"}})"));
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, chat_answer("hello"));
    EXPECT_EQ(upstream.request_count(), 2U);
}

TEST_F(UpstreamFaults, ErrorBodyInA200EveryTimeIsNoSuccess) {
    start();
    upstream.answer_with([](Received const&) {
        return Reply::whole(200, R"({"error":{"message":"overloaded","type":"server_error"}})");
    });
    auto const answer = chat(chat_body("m-1"));
    EXPECT_GE(answer.status, 500);
    EXPECT_NE(error_code(answer), "");
}

TEST_F(UpstreamFaults, ErrorAsTheFirstEventFailsOver) {
    start();
    upstream.then(Reply::events({": ping\n\n", chat_frame(R"({"role":"assistant","content":""})"),
                                 "data: {\"error\":{\"message\":\"overloaded\",\"type\":"
                                 "\"server_error\",\"code\":503}}\n\n"}));
    auto const answer = chat(stream_body("m-1"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, joined(chat_stream(4, false)));
    EXPECT_EQ(answer.header("x-sluice-attempts"), "2");
    EXPECT_EQ(upstream.request_count(), 2U);
}

TEST_F(UpstreamFaults, ErrorAfterContentGoesToTheCallerAndIsNotRetried) {
    start();
    std::string const fault =
        "data: {\"error\":{\"message\":\"broke\",\"type\":\"server_error\",\"code\":null}}\n\n";
    std::vector<std::string> const frames{chat_frame(R"({"role":"assistant","content":""})"),
                                          text_frame("one "), fault};
    upstream.then(Reply::events(frames));
    auto const answer = chat(stream_body("m-1"));
    EXPECT_EQ(answer.body, joined(frames));
    EXPECT_EQ(upstream.request_count(), 1U);
    auto const record = last_record();
    EXPECT_FALSE(record.at("completed").get<bool>());
    EXPECT_EQ(record.at("error_origin"), "upstream");
}

TEST_F(UpstreamFaults, SlowFirstByteIsWaitedForUpToItsTimeout) {
    GatewayConfig config;
    config.defaults = "timeout: {first_byte_ms: 5000}";
    start(config);
    upstream.then(Reply()
                      .pause(milliseconds{300})
                      .send(Reply::whole(200, chat_answer("late")).steps[0].bytes));
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.body, chat_answer("late"));
    EXPECT_GE(last_record().at("attempts")[0].at("first_byte_us"), 250'000);
    compare_tokens = false;
}

TEST_F(UpstreamFaults, GarbageInsteadOfJsonIsRetriedThenTold) {
    start();
    upstream.then(Reply::whole(200, "<html>maintenance</html>", {}, "text/html"));
    upstream.then(Reply::whole(200, R"({"choices":[)"));
    EXPECT_EQ(chat(chat_body("m-1")).body, chat_answer("hello"));
    EXPECT_EQ(upstream.request_count(), 3U);
    upstream.answer_with([](Received const&) { return Reply::whole(200, "]]garbage[["); });
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(error_code(answer), "upstream_bad_response");
}

TEST_F(UpstreamFaults, GarbageInsteadOfHttpIsAnUpstreamError) {
    start();
    upstream.answer_with([](Received const&) { return Reply::raw("SSH-2.0-OpenSSH_9\r\n").fin(); });
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(answer.header("x-sluice-error-origin"), "upstream");
}

TEST_F(UpstreamFaults, EmptyBodyIsNoAnswer) {
    start();
    upstream.then(Reply::whole(200, ""));
    EXPECT_EQ(chat(chat_body("m-1")).body, chat_answer("hello"));
    EXPECT_EQ(upstream.request_count(), 2U);
}

TEST_F(UpstreamFaults, HtmlErrorPageDoesNotReachTheCaller) {
    start();
    upstream.then(Reply::whole(404, "<html>nginx/1.2 at 10.0.0.7</html>", {}, "text/html"));
    auto const answer = chat(chat_body("m-1"));
    EXPECT_GE(answer.status, 400);
    EXPECT_NE(error_message(answer), "");
    EXPECT_EQ(answer.body.find("10.0.0.7"), std::string::npos);
}

TEST_F(UpstreamFaults, HugeFramePassesUpToTheBound) {
    GatewayConfig config;
    config.server = "  limits: {frame_bytes_max: 262144}\n";
    start(config);
    auto const big = text_frame(std::string(200'000, 'x'));
    std::vector<std::string> const frames{chat_frame(R"({"role":"assistant","content":""})"), big,
                                          chat_frame("{}", R"("stop")"), done_frame};
    upstream.then(Reply::events(frames));
    EXPECT_EQ(chat(stream_body("m-1")).body, joined(frames));
}

TEST_F(UpstreamFaults, FrameOverTheBoundEndsTheStream) {
    GatewayConfig config;
    config.server = "  limits: {frame_bytes_max: 65536}\n";
    start(config);
    std::vector<std::string> const begun{chat_frame(R"({"role":"assistant","content":""})"),
                                         text_frame("one ")};
    upstream.then(Reply::chunked()
                      .chunks(begun)
                      .chunk("data: {\"x\":\"" + std::string(1'000'000, 'x'))
                      .silence());
    expect_cut_stream(chat(stream_body("m-1")), begun);
    EXPECT_EQ(last_record().at("error_code"), "response_too_large");
}

TEST_F(UpstreamFaults, CompressedAnswersAreDecoded) {
    start();
    for (auto const* coding : {"gzip", "deflate", "br", "zstd"}) {
        auto const text = chat_answer(std::string(5000, 'z') + coding);
        upstream.then(
            Reply::whole(200, encode(coding, text), {{"Content-Encoding", coding}}).tokens(11, 7));
        auto const unary = chat(chat_body("m-1"));
        EXPECT_EQ(unary.body, text) << coding;
        EXPECT_FALSE(unary.header("content-encoding")) << coding;
        auto const frames = joined(chat_stream(50, true));
        upstream.then(Reply::chunked(200, {{"Content-Encoding", coding}})
                          .in_pieces(7, 100)
                          .chunk(encode(coding, frames))
                          .last_chunk()
                          .tokens(11, 7));
        auto const streamed =
            chat(stream_body("m-1", R"(,"stream_options":{"include_usage":true})"));
        EXPECT_EQ(streamed.body, frames) << coding;
    }
}

TEST_F(UpstreamFaults, CompressedRubbishIsAnUpstreamError) {
    start();
    upstream.answer_with([](Received const&) {
        return Reply::whole(200, "this is not gzip at all", {{"Content-Encoding", "gzip"}});
    });
    EXPECT_EQ(chat(chat_body("m-1")).status, 502);
}

TEST_F(UpstreamFaults, CompressionBombIsRefused) {
    GatewayConfig config;
    config.server = "  limits: {response_bytes_max: 1048576}\n";
    start(config);
    auto const bomb = gzip(chat_answer(std::string(64 * 1024 * 1024, 'x')));
    upstream.answer_with([&](Received const&) {
        return Reply::whole(200, bomb, {{"Content-Encoding", "gzip"}});
    });
    auto const answer = chat(chat_body("m-1"));
    EXPECT_TRUE(answer.status == 502 || !answer.complete) << answer.status;
    EXPECT_LT(answer.body.size(), 2U << 20);
}

TEST_F(UpstreamFaults, ResetOnAReusedConnectionIsInvisible) {
    GatewayConfig config;
    config.workers = 1;
    config.defaults = "retry: {attempts_max: 1}";
    start(config);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    upstream.then(Reply().reset());
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("x-sluice-attempts"), "1");
    auto const requests = upstream.requests();
    ASSERT_EQ(requests.size(), 3U);
    EXPECT_EQ(requests[1].connection, requests[0].connection) << "the connection was not reused";
    EXPECT_NE(requests[2].connection, requests[1].connection);
}

TEST_F(UpstreamFaults, CloseOfAnIdleConnectionIsInvisible) {
    GatewayConfig config;
    config.workers = 1;
    config.defaults = "retry: {attempts_max: 1}";
    start(config);
    upstream.then(Reply::whole(200, chat_answer("a")).tokens(11, 7).fin());
    compare_tokens = false;
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    ASSERT_TRUE(upstream.wait_for_open(0));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
}

TEST_F(UpstreamFaults, ResetOfAFreshConnectionIsAnAttempt) {
    GatewayConfig config;
    config.defaults = "retry: {attempts_max: 1}";
    start(config);
    upstream.then(Reply().reset());
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(error_code(answer), "upstream_reset");
    EXPECT_EQ(upstream.request_count(), 1U);
}

TEST_F(UpstreamFaults, HalfAnAnswerIsNotPooled) {
    GatewayConfig config;
    config.workers = 1;
    start(config);
    auto const body = chat_answer("hello");
    upstream.then(Reply::raw(fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                         "Content-Length: {}\r\n\r\n{}",
                                         body.size() + 50, body))
                      .fin());
    compare_tokens = false;  // the half answer's usage is booked too: it was reported
    EXPECT_EQ(chat(chat_body("m-1")).body, body);
    EXPECT_EQ(upstream.request_count(), 2U) << "a short body counted as an answer";
}

TEST_F(UpstreamFaults, BytesBehindAnAnswerPoisonNothing) {
    GatewayConfig config;
    config.workers = 1;
    start(config);
    auto reply = Reply::whole(200, chat_answer("first"));
    reply.steps[0].bytes += "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nEVIL!";
    upstream.then(std::move(reply));
    EXPECT_EQ(chat(chat_body("m-1")).body, chat_answer("first"));
    EXPECT_EQ(chat(chat_body("m-1")).body, chat_answer("hello"));
    compare_tokens = false;
}

TEST_F(UpstreamFaults, InterimAnswersAreSkipped) {
    start();
    auto reply =
        Reply::raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    reply.send(Reply::whole(200, chat_answer("hello")).steps[0].bytes).tokens(11, 7);
    upstream.then(std::move(reply));
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.interim.empty());
    EXPECT_EQ(answer.body, chat_answer("hello"));
}

TEST_F(UpstreamFaults, AmbiguousFramingIsRefused) {
    GatewayConfig config;
    config.defaults = "retry: {attempts_max: 1}";
    start(config);
    auto const body = chat_answer("x");
    for (auto const* framing :
         {"Content-Length: 5\r\nContent-Length: 6\r\n",
          "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, foo\r\n",
          "Content-Length: -1\r\n", "Content-Length: 5, 5x\r\n"}) {
        upstream.then(Reply::raw(fmt::format("HTTP/1.1 200 OK\r\n{}\r\n{}", framing, body)).fin());
        EXPECT_EQ(chat(chat_body("m-1")).status, 502) << framing;
    }
}

TEST_F(UpstreamFaults, NobodyListensIsAConnectError) {
    GatewayConfig config;
    std::uint16_t closed_port = 0;
    listen_on_loopback(closed_port).reset();
    config.providers = provider_line("up", fmt::format("http://127.0.0.1:{}/v1", closed_port));
    start(config);
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(error_code(answer), "upstream_connect");
    EXPECT_EQ(last_record().at("attempts").size(), 3U);
}

}  // namespace
}  // namespace sluice::test
