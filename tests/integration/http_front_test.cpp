// The client side's HTTP: what is refused and closed, what is answered without a model.
#include <fmt/format.h>

#include "integration/fixture.hpp"
#include "support/encodings.hpp"

namespace sluice::test {
namespace {

class HttpFront : public Integration {};

TEST_F(HttpFront, MalformedHeadsAreRefusedAndTheConnectionClosed) {
    start();
    auto const head = [](std::string_view fields) {
        return fmt::format("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{}\r\n", fields);
    };
    for (auto const& wire : std::vector<std::string>{
             head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
             head("Content-Length: 5\r\nContent-Length: 6\r\n") + "hello",
             head("Content-Length: 5\r\nContent-Length: 5\r\n") + "hello",
             head("Content-Length: +5\r\n") + "hello",
             head("Content-Length: 99999999999999999999999\r\n"),
             head("Transfer-Encoding: gzip\r\n"),
             head("Transfer-Encoding: chunked, identity\r\n"),
             head("X-A: one\r\n two\r\n"),
             head("X-A: one\n"),
             head("X-A: o\rne\r\n"),
             head(std::string_view("X-A: o\0ne\r\n", 11)),
             head("X-A : one\r\n"),
             head(": one\r\n"),
             head("X\x01: one\r\n"),
             std::string("GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n"),
             std::string("GET / HTTP/1.1\r\n\r\n"),
             std::string("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
             std::string("GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
             std::string("GET  / HTTP/1.1\r\nHost: x\r\n\r\n"),
             std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)}) {
        RawClient client(gateway->port());
        // A valid request behind it must never be served.
        client.send(wire + "GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n");
        EXPECT_NE(client.read_to_end(milliseconds{5'000}), Io::timeout) << wire;
        auto const& text = client.received();
        EXPECT_TRUE(text.empty() || text.starts_with("HTTP/1.1 4") ||
                    text.starts_with("HTTP/1.1 5"))
            << wire << "\n->\n"
            << text;
        EXPECT_EQ(text.find("HTTP/1.1 2"), std::string::npos) << wire << "\n->\n" << text;
        EXPECT_EQ(upstream.request_count(), 0U) << wire;
    }
    sent = gateway->records().size();  // some of them have a head that could be read
}

TEST_F(HttpFront, BadChunkedBodiesAreRefusedAndTheConnectionClosed) {
    start();
    auto const body = chat_body("m-1");
    for (auto const& coded :
         std::vector<std::string>{"zz\r\n", "-5\r\nhello\r\n0\r\n\r\n", "5 \nhello\r\n0\r\n\r\n",
                                  "ffffffffffffffffff\r\n", "0x5\r\nhello\r\n0\r\n\r\n",
                                  fmt::format("{:x}\n{}\n0\n\n", body.size(), body),
                                  fmt::format("{:x}\r\n{}XX\r\n0\r\n\r\n", body.size(), body)}) {
        auto request = chat_request(coded);
        request.headers.emplace_back("Transfer-Encoding", "chunked");
        auto client = begin(request);
        EXPECT_NE(client->read_to_end(milliseconds{5'000}), Io::timeout) << coded;
        EXPECT_TRUE(client->received().starts_with("HTTP/1.1 400")) << client->received();
        EXPECT_EQ(upstream.request_count(), 0U) << coded;
    }
}

TEST_F(HttpFront, ChunkedBodiesAreRead) {
    start();
    auto const body = chat_body("m-1");
    std::string coded;
    for (char const c : body) coded += fmt::format("1;ext=\"v\"\r\n{}\r\n", c);
    auto request = chat_request(coded + "0\r\nX-Trailer: t\r\n\r\n");
    request.headers.emplace_back("Transfer-Encoding", "chunked");
    EXPECT_EQ(ask(request).status, 200);
    EXPECT_EQ(upstream.requests()[0].body, body);
}

TEST_F(HttpFront, HeadTooLargeAndTooManyFields) {
    GatewayConfig config;
    config.server = "  limits: {head_bytes_max: 8192, header_count_max: 20}\n";
    start(config);
    RawClient big(gateway->port());
    big.send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n");
    EXPECT_EQ(big.read_answer().status, 431);
    EXPECT_NE(big.read_to_end(), Io::timeout);
    RawClient many(gateway->port());
    std::string head = "GET / HTTP/1.1\r\nHost: x\r\n";
    for (int i = 0; i < 30; ++i) head += fmt::format("X-{}: a\r\n", i);
    many.send(head + "\r\n");
    EXPECT_EQ(many.read_answer().status, 431);
    EXPECT_NE(many.read_to_end(), Io::timeout);
    sent = gateway->records().size();
}

TEST_F(HttpFront, PipelinedRequestsAreAnsweredInOrder) {
    start();
    upstream.answer_with([](Received const& request) {
        auto const body = nlohmann::json::parse(request.body);
        return Reply::whole(200, chat_answer(body["model"].get<std::string>())).tokens(11, 7);
    });
    RawClient client(gateway->port());
    std::string wire;
    for (int i = 0; i < 5; ++i) {
        wire += to_wire(chat_request(chat_body(fmt::format("m-{}", i))));
        count_request();
    }
    client.send(wire);
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(client.read_answer().body, chat_answer(fmt::format("m-{}", i)));
    }
}

TEST_F(HttpFront, PipelinedRequestsByteByByte) {
    start();
    RawClient client(gateway->port());
    auto const wire = to_wire(chat_request(chat_body("m-1")));
    for (char const c : wire + wire) client.send({&c, 1});
    count_request(2);
    EXPECT_EQ(client.read_answer().status, 200);
    EXPECT_EQ(client.read_answer().status, 200);
}

TEST_F(HttpFront, ContinueIsSentOnlyToAnAuthenticatedCaller) {
    start();
    auto const body = chat_body("m-1");
    auto head = chat_request("");
    head.headers.emplace_back("Content-Length", std::to_string(body.size()));
    head.headers.emplace_back("Expect", "100-continue");
    auto known = begin(head);
    ASSERT_TRUE(known->read_until("HTTP/1.1 100 Continue\r\n\r\n"));
    known->send(body);
    auto const answer = known->read_answer();
    EXPECT_EQ(answer.interim, std::vector<int>{100});
    EXPECT_EQ(answer.status, 200);

    head.headers[0].second = "Bearer sk-wrong-key-0000";
    auto unknown = begin(head);
    auto const refused = unknown->read_answer();
    EXPECT_EQ(refused.status, 401);
    EXPECT_TRUE(refused.interim.empty());
}

TEST_F(HttpFront, UnauthenticatedBodiesAreNotRead) {
    start();
    auto request = chat_request("");
    request.headers = {{"Authorization", "Bearer sk-wrong-key-0000"},
                       {"Content-Length", "30000000"}};
    auto client = begin(request);
    auto const answer = client->read_answer(false, milliseconds{5'000});
    EXPECT_EQ(answer.status, 401) << "it waited for the body";
    EXPECT_NE(client->read_to_end(), Io::timeout) << "the connection stays open for the body";
}

TEST_F(HttpFront, BodyOverTheBoundIs413) {
    GatewayConfig config;
    config.server = "  limits: {body_bytes_max: 10000}\n";
    start(config);
    auto const big = chat_body("m-1", fmt::format(R"(,"user":"{}")", std::string(20'000, 'u')));
    auto const known = chat(big);  // told by Content-Length
    EXPECT_EQ(known.status, 413);
    EXPECT_EQ(error_code(known), "body_too_large");
    auto request = chat_request(fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", big.size(), big));
    request.headers.emplace_back("Transfer-Encoding", "chunked");
    EXPECT_EQ(ask(request).status, 413);
    auto compressed = chat_request(gzip(big));
    compressed.headers.emplace_back("Content-Encoding", "gzip");
    EXPECT_EQ(ask(compressed).status, 413);
    EXPECT_EQ(upstream.request_count(), 0U);
}

TEST_F(HttpFront, CompressedRequestBodiesAreDecoded) {
    start();
    auto const body = chat_body("m-1", R"(,"user":"someone"  )");
    for (auto const* coding : {"gzip", "deflate", "br", "zstd"}) {
        auto request = chat_request(encode(coding, body));
        request.headers.emplace_back("Content-Encoding", coding);
        EXPECT_EQ(ask(request).status, 200) << coding;
        auto const received = upstream.requests().back();
        EXPECT_EQ(received.body, body) << coding;
        EXPECT_FALSE(received.header("Content-Encoding")) << coding;
        EXPECT_EQ(received.header("Content-Length"), std::to_string(body.size())) << coding;
    }
}

TEST_F(HttpFront, UnknownAndBrokenRequestCodingsAreRefused) {
    start();
    auto request = chat_request(chat_body("m-1"));
    request.headers.emplace_back("Content-Encoding", "compress");
    EXPECT_EQ(ask(request).status, 415);
    request.headers.back().second = "gzip";
    EXPECT_EQ(ask(request).status, 400);
    auto cut = chat_request(gzip(chat_body("m-1")));
    cut.body.resize(cut.body.size() - 6);
    cut.headers.emplace_back("Content-Encoding", "gzip");
    EXPECT_EQ(ask(cut).status, 400);
    EXPECT_EQ(upstream.request_count(), 0U);
}

TEST_F(HttpFront, HeadAnswersLikeGetWithoutABody) {
    start();
    Request request{"GET", "/v1/models", with_key(), ""};
    auto const get = ask(request);
    request.method = "HEAD";
    RawClient client(gateway->port());
    client.send(to_wire(request) + to_wire(request));
    count_request(2);
    auto const head = client.read_answer(true);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("content-length"), get.header("content-length"));
    EXPECT_EQ(client.read_answer(true).status, 200) << "a body followed the head";
}

TEST_F(HttpFront, OptionsListsMethodsWithoutAKey) {
    start();
    auto const answer = ask({"OPTIONS", "/v1/chat/completions", {}, ""});
    EXPECT_EQ(answer.status, 204);
    EXPECT_NE(answer.header("allow").value_or("").find("POST"), std::string::npos);
    EXPECT_FALSE(answer.header("access-control-allow-origin")) << "CORS is not configured";
}

TEST_F(HttpFront, CorsAnswersTheConfiguredOriginsOnly) {
    GatewayConfig config;
    config.server = "  cors: {allow_origins: [\"https://app.test\"]}\n";
    start(config);
    Headers const preflight{{"Origin", "https://app.test"},
                            {"Access-Control-Request-Method", "POST"},
                            {"Access-Control-Request-Headers", "authorization,content-type"}};
    auto const allowed = ask({"OPTIONS", "/v1/chat/completions", preflight, ""});
    EXPECT_EQ(allowed.header("access-control-allow-origin"), "https://app.test");
    EXPECT_NE(allowed.header("access-control-allow-methods").value_or("").find("POST"),
              std::string::npos);
    EXPECT_TRUE(allowed.header("access-control-allow-headers"));
    auto request = chat_request(chat_body("m-1"));
    request.headers.emplace_back("Origin", "https://app.test");
    EXPECT_EQ(ask(request).header("access-control-allow-origin"), "https://app.test");
    request.headers.back().second = "https://evil.test";
    EXPECT_FALSE(ask(request).header("access-control-allow-origin"));
}

TEST_F(HttpFront, UnknownPathsAndMethods) {
    start();
    auto const unknown = ask({"POST", "/v1/chat/completion", with_key(), "{}"});
    EXPECT_EQ(unknown.status, 404);
    EXPECT_NE(error_message(unknown).find("/v1/chat/completions"), std::string::npos);
    auto const without_v1 = ask({"POST", "/chat/completions", with_key(), "{}"});
    EXPECT_EQ(without_v1.status, 404);
    EXPECT_NE(error_message(without_v1).find("/v1"), std::string::npos);
    auto const method = ask({"GET", "/v1/chat/completions", with_key(), ""});
    EXPECT_EQ(method.status, 405);
    EXPECT_NE(method.header("allow").value_or("").find("POST"), std::string::npos);
    EXPECT_EQ(upstream.request_count(), 0U);
}

TEST_F(HttpFront, ConnectionCloseIsHonoured) {
    start();
    auto request = chat_request(chat_body("m-1"));
    request.headers.emplace_back("Connection", "close");
    auto client = begin(request);
    auto const answer = client->read_answer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("connection"), "close");
    EXPECT_EQ(client->read_to_end(), Io::closed);
}

TEST_F(HttpFront, Http10GetsNoChunks) {
    start();
    RawClient client(gateway->port());
    auto wire = to_wire(chat_request(stream_body("m-1")));
    wire.replace(wire.find("HTTP/1.1"), 8, "HTTP/1.0");
    client.send(wire);
    count_request();
    auto const answer = client.read_answer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.header("transfer-encoding"));
    std::string whole;
    for (auto const& frame : chat_stream(4, false)) whole += frame;
    EXPECT_EQ(answer.body, whole);
}

TEST_F(HttpFront, ProbesAnswerOnTheAdminListener) {
    start();
    for (auto const* path : {"/healthz", "/readyz"}) {
        EXPECT_EQ(fetch(gateway->admin_port(), {"GET", path, {}, ""}).status, 200) << path;
    }
    ask(chat_request(chat_body("m-1")));
    (void)last_record();
    auto const metrics = fetch(gateway->admin_port(), {"GET", "/metrics", {}, ""});
    EXPECT_EQ(metrics.status, 200);
    EXPECT_NE(metrics.body.find("\nsluice_requests_total{"), std::string::npos);
    EXPECT_NE(metrics.body.find("\nsluice_requests_in_flight "), std::string::npos);
}

}  // namespace
}  // namespace sluice::test
