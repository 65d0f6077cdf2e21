// The mock behind the whole gateway: it says what it is, and its faults are met as a provider's
// are.
#include <fmt/format.h>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

class MockProvider : public Integration {
  protected:
    void start_with_mock() {
        GatewayConfig config;
        config.providers = "  mock: {kind: mock}\n";
        config.routes = "  \"m-*\": mock\n";
        config.defaults = "retry: {attempts_max: 1}, timeout: {first_byte_ms: 1500, idle_ms: 1500}";
        start(config);
    }
    Answer asking(std::string const& instructions, std::string const& body) {
        auto request = chat_request(body);
        if (!instructions.empty()) request.headers.emplace_back("x-sluice-mock", instructions);
        return ask(request);
    }
};

TEST_F(MockProvider, SaysWhatItIs) {
    start_with_mock();
    auto const answer = asking("", chat_body("m-1"));
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.header("x-sluice-mock"), "1");
    auto const body = nlohmann::json::parse(answer.body);
    auto const text = body.at("choices")[0].at("message").at("content").get<std::string>();
    EXPECT_TRUE(text.starts_with("[sluice mock]")) << text;
    EXPECT_TRUE(last_record().at("mock").get<bool>());
    EXPECT_GT(last_record().at("attempts")[0].at("usage").at("input"), 0);
    compare_tokens = false;
}

TEST_F(MockProvider, Streams) {
    start_with_mock();
    compare_tokens = false;
    auto const answer = asking("chunks=5", stream_body("m-1"));
    EXPECT_TRUE(answer.complete);
    EXPECT_EQ(answer.header("content-type").value_or("").substr(0, 17), "text/event-stream");
    EXPECT_GE(answer.frames().size(), 6U);
    EXPECT_EQ(answer.frames().back(), done_frame);
}

TEST_F(MockProvider, FaultsAreMetAsAProvidersAre) {
    start_with_mock();
    compare_tokens = false;
    struct Row {
        char const* instructions;
        bool stream;
        int status;  // 0: a stream that began and did not end well
    };
    for (auto const& row : std::vector<Row>{{"status=429; retry_after=9", false, 429},
                                            {"status=400", false, 400},
                                            {"garbage", false, 502},
                                            {"reset", false, 502},
                                            {"silence", false, 504},
                                            {"error_200", false, 502},
                                            {"cut_frames=3", true, 0},
                                            {"no_done", true, 0}}) {
        auto const answer =
            asking(row.instructions, row.stream ? stream_body("m-1") : chat_body("m-1"));
        if (row.status != 0) {
            EXPECT_EQ(answer.status, row.status) << row.instructions << answer.body;
            continue;
        }
        EXPECT_EQ(answer.status, 200) << row.instructions;
        EXPECT_EQ(answer.body.find("[DONE]"), std::string::npos) << row.instructions;
    }
}

TEST_F(MockProvider, CompressionIsUndone) {
    start_with_mock();
    compare_tokens = false;
    for (auto const* coding : {"gzip", "deflate", "br", "zstd"}) {
        for (auto const& body : {chat_body("m-1"), stream_body("m-1")}) {
            auto const answer = asking(fmt::format("encoding={}", coding), body);
            EXPECT_EQ(answer.status, 200) << coding;
            EXPECT_FALSE(answer.header("content-encoding")) << coding;
            EXPECT_NE(answer.body.find("sluice"), std::string::npos) << coding;
        }
    }
}

TEST_F(MockProvider, BadInstructionsAreTold) {
    start_with_mock();
    auto const answer = asking("statsu=500", chat_body("m-1"));
    EXPECT_EQ(answer.status, 400) << answer.body;
}

// The header is for the mock alone.
TEST_F(MockProvider, InstructionsNeverReachARealProvider) {
    start();
    EXPECT_EQ(asking("status=500", chat_body("m-1")).status, 200);
    EXPECT_FALSE(upstream.requests()[0].header("x-sluice-mock"));
}

}  // namespace
}  // namespace sluice::test
