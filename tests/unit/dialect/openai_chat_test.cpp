// The openai_chat table: errors written, patches gathered, bounds kept. The wire cases themselves
// are golden files (tests/golden/dialect/openai_chat).
#include "dialect/openai_chat/openai_chat.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sluice::dialect {
namespace {

using Json = nlohmann::json;

TEST(Gather, CutsTheBodyIntoViews) {
    std::string const body = "0123456789";
    Patches const patches{{0, 0, "<"}, {2, 3, "x"}, {9, 1, ""}};
    std::string joined;
    for (auto const piece : gather(body, patches)) {
        EXPECT_FALSE(piece.empty());
        joined += piece;
    }
    EXPECT_EQ(joined, "<01x5678");
    Patches const none;
    auto const whole = gather(body, none);
    ASSERT_EQ(whole.size(), 1U);
    EXPECT_EQ(whole[0].data(), body.data());
    EXPECT_TRUE(gather("", none).empty());
}

TEST(OpenaiChat, HasARowForEachOperation) {
    auto const& table = openai_chat();
    EXPECT_EQ(table.name, "openai_chat");
    EXPECT_EQ(table.row[0]->upstream_path, "/chat/completions");
    EXPECT_EQ(table.row[1]->upstream_path, "/completions");
    EXPECT_EQ(table.row[2]->upstream_path, "/embeddings");
}

struct Written {
    ErrorCode code;
    Origin origin;
    char const* type;
    char const* wire_code;
};

class WriteError : public testing::TestWithParam<Written> {};

TEST_P(WriteError, HasTheFourKeys) {
    Error error;
    error.code = GetParam().code;
    error.origin = GetParam().origin;
    error.message = "a \"quoted\" text\n";
    error.detail = "not for the caller";
    auto const text = openai_chat().write_error(error, "01REQUEST");
    EXPECT_EQ(text.find("not for the caller"), std::string::npos);
    auto const body = Json::parse(text).at("error");
    EXPECT_EQ(body.at("message"), error.message);
    EXPECT_EQ(body.at("type"), GetParam().type);
    EXPECT_TRUE(body.at("param").is_null());
    EXPECT_EQ(body.at("code"), GetParam().wire_code);
    EXPECT_EQ(body.at("request_id"), "01REQUEST");
}

INSTANTIATE_TEST_SUITE_P(
    Table, WriteError,
    testing::Values(
        Written{ErrorCode::invalid_json, Origin::client, "invalid_request_error", "invalid_json"},
        Written{ErrorCode::model_not_found, Origin::client, "invalid_request_error",
                "model_not_found"},
        Written{ErrorCode::invalid_api_key, Origin::client, "authentication_error",
                "invalid_api_key"},
        Written{ErrorCode::disabled_api_key, Origin::client, "authentication_error",
                "disabled_api_key"},
        Written{ErrorCode::overloaded, Origin::gateway, "service_unavailable_error",
                "server_is_overloaded"},
        Written{ErrorCode::provider_unavailable, Origin::gateway, "service_unavailable_error",
                "provider_unavailable"},
        Written{ErrorCode::ledger_unavailable, Origin::gateway, "service_unavailable_error",
                "ledger_unavailable"},
        Written{ErrorCode::internal, Origin::gateway, "server_error", "internal"},
        Written{ErrorCode::upstream_rate_limited, Origin::upstream, "rate_limit_error",
                "rate_limit_exceeded"},
        Written{ErrorCode::upstream_timeout, Origin::upstream, "server_error", "upstream_timeout"},
        Written{ErrorCode::upstream_rejected, Origin::upstream, "invalid_request_error",
                "upstream_rejected"}),
    [](auto const& row) { return std::string{to_string(row.param.code)}; });

TEST(WriteStreamError, IsOneWholeFrame) {
    auto const frame =
        openai_chat().write_stream_error(gateway_error(ErrorCode::internal, 500, "a\n\nb"), "");
    ASSERT_TRUE(frame.starts_with("data: {\"error\":{"));
    EXPECT_EQ(frame.find("\n\n"), frame.size() - 2);
    auto const body = Json::parse(frame.substr(6)).at("error");
    EXPECT_EQ(body.at("message"), "a\n\nb");
    EXPECT_FALSE(body.contains("request_id"));
}

TEST(ReadError, NeverTellsTheCallerAboutOurCredential) {
    for (std::uint16_t status : {400, 401, 402, 403}) {
        auto const error = openai_chat().read_error(
            status, R"({"error":{"message":"Incorrect API key provided: sk-canary-123456"}})");
        EXPECT_EQ(error.code, ErrorCode::upstream_auth) << status;
        EXPECT_EQ(error.retry, Retry::next);
        EXPECT_EQ((error.message + error.detail).find("canary"), std::string::npos) << status;
    }
}

// Whoever can have our key benched by what he writes takes the provider away from everyone.
TEST(ReadError, IsNotAboutOurKeyForWordsTheCallerWrote) {
    constexpr std::array<std::string_view, 6> written{
        "api key not valid",
        "API key not valid.",
        "Incorrect API key provided",
        "Incorrect API key provided: sk-1.",
        "Invalid API key",
        "Incorrect API key provided: x. You can obtain an API key from https://console.x.ai."};
    constexpr std::array<std::array<std::string_view, 2>, 4> around{
        {{"The model `", "` does not exist"},
         {"", " is not a valid model ID"},
         {"unknown role: ", ""},
         {"Invalid value: '", "'."}}};
    for (auto const words : written) {
        for (auto const& [before, after] : around) {
            auto const message = std::string{before}.append(words).append(after);
            auto const body = Json{{"error", {{"message", message}, {"code", nullptr}}}}.dump();
            for (std::uint16_t const status : {400, 404, 409, 422}) {
                EXPECT_EQ(openai_chat().read_error(status, body).code, ErrorCode::upstream_rejected)
                    << status << ' ' << message;
            }
        }
        // A named fault of the request decides, even where the prose is nothing but those words.
        for (auto const* code : {"model_not_found", "invalid_value", "unknown_parameter"}) {
            auto const body = Json{{"error", {{"message", words}, {"code", code}}}}.dump();
            EXPECT_EQ(openai_chat().read_error(400, body).code, ErrorCode::upstream_rejected)
                << code << ' ' << words;
        }
    }
}

TEST(ReadError, KnowsProseAndCodesAboutOurKey) {
    for (auto const* body :
         {R"({"error":{"message":"API key not valid. Please pass a valid API key."}})",
          R"({"error":{"message":"API key expired. Please renew the API key."}})",
          R"({"error":"Invalid API key"})",
          R"({"error":{"message":"x","type":"invalid_request_error","code":"invalid_api_key"}})",
          R"({"error":{"message":"x","type":"authentication_error"}})"}) {
        EXPECT_EQ(openai_chat().read_error(400, body).code, ErrorCode::upstream_auth) << body;
    }
}

TEST(ReadError, TakesAnyBody) {
    for (std::string const& body :
         {std::string{}, std::string(1 << 20, '{'), std::string("\0\xff{", 3), std::string("null"),
          std::string(R"({"error":{"message":")") + std::string(100000, 'x') + "\"}}",
          std::string(R"({"error":{"code":[],"type":{},"message":7}})")}) {
        for (std::uint16_t status : {100, 302, 400, 404, 418, 429, 500, 599}) {
            auto const error = openai_chat().read_error(status, body);
            EXPECT_EQ(error.origin, Origin::upstream);
            EXPECT_FALSE(error.message.empty());
            EXPECT_LT(error.message.size(), 1100U);
        }
    }
}

struct Ignore final : FrameSink {
    void on_frame(Frame const&) override {}
};

TEST(StreamReader, RefusesAFrameOverTheBound) {
    Ignore sink;
    auto const reader = openai_chat().row[0]->open_reader({true, 100});
    auto const fed = reader->feed("data: " + std::string(200, 'x'), sink);
    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error().code, ErrorCode::response_too_large);
}

