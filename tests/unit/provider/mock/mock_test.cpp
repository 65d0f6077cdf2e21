// The mock as a handler: paths, pace, and every fault it can be asked for.
#include "provider/mock/mock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "recorded_stream.hpp"

namespace sluice::provider::mock {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// Runs an Async that never really waits.
struct Ran {
    struct promise_type {
        Ran get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { throw; }
    };
};

Ran drive(net::Handler& handler, RecordedStream& stream, std::optional<Result<void>>& result) {
    result.emplace(co_await handler.handle(stream));
}

class MockTest : public testing::Test {
  protected:
    // Every pause is noted; one of an hour is a silence, which the caller ends.
    static Async<Wake> pause(Steady::duration d, Cancel& cancel) {
        pauses.push_back(d);
        if (d >= std::chrono::hours{1}) cancel.cancel(CancelReason::client_gone);
        co_return cancel.cancelled() ? Wake::cancelled : Wake::ready;
    }

    explicit MockTest(config::MockOptions const& options = {}) {
        pauses.clear();
        mock_ = std::move(*Mock::create(options, pause));
    }

    RecordedStream& post(std::string instructions, bool stream = false,
                         std::string path = "/v1/chat/completions") {
        json body = {{"model", "m"},
                     {"stream", stream},
                     {"prompt", "hi"},
                     {"input", "hi"},
                     {"messages", json::array({{{"role", "user"}, {"content", "hi there"}}})}};
        return run(http::Method::post, std::move(path), body.dump(), std::move(instructions));
    }

    RecordedStream& run(http::Method method, std::string path, std::string body,
                        std::string instructions = {}) {
        stream_ = std::make_unique<RecordedStream>(method, std::move(path), std::move(body),
                                                   std::move(instructions));
        result_.reset();
        drive(*mock_, *stream_, result_);
        EXPECT_TRUE(result_.has_value()) << "it waits for something";
        return *stream_;
    }

    static std::vector<Steady::duration> pauses;
    std::unique_ptr<Mock> mock_;
    std::unique_ptr<RecordedStream> stream_;
    std::optional<Result<void>> result_;
};
std::vector<Steady::duration> MockTest::pauses;

std::size_t frames_in(std::string const& text) {
    std::size_t count = 0;
    for (auto at = text.find("\n\n"); at != std::string::npos; at = text.find("\n\n", at + 2)) {
        ++count;
    }
    return count;
}

TEST_F(MockTest, AnswersEverySurfaceUnderAnyPrefix) {
    for (char const* prefix : {"", "/v1", "/some/where"}) {
        std::string const base = prefix;
        EXPECT_THAT(post("", false, base + "/chat/completions").text(),
                    HasSubstr("[sluice mock] You said: hi there"));
        EXPECT_EQ(stream_->headers.get("x-sluice-mock"), "1");
        EXPECT_EQ(stream_->headers.get("content-type"), "application/json");
        EXPECT_TRUE(stream_->complete);
        EXPECT_THAT(post("", false, base + "/completions").text(), HasSubstr("text_completion"));
        EXPECT_THAT(post("", false, base + "/embeddings").text(), HasSubstr("\"embedding\":["));
        auto const models = json::parse(run(http::Method::get, base + "/models", "").text());
        EXPECT_EQ(models["object"], "list");
        EXPECT_EQ(models["data"][0]["object"], "model");
        auto const model = json::parse(run(http::Method::get, base + "/models/a/b", "").text());
        EXPECT_EQ(model["id"], "a/b");
    }
}

TEST_F(MockTest, RefusesWhatItDoesNotKnowInTheOpenAiShape) {
    EXPECT_EQ(run(http::Method::get, "/v1/nothing", "").status, 404);
    EXPECT_EQ(run(http::Method::post, "/v1/audio/speech", "{}").status, 404);
    EXPECT_EQ(run(http::Method::del, "/v1/models", "").status, 405);
    for (char const* body : {"", "nonsense", "[]", "{}", R"({"model":7,"messages":[]})"}) {
        auto const& stream = run(http::Method::post, "/v1/chat/completions", body);
        EXPECT_EQ(stream.status, 400) << body;
        EXPECT_TRUE(json::parse(stream.text())["error"]["message"].is_string());
    }
}

TEST_F(MockTest, OddTypesInToolsAreABadRequest) {
    auto const& stream = run(
        http::Method::post, "/v1/chat/completions",
        R"({"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"allOf":[{"required":["a"]}],"required":7}}}]})");
    EXPECT_EQ(stream.status, 400);
}

