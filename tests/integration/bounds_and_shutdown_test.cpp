// Bounds that protect the whole process, and the orderly end: who is let finish, who is cut.
#include <fmt/format.h>
#include <thread>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

class Bounds : public Integration {};

TEST_F(Bounds, BodiesInFlightOverTheBoundAre503) {
    GatewayConfig config;
    config.server = "  limits: {body_bytes_in_flight_max: 1048576, body_bytes_max: 1048576}\n";
    start(config);
    auto const go = std::make_shared<Event>();
    upstream.answer_with([go](Received const&) {
        return Reply()
            .wait(go)
            .send(Reply::whole(200, chat_answer("x")).steps[0].bytes)
            .tokens(11, 7);
    });
    auto const big = chat_body("m-1", fmt::format(R"(,"user":"{}")", std::string(700'000, 'u')));
    auto first = begin(chat_request(big));
    ASSERT_TRUE(upstream.wait_for_requests(1));
    auto const second = chat(big);
    EXPECT_EQ(second.status, 503);
    EXPECT_EQ(gateway->wait_for_records(1).at(0).at("error_code"), "overloaded");
    EXPECT_TRUE(second.header("retry-after"));
    go->raise();
    EXPECT_EQ(first->read_answer().status, 200);
    EXPECT_EQ(chat(big).status, 200) << "what was held was not given back";
}

TEST_F(Bounds, ConnectionsOverTheBoundAreRefused) {
    GatewayConfig config;
    config.workers = 1;
    config.server = "  limits: {connections_max: 5}\n";
    start(config);
    std::vector<std::unique_ptr<RawClient>> held;
    for (int i = 0; i < 5; ++i) {
        held.push_back(begin(chat_request(chat_body("m-1"))));
        EXPECT_EQ(held.back()->read_answer().status, 200);
    }
    RawClient more(gateway->port());
    more.send(to_wire(chat_request(chat_body("m-1"))));
    EXPECT_NE(more.read_to_end(milliseconds{5'000}), Io::timeout) << "left hanging";
    EXPECT_EQ(more.received().find("HTTP/1.1 200"), std::string::npos);
    held.clear();
    ASSERT_TRUE(gateway->wait_until([](auto const& s) { return s.connections_open == 0; }));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
}

class Shutdown : public Integration {};

TEST_F(Shutdown, LetsAStreamEndAndTakesNoNewConnection) {
    start();
    auto const go = std::make_shared<Event>();
    auto const frames = chat_stream(2, true);
    upstream.then(Reply::chunked()
                      .chunks({frames[0], frames[1]})
                      .wait(go)
                      .chunks({frames.begin() + 2, frames.end()})
                      .last_chunk()
                      .tokens(11, 7));
    auto client =
        begin(chat_request(stream_body("m-1", R"(,"stream_options":{"include_usage":true})")));
    ASSERT_TRUE(client->read_until(frames[1]));
    RawClient idle(gateway->port());
    auto const port = gateway->port();
    std::thread stopping([&] { gateway->stop(); });
    EXPECT_NE(idle.read_to_end(), Io::timeout) << "an idle connection was kept";
    auto const until = Clock::now() + milliseconds{4'000};
    while (RawClient(port).connected() && Clock::now() < until) {
        std::this_thread::sleep_for(milliseconds{10});
    }
    EXPECT_FALSE(RawClient(port).connected()) << "still listening";
    go->raise();
    auto const answer = client->read_answer();
    stopping.join();
    EXPECT_TRUE(answer.complete);
    EXPECT_NE(answer.body.find("[DONE]"), std::string::npos);
    EXPECT_TRUE(last_record().at("completed").get<bool>());
}

TEST_F(Shutdown, CutsWhatOutlastsTheDrainAndRecordsIt) {
    start();
    upstream.then(Reply::chunked().chunk(text_frame("one ")).silence());
    auto client = begin(chat_request(stream_body("m-1")));
    ASSERT_TRUE(client->read_until("one "));
    auto const from = Clock::now();
    gateway->stop(milliseconds{300});
    EXPECT_LT(Clock::now() - from, milliseconds{5'000}) << "the drain has no end";
    EXPECT_NE(client->read_to_end(), Io::timeout);
    EXPECT_EQ(client->received().find("[DONE]"), std::string::npos);
    EXPECT_FALSE(last_record().at("completed").get<bool>());
    EXPECT_FALSE(last_record().at("client_gone").get<bool>()) << "it was us, not the caller";
}

}  // namespace
}  // namespace sluice::test
