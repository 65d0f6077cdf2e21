// What bounds a request body beside its size: the room for all bodies, the time of the whole
// upload, the end of the process. And the errors that are answered outside of an exchange.
#include <atomic>
#include <thread>

#include "server_rig.hpp"

namespace sluice::net::test {
namespace {

std::string head(std::string_view path, std::string_view fields) {
    return "POST " + std::string{path} + " HTTP/1.1\r\nHost: t\r\n" + std::string{fields} +
           "\r\n\r\n";
}

std::string sized(std::string_view path, std::size_t bytes) {
    return head(path, "Content-Length: " + std::to_string(bytes));
}

std::string chunked(std::string_view path, std::size_t chunks) {
    auto request = head(path, "Transfer-Encoding: chunked");
    for (std::size_t i = 0; i < chunks; ++i) {
        request += "400\r\n" + std::string(0x400, 'c') + "\r\n";
    }
    return request;
}

TEST(BodyBudget, IsAskedForEveryByteOnce) {
    Server server;
    Client client{server.port};
    client.send(sized("/budget", 90'000) + std::string(90'000, 'b'));
    EXPECT_TRUE(client.read_answer().starts_with("HTTP/1.1 200 "));
    EXPECT_TRUE(server.journal.wait_for("asked 90000"));
    client.send(chunked("/budget", 50) + "0\r\n\r\n");
    EXPECT_TRUE(client.read_answer().starts_with("HTTP/1.1 200 "));
    EXPECT_TRUE(server.journal.wait_for("asked " + std::to_string(50 * 0x400)));
}

TEST(BodyBudget, RefusesWhatDoesNotFitWhileItArrives) {
    Server server;
    // Neither body is complete: a budget asked at the end would never be asked.
    for (auto const& request :
         {sized("/budget", 300'000) + std::string(200'000, 'b'), chunked("/budget", 200)}) {
        Client client{server.port};
        client.send(request);
        auto const answer = client.read_answer();
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
        EXPECT_TRUE(has(answer, "holds too many request bodies")) << answer;
        EXPECT_TRUE(has(answer, "\r\nConnection: close\r\n")) << answer;
    }
    EXPECT_TRUE(server.journal.wait_for("body overloaded"));
}

TEST(BodyBudget, IsNotAskedForWhatWasOnlyAnnounced) {
    Server server;
    Client client{server.port};
    client.send(sized("/deadline", 32 << 20) + "abc");
    EXPECT_TRUE(client.read_answer().starts_with("HTTP/1.1 408 "));
    EXPECT_TRUE(server.journal.wait_for("asked 3"));
}

TEST(BodyDeadline, IsNotRenewedByBytesThatArrive) {
    Server server;
    for (auto const& request :
         {sized("/deadline", 64 << 20), head("/deadline", "Transfer-Encoding: chunked")}) {
        Client client{server.port};
        client.send(request);
        bool const is_chunked = has(request, "chunked");
        std::atomic<bool> answered{false};
        std::thread sender{[&] {
            while (!answered && client.send(is_chunked ? "1\r\nx\r\n" : "x")) {
                std::this_thread::yield();
            }
        }};
        auto const answer = client.read_answer();
        answered = true;
        sender.join();
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
    }
    EXPECT_TRUE(server.journal.wait_for("body request_timeout"));
}

TEST(BodyDrain, SaysThatTheGatewayShutsDown) {
    Server server;
    Client client{server.port};
    client.send(sized("/read-then-wait", 10) + "abc");
    ASSERT_TRUE(server.journal.wait_for("request /read-then-wait"));
    server.begin_stop(milliseconds{0});
    EXPECT_TRUE(server.journal.wait_for("body draining"));
}

TEST(MalformedHeaders, StandInEveryErrorOutsideAnExchange) {
    Server server;
    struct Case {
        std::string request;
        std::string status;
        std::string field;
    };
    for (auto const& [request, status, field] :
         {Case{"GET / HTTP/1.1\r\n\r\n", "400", "invalid_request"},
          Case{"GET / HTTP/1.1\r\nHost: t\r\nA: " + std::string(40'000, 'a') + "\r\n\r\n", "431",
               "head_too_large"},
          Case{"GET /throw HTTP/1.1\r\nHost: t\r\n\r\n", "500", "internal"},
          Case{"GET /silent HTTP/1.1\r\nHost: t\r\n\r\n", "500", "internal"}}) {
        Client client{server.port};
        client.send(request);
        auto const answer = client.read_answer();
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + status)) << answer;
        EXPECT_TRUE(has(answer, "\r\nX-Error: " + field + "\r\n")) << answer;
        EXPECT_TRUE(has(answer, "\r\nContent-Type: application/json\r\n")) << answer;
    }
}

TEST(ConnectionsMax, CountsEachListenerForItself) {
    ServerOptions options;
    options.connections_max = 1;
    Server server{options};
    std::string const get = "GET /x HTTP/1.1\r\nHost: t\r\n\r\n";
    Client held{server.port};
    held.send(get);
    ASSERT_TRUE(held.read_answer().starts_with("HTTP/1.1 200 "));
    {
        Client second{server.port};
        EXPECT_TRUE(second.read_to_end().starts_with("HTTP/1.1 503 "));
    }
    Client other{server.second_port};
    other.send(get);
    EXPECT_TRUE(other.read_answer().starts_with("HTTP/1.1 200 "));
    {
        Client second{server.second_port};
        EXPECT_TRUE(second.read_to_end().starts_with("HTTP/1.1 503 "));
    }
    EXPECT_EQ(server.stats().connections_open, 2u);
    EXPECT_EQ(server.stats().connections_refused, 2u);
}

}  // namespace
}  // namespace sluice::net::test
