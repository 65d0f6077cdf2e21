// The HTTP/1.1 server over a real socket: order, framing, refusals, timeouts, drain.
#include <algorithm>

#include "server_rig.hpp"

namespace sluice::net::test {
namespace {

std::string get(std::string_view path, std::string_view more = "") {
    return "GET " + std::string{path} + " HTTP/1.1\r\nHost: t\r\n" + std::string{more} + "\r\n";
}

std::string post(std::string_view path, std::string_view body, std::string_view more = "") {
    return "POST " + std::string{path} +
           " HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           std::string{more} + "\r\n" + std::string{body};
}

TEST(Server, KeepsTheConnectionForManyRequests) {
    Server server;
    Client client{server.port};
    for (int i = 0; i < 50; ++i) {
        client.send(get("/n" + std::to_string(i)));
        auto const answer = client.read_answer();
        ASSERT_TRUE(answer.ends_with("\r\n\r\nGET /n" + std::to_string(i))) << answer;
        ASSERT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
        ASSERT_TRUE(has(answer, "\r\nDate: "));
        ASSERT_FALSE(has(answer, "Connection:"));
    }
    EXPECT_EQ(server.stats().connections_accepted, 1u);
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
    Server server;
    Client client{server.port};
    std::string requests;
    for (int i = 0; i < 20; ++i) {
        requests +=
            i % 2 ? post("/echo", "body" + std::to_string(i)) : get("/g" + std::to_string(i));
    }
    client.send(requests);
    for (int i = 0; i < 20; ++i) {
        auto const want = (i % 2 ? "body" : "GET /g") + std::to_string(i);
        auto const answer = client.read_answer();
        ASSERT_TRUE(answer.ends_with("\r\n\r\n" + want)) << answer;
    }
}

TEST(Server, ReadsRequestsThatArriveByteByByte) {
    Server server;
    Client client{server.port};
    auto const chunked = std::string{
        "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n"
        "0\r\n\r\n"};
    for (auto const& request : {get("/x"), post("/echo", "hello"), chunked}) {
        for (char const c : request) ASSERT_TRUE(client.send({&c, 1}));
        auto const answer = client.read_answer();
        ASSERT_TRUE(has(answer, "200 OK")) << answer;
    }
}

TEST(Server, EchoesBodiesOfEverySize) {
    Server server;
    Client client{server.port};
    for (std::size_t const n : {1u, 100u, 65'000u, 70'000u, 300'000u, 3'000'000u}) {
        std::string body(n, 'a');
        for (std::size_t i = 0; i < n; i += 97) body[i] = static_cast<char>('a' + i % 26);
        std::thread sender{[&] { client.send(post("/echo", body)); }};
        auto const answer = client.read_answer();
        sender.join();
        ASSERT_TRUE(answer.ends_with("\r\n\r\n" + body)) << n;
    }
}

TEST(Server, TakesAChunkedBodyAndThenTheNextRequest) {
    Server server;
    Client client{server.port};
    client.send(
        "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;x=y\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nTrailer: 1\r\n\r\n" +
        get("/next"));
    EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\nhello world"));
    EXPECT_TRUE(client.read_answer().ends_with("GET /next"));
}

TEST(Server, BoundsBodiesKnownAndUnknown) {
    Server server;
    for (auto const& request :
         {post("/small", "01234567890"),
          std::string{"POST /small HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "6\r\n012345\r\n5\r\n67890\r\n0\r\n\r\n"}}) {
        Client client{server.port};
        client.send(request);
        auto const answer = client.read_to_end();
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
        EXPECT_TRUE(has(answer, "\r\nConnection: close\r\n")) << answer;
    }
    Client client{server.port};
    client.send(post("/small", "0123456789"));
    EXPECT_TRUE(client.read_answer().ends_with("0123456789"));
}

TEST(Server, SendsContinueOnlyWhenTheBodyIsAsked) {
    Server server;
    Client client{server.port};
    client.send(
        "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\nabc"));
    // A body that is not asked for is not invited.
    client.send(
        "POST /no HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    auto const answer = client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK")) << answer;
    EXPECT_TRUE(has(answer, "Connection: close")) << answer;
}

TEST(Server, ClosesAfterAnAnswerWhoseRequestBodyWasNotRead) {
    Server server;
    Client client{server.port};
    // Larger than what the sockets hold: the client is still sending when the answer comes.
    std::string const body(8 << 20, 'x');
    std::thread sender{[&] { client.send(post("/no", body)); }};
    auto const answer = client.read_to_end();
    sender.join();
    EXPECT_TRUE(answer.ends_with("\r\n\r\nPOST /no")) << answer.substr(0, 300);
    EXPECT_TRUE(has(answer, "Connection: close"));
}

TEST(Server, RefusesABrokenChunkedBody) {
    Server server;
    Client client{server.port};
    client.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    auto const answer = client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
    EXPECT_TRUE(server.journal.wait_for("body invalid_request"));
}

TEST(Server, StreamsChunksAndKeepsTheConnection) {
    Server server;
    Client client{server.port};
    client.send(get("/chunks") + get("/next"));
    auto const head = client.read_until("\r\n\r\n");
    EXPECT_TRUE(has(head, "Transfer-Encoding: chunked")) << head;
    EXPECT_EQ(client.read_until("0\r\n\r\n"), "3\r\none\r\n3\r\none\r\n3\r\none\r\n0\r\n\r\n");
    EXPECT_TRUE(client.read_answer().ends_with("GET /next"));
    EXPECT_TRUE(server.journal.wait_for("sent 9"));
}

TEST(Server, StreamsWithAKnownLength) {
    Server server;
    Client client{server.port};
    client.send(get("/length") + get("/next"));
    EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\noneoneone"));
    EXPECT_TRUE(client.read_answer().ends_with("GET /next"));
}

TEST(Server, CutsAnAnswerShorterThanItAnnounced) {
    Server server;
    Client client{server.port};
    client.send(get("/short"));
    auto const answer = client.read_to_end();
    EXPECT_TRUE(answer.ends_with("\r\n\r\noneoneone")) << answer;
}

TEST(Server, SendsNoBodyToHead) {
    Server server;
    Client client{server.port};
    client.send("HEAD /x HTTP/1.1\r\nHost: t\r\n\r\nHEAD /chunks HTTP/1.1\r\nHost: t\r\n\r\n" +
                get("/next"));
    EXPECT_TRUE(has(client.read_until("\r\n\r\n"), "Content-Length: 7\r\n"));
    EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
    EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
}

TEST(Server, SpeaksHttp10) {
    Server server;
    {
        Client client{server.port};
        client.send("GET /chunks HTTP/1.0\r\n\r\n");
        auto const answer = client.read_to_end();
        EXPECT_TRUE(answer.ends_with("\r\n\r\noneoneone")) << answer;
        EXPECT_FALSE(has(answer, "chunked"));
    }
    Client client{server.port};
    client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_TRUE(has(client.read_answer(), "Connection: keep-alive\r\n"));
    client.send("GET /b HTTP/1.0\r\n\r\n");
    auto const answer = client.read_to_end();
    EXPECT_TRUE(has(answer, "Connection: close\r\n"));
    EXPECT_TRUE(answer.ends_with("GET /b"));
}

TEST(Server, TakesTheBasePathOff) {
    Server server{{}, nullptr, "/base"};
    Client client{server.port};
    client.send(get("/base/v1/x?y"));
    EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\nGET /v1/x"));
}

TEST(Server, RefusesAndClosesWithTheHandlersBody) {
    struct Row {
        std::string raw;
        char const* status;
        char const* path;
    };
    Server server;
    for (auto const& row : std::vector<Row>{
             {get("/a", "X: a\r\n b\r\n"), "400", "/a"},
             {get("/a?q", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), "400", "/a"},
             {"GET /a HTTP/3.0\r\n\r\n", "505", "/a"},
             {"GET /a HTTP/1.1\r\n\r\n", "400", "/a"},
             {get("/a", "X: " + std::string(50'000, 'x') + "\r\n"), "431", "/a"},
             {"G@T / HTTP/1.1\r\n\r\n", "400", ""},
         }) {
        Client client{server.port};
        client.send(row.raw + get("/smuggled"));
        auto const answer = client.read_to_end();
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::string{row.status})) << answer;
        EXPECT_TRUE(has(answer, "Connection: close\r\n")) << answer;
        EXPECT_TRUE(answer.ends_with("\"path\":\"" + std::string{row.path} + "\"}")) << answer;
    }
    for (auto const& line : server.journal.lines()) EXPECT_FALSE(has(line, "smuggled")) << line;
}

TEST(Server, AnswersAHandlerThatFails) {
    Server server;
    for (char const* path : {"/throw", "/throw-begun", "/silent"}) {
        Client client{server.port};
        client.send(get(path));
        auto const answer = client.read_to_end();
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 ")) << path << '\n' << answer;
        EXPECT_FALSE(has(answer, "on purpose")) << answer;
    }
}

TEST(Server, AbortLeavesTheAnswerVisiblyCut) {
    Server server;
    {
        Client client{server.port};
        client.send(get("/cut"));
        auto const answer = client.read_to_end();
        EXPECT_TRUE(answer.ends_with("\r\n\r\n4\r\nhalf\r\n")) << answer;
    }
    // Where the end of the connection ends the body, only a reset tells.
    Client client{server.port};
    client.send("GET /cut HTTP/1.0\r\n\r\n");
    long last = 1;
    while (last > 0) last = client.read_more();
    EXPECT_LT(last, 0);
}

TEST(Server, SendsAnAnswerLargerThanTheSocketTakes) {
    Server server;
    Client client{server.port, 4096};
    client.send(get("/big") + get("/next"));
    auto const answer = client.read_answer();
    EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, 20u << 20);
    EXPECT_EQ(std::count(answer.begin(), answer.end(), 'y'), 20 << 20);
    EXPECT_TRUE(client.read_answer().ends_with("GET /next"));
}

TEST(Server, TimesOutASlowHead) {
    ServerOptions options;
    options.head_timeout = milliseconds{100};
    Server server{options};
    Client client{server.port};
    client.send(get("/first"));
    client.read_answer();
    client.send("GET /slow HTTP/1.1\r\nHo");
    auto const answer = client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
    EXPECT_TRUE(has(answer, "\"path\":\"/slow\"")) << answer;
}

TEST(Server, TimesOutASlowBody) {
    ServerOptions options;
    options.body_idle = milliseconds{100};
    Server server{options};
    Client client{server.port};
    client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc");
    auto const answer = client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
}

TEST(Server, ClosesAnIdleConnectionSilently) {
    ServerOptions options;
    options.keep_alive_idle = milliseconds{100};
    Server server{options};
    Client client{server.port};
    client.send(get("/x"));
    client.read_answer();
    EXPECT_EQ(client.read_to_end(), "");
}

TEST(Server, CutsAClientThatTakesNoBytes) {
    ServerOptions options;
    options.write_idle = milliseconds{200};
    Server server{options};
    Client client{server.port, 4096};
    client.send(get("/flood"));
    EXPECT_TRUE(server.journal.wait_for("write request_timeout"));
}

TEST(Server, RefusesConnectionsOverTheBound) {
    ServerOptions options;
    options.connections_max = 1;
    Server server{options};
    Client first{server.port};
    first.send(get("/x"));
    first.read_answer();
    Client second{server.port};
    auto const answer = second.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
    auto const stats = server.stats();
    EXPECT_EQ(stats.connections_refused, 1u);
    EXPECT_EQ(stats.connections_open, 1u);
}

TEST(Server, EndsAConnectionAfterItsRequests) {
    ServerOptions options;
    options.requests_per_connection_max = 2;
    Server server{options};
    Client client{server.port};
    client.send(get("/a") + get("/b") + get("/c"));
    EXPECT_FALSE(has(client.read_answer(), "Connection: close"));
    EXPECT_TRUE(has(client.read_answer(), "Connection: close"));
    EXPECT_EQ(client.read_to_end(), "");
}

TEST(Server, DrainClosesIdleConnectionsAndLetsExchangesEnd) {
    Server server;
    Client idle{server.port};
    idle.send(get("/x"));
    idle.read_answer();
    Client busy{server.port};
    busy.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\n");
    ASSERT_TRUE(server.journal.wait_for("request /echo"));
    server.begin_stop(seconds{30});
    EXPECT_EQ(idle.read_to_end(), "");
    busy.send("abc");
    auto const answer = busy.read_to_end();
    EXPECT_TRUE(answer.ends_with("\r\n\r\nabc")) << answer;
    EXPECT_TRUE(has(answer, "Connection: close"));
    busy.close();
    server.stop(seconds{30});
}

TEST(Server, DrainDeadlineCancelsWhatStillRuns) {
    Server server;
    Client client{server.port};
    client.send(get("/stream"));
    client.read_until("data: one\n\n");
    server.begin_stop(milliseconds{50});
    EXPECT_TRUE(server.journal.wait_for("draining"));
    client.read_to_end();
    server.stop(milliseconds{50});
}

}  // namespace
}  // namespace sluice::net::test