struct Kinds final : FrameSink {
    void on_frame(Frame const& frame) override { seen.push_back(frame.kind); }
    std::vector<FrameKind> seen;
};

// Chunks that begin alike, with what differs before the choices and behind them.
TEST(StreamReader, TellsChunksApartThatBeginAlike) {
    std::string const lead = R"(data: {"id":"a","model":"m","error":null,"choices":)";
    auto const content = R"([{"delta":{"content":"x"}}])";
    Kinds sink;
    auto const reader = openai_chat().row[0]->open_reader({true});
    for (std::string const& frame :
         {lead + R"([{"delta":{"role":"assistant"}}]})", lead + content + "}", lead + content + "}",
          lead + R"([],"usage":{"prompt_tokens":4}})", lead + R"([],"error":"late"})",
          lead + content + R"(,"more":1)", lead + R"(null})", lead + content + "}"}) {
        ASSERT_TRUE(reader->feed(frame + "\n\n", sink));
    }
    EXPECT_EQ(sink.seen,
              (std::vector<FrameKind>{FrameKind::begin, FrameKind::content, FrameKind::content,
                                      FrameKind::usage, FrameKind::fault, FrameKind::fault,
                                      FrameKind::content, FrameKind::content}));
    EXPECT_EQ(reader->usage().input, 4);
    EXPECT_EQ(reader->model(), "m");
    EXPECT_EQ(reader->content_bytes(), 4U);
}