TEST_F(MockTest, StreamsAFrameAWrite) {
    auto const& stream = post("chunks=5; chunk_ms=20", true);
    EXPECT_EQ(stream.headers.get("content-type"), "text/event-stream; charset=utf-8");
    EXPECT_EQ(stream.writes.size(), 8u);  // role, five words, finish, [DONE]
    EXPECT_EQ(stream.writes.back(), "data: [DONE]\n\n");
    EXPECT_TRUE(stream.complete);
    EXPECT_EQ(pauses, std::vector<Steady::duration>(7, milliseconds{20}));
}

TEST_F(MockTest, WaitsBeforeTheAnswer) {
    post("first_byte_ms=50");
    EXPECT_EQ(pauses, std::vector<Steady::duration>{milliseconds{50}});
}

TEST_F(MockTest, StopsWhenTheCallerGoes) {
    RecordedStream stream{http::Method::post, "/v1/chat/completions",
                          R"({"model":"m","stream":true,"messages":[{"role":"user"}]})",
                          "chunks=1000"};
    stream.before_write = [&](std::size_t nth) {
        if (nth == 3) stream.cancel().cancel(CancelReason::client_gone);
    };
    std::optional<Result<void>> result;
    drive(*mock_, stream, result);
    ASSERT_TRUE(result.has_value());
    EXPECT_FALSE(result->ok());
    EXPECT_EQ(stream.writes.size(), 3u);
}

TEST_F(MockTest, AStatusOnRequest) {
    auto const& stream = post("status=429; retry_after=2; code=rate_limit_exceeded");
    EXPECT_EQ(stream.status, 429);
    EXPECT_EQ(stream.headers.get("retry-after"), "2");
    EXPECT_EQ(json::parse(stream.text())["error"]["code"], "rate_limit_exceeded");
    EXPECT_EQ(post("status=503; retry_after_ms=40").headers.get("retry-after-ms"), "40");
}

TEST_F(MockTest, FailsSoManyTimesAndThenAnswersAgainAndAgain) {
    std::vector<int> seen;
    for (int i = 0; i < 6; ++i) seen.push_back(post("status=500; fail_times=2").status);
    EXPECT_EQ(seen, (std::vector<int>{500, 500, 200, 500, 500, 200}));
    EXPECT_EQ(post("status=500; fail_times=1; id=other").status, 500);
    EXPECT_EQ(post("status=500; fail_times=1; id=other").status, 200);
}

TEST_F(MockTest, OnlyTheModelThatWasNamedFails) {
    EXPECT_EQ(post("status=500; only_model=other").status, 200);
    EXPECT_EQ(post("status=500; only_model=m").status, 500);
}

TEST_F(MockTest, AnErrorWithStatus200) {
    auto const& stream = post("error_200");
    EXPECT_EQ(stream.status, 200);
    EXPECT_TRUE(json::parse(stream.text()).contains("error"));
}

TEST_F(MockTest, AnErrorAsAFrame) {
    auto const& first = post("error_frames=0; code=boom", true);
    EXPECT_THAT(first.writes.at(0), HasSubstr("data: {\"error\":{"));
    EXPECT_EQ(first.writes.size(), 1u);
    EXPECT_TRUE(first.complete);
    auto const& third = post("error_frames=2", true);
    EXPECT_EQ(third.writes.size(), 3u);
    EXPECT_THAT(third.writes.at(2), HasSubstr("\"error\""));
}

TEST_F(MockTest, CutsStreamsAndBodies) {
    auto const& frames = post("cut_frames=3", true);
    EXPECT_TRUE(frames.aborted);
    EXPECT_FALSE(frames.complete);
    EXPECT_EQ(frames.writes.size(), 3u);
    auto const& bytes = post("cut_bytes=100", true);
    EXPECT_TRUE(bytes.aborted);
    EXPECT_EQ(bytes.text().size(), 100u);
    auto const& body = post("cut_bytes=10");
    EXPECT_TRUE(body.aborted);
    EXPECT_EQ(body.text().size(), 10u);
    auto const& half = post("cut_frames=1");
    EXPECT_TRUE(half.aborted);
    EXPECT_FALSE(half.complete);
    EXPECT_FALSE(half.text().empty());
}

TEST_F(MockTest, ACutBeyondTheEndIsNone) {
    auto const& stream = post("cut_bytes=100000", true);
    EXPECT_FALSE(stream.aborted);
    EXPECT_TRUE(stream.complete);
}

TEST_F(MockTest, SilenceLastsUntilTheCallerGoes) {
    auto const& all = post("silence");
    EXPECT_EQ(all.status, 0);
    EXPECT_TRUE(all.aborted);
    EXPECT_FALSE(result_->ok());
    auto const& some = post("silence_frames=2", true);
    EXPECT_EQ(some.writes.size(), 2u);
    EXPECT_FALSE(some.complete);
    auto const& half = post("silence_frames=1");
    EXPECT_FALSE(half.text().empty());
    EXPECT_FALSE(half.complete);
}

TEST_F(MockTest, AResetIsNoAnswer) {
    auto const& stream = post("reset");
    EXPECT_TRUE(stream.aborted);
    EXPECT_EQ(stream.status, 0);
}

TEST_F(MockTest, GarbageIsNoJson) {
    EXPECT_FALSE(json::accept(post("garbage").text()));
    EXPECT_EQ(stream_->status, 200);
}

TEST_F(MockTest, AHugeFrame) {
    auto const& stream = post("huge_frame=2000000", true);
    EXPECT_GT(stream.writes.at(1).size(), 2'000'000u);
}

TEST_F(MockTest, EncodingsAreNamed) {
    for (std::string const encoding : {"gzip", "deflate", "br", "zstd"}) {
        for (bool const streamed : {false, true}) {
            auto const& stream = post("encoding=" + encoding, streamed);
            EXPECT_EQ(stream.headers.get("content-encoding"), encoding);
            EXPECT_TRUE(stream.complete);
        }
    }
}

TEST_F(MockTest, WritesInPieces) {
    auto const& stream = post("write_bytes=7", true);
    for (auto const& write : stream.writes) EXPECT_LE(write.size(), 7u);
    EXPECT_EQ(frames_in(stream.text()), 9u);  // role, 6 words, finish, [DONE]
    auto const& body = post("write_bytes=7");
    EXPECT_TRUE(body.complete);
    EXPECT_TRUE(json::accept(body.text()));
}

TEST_F(MockTest, UsageAndDoneMayBeLeftOut) {
    EXPECT_FALSE(json::parse(post("no_usage").text()).contains("usage"));
    EXPECT_NE(post("no_done", true).writes.back(), "data: [DONE]\n\n");
}

TEST_F(MockTest, AWrongInstructionIsTold) {
    auto const& stream = post("stauts=500");
    EXPECT_EQ(stream.status, 400);
    EXPECT_THAT(stream.text(), HasSubstr("did you mean 'status'"));
}

TEST(MockConfig, SaysTheDefaultsAndTheHeaderSaysOtherwise) {
    config::MockOptions options;
    options.fault = "status=503";
    auto mock = Mock::create(options);
    ASSERT_TRUE(mock.ok());
    std::optional<Result<void>> result;
    RecordedStream plain{http::Method::post, "/chat/completions", R"({"model":"m"})"};
    drive(**mock, plain, result);
    EXPECT_EQ(plain.status, 503);
    RecordedStream other{http::Method::post, "/chat/completions", R"({"model":"m"})", "status=418"};
    drive(**mock, other, result);
    EXPECT_EQ(other.status, 418);
    options.fault = "nonsense";
    EXPECT_FALSE(Mock::create(options).ok());
}

}  // namespace
}  // namespace sluice::provider::mock