// Only what says nothing by itself may be taken as read.
TEST(StreamReader, UsageAndErrorsBeforeTheChoicesCountInEachChunk) {
    Kinds sink;
    auto const reader = openai_chat().row[0]->open_reader({true});
    std::string const error = "data: {\"object\":\"error\",\"choices\":[]}\n\n";
    std::string const usage = R"(data: {"usage":{"prompt_tokens":1},"choices":[]})"
                              "\n\n";
    std::string const more = R"(data: {"usage":{"prompt_tokens":2},"choices":[]})"
                             "\n\n";
    for (auto const& frame : {usage, more, usage, error, error}) {
        ASSERT_TRUE(reader->feed(frame, sink));
    }
    EXPECT_EQ(reader->usage().input, 1);
    EXPECT_EQ(sink.seen,
              (std::vector<FrameKind>{FrameKind::usage, FrameKind::usage, FrameKind::usage,
                                      FrameKind::fault, FrameKind::fault}));
}

TEST(UnaryReader, BoundsWhatItPicksUp) {
    Ignore sink;
    auto const reader = openai_chat().row[0]->open_reader({false});
    auto const usage = R"({"prompt_tokens":1,"x":")" + std::string(100000, 'y') + "\"}";
    std::string const body =
        R"({"model":")" + std::string(1000, 'm') + R"(","usage":)" + usage + "}";
    ASSERT_TRUE(reader->feed(body, sink));
    ASSERT_TRUE(reader->finish(sink));
    EXPECT_FALSE(reader->usage().reported);
    EXPECT_EQ(reader->model(), "");
}

TEST(UnaryReader, AHugeErrorIsAFaultAllTheSame) {
    Ignore sink;
    auto const reader = openai_chat().row[0]->open_reader({false});
    std::string const body = R"({"error":{"message":")" + std::string(100000, 'y') + "\"}}";
    for (std::size_t at = 0; at < body.size(); at += 1000) {
        ASSERT_TRUE(reader->feed(std::string_view{body}.substr(at, 1000), sink));
    }
    EXPECT_TRUE(reader->fault());
}

TEST(PatchRequest, EscapesTheUpstreamsName) {
    std::string const text = R"({"model":"m"})";
    auto const& codec = *openai_chat().row[0];
    auto const facts = codec.read_request(text);
    ASSERT_TRUE(facts);
    std::string patched;
    auto const patches = codec.patch_request(*facts, text, "a\"b\\\n", false);
    for (auto const piece : gather(text, patches)) patched += piece;
    EXPECT_EQ(Json::parse(patched).at("model"), "a\"b\\\n");
    EXPECT_TRUE(codec.patch_request(*facts, text, "m", true).empty());
}

}  // namespace
}  // namespace sluice::dialect
