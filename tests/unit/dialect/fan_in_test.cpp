// Several answers become the choices of one: however their bytes come mixed, whole or streamed.
#include "dialect/common/fan_in.hpp"

#include <random>

#include "unit/dialect/translate.hpp"

namespace sluice::dialect {
namespace {

std::string event(std::string const& type, std::string const& rest) {
    return "event: " + type + "\ndata: {\"type\":\"" + type + "\"" + rest + "}\n\n";
}

// A text and a tool call.
std::string stream_of(std::string const& text, int output) {
    return event("message_start",
                 R"(,"message":{"id":"msg","model":"claude","content":[],"usage":)"
                 R"({"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}})") +
           event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})") +
           event("content_block_delta",
                 R"(,"index":0,"delta":{"type":"text_delta","text":")" + text + "\"}") +
           event("content_block_stop", R"(,"index":0)") +
           event(
               "content_block_start",
               R"(,"index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}})") +
           event("content_block_delta", R"(,"index":1,"delta":{"type":"input_json_delta",)"
                                        R"("partial_json":"{\"q\":1}"})") +
           event("content_block_stop", R"(,"index":1)") +
           event("message_delta",
                 R"(,"delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":)" +
                     std::to_string(output) + "}") +
           event("message_stop", "");
}

std::string whole_of(std::string const& text, int output) {
    return R"({"id":"msg","type":"message","role":"assistant","model":"claude","content":[)"
           R"({"type":"text","text":")" +
           text +
           R"("},{"type":"tool_use","id":"t","name":"f","input":{"q":1}}],"stop_reason":"tool_use",)"
           R"("usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":)" +
           std::to_string(output) + "}}";
}

TranslationOptions options_for(bool to_stream) {
    TranslationOptions options;
    options.to_stream = to_stream;
    options.writer = {"asked", "01ID", 1700000000, true};
    return options;
}

std::vector<Json> chunks_of(std::string const& text) {
    std::vector<Json> chunks;
    std::size_t from = 0;
    for (auto at = text.find("\n\n"); at != text.npos; at = text.find("\n\n", from)) {
        auto const data = text.substr(from + 6, at - from - 6);
        from = at + 2;
        if (data != "[DONE]") chunks.push_back(Json::parse(data));
    }
    return chunks;
}

// What a stream says of one choice.
struct Said {
    std::string text, arguments, finish;
    int roles = 0;
};

Said said_of(std::vector<Json> const& chunks, int choice) {
    Said said;
    for (auto const& chunk : chunks) {
        for (auto const& one : chunk["choices"]) {
            if (one["index"] != choice) continue;
            auto const& delta = one["delta"];
            said.roles += delta.contains("role") ? 1 : 0;
            said.text += delta.value("content", "");
            for (auto const& call : delta.value("tool_calls", Json::array())) {
                said.arguments += call["function"].value("arguments", "");
            }
            if (one["finish_reason"].is_string()) said.finish += one["finish_reason"];
        }
    }
    return said;
}

void expect_three_choices(FanIn const& fan) {
    EXPECT_EQ(fan.usage().input, 45);
    EXPECT_EQ(fan.usage().cache_read, 15);
    EXPECT_EQ(fan.usage().output, 6);
    EXPECT_EQ(fan.model(), "claude");
    EXPECT_EQ(fan.finish_reason(), "tool_use");
    for (int i = 0; i < 3; ++i) {
        auto const seen = fan.seen(i);
        EXPECT_EQ(seen.usage.input, 15);
        EXPECT_EQ(seen.usage.output, i + 1);
        EXPECT_TRUE(seen.usage.reported && !seen.usage.is_open);
        EXPECT_TRUE(seen.is_whole);
        EXPECT_GT(seen.content_bytes, 3U);
    }
}

TEST(FanIn, StreamsInAnyMixtureBecomeOneStream) {
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        Losses losses;
        FanIn fan(anthropic_machines(), openai_machines(), options_for(true), {true, true, true},
                  losses);
        Frames frames;
        std::vector<std::string> rest{stream_of("one", 1), stream_of("two", 2),
                                      stream_of("three", 3)};
        for (;;) {
            std::vector<std::size_t> open;
            for (std::size_t i = 0; i < rest.size(); ++i) {
                if (!rest[i].empty()) open.push_back(i);
            }
            if (open.empty()) break;
            auto const turn = open[random() % open.size()];
            auto const bytes = 1 + random() % std::min<std::size_t>(rest[turn].size(), 200);
            fan.turn_to(turn);
            ASSERT_TRUE(fan.feed(rest[turn].substr(0, bytes), frames));
            rest[turn].erase(0, bytes);
        }
        EXPECT_EQ(frames.last, FrameKind::done);
        ASSERT_TRUE(fan.finish(frames));
        EXPECT_TRUE(frames.text.ends_with("data: [DONE]\n\n"));
        auto const chunks = chunks_of(frames.text);
        char const* const texts[] = {"one", "two", "three"};
        for (int i = 0; i < 3; ++i) {
            auto const said = said_of(chunks, i);
            EXPECT_EQ(said.roles, 1);
            EXPECT_EQ(said.text, texts[i]);
            EXPECT_EQ(said.arguments, R"({"q":1})");
            EXPECT_EQ(said.finish, "tool_calls");
        }
        EXPECT_EQ(chunks.back()["usage"]["total_tokens"], 51);
        expect_three_choices(fan);
    }
}

TEST(FanIn, WholeAndStreamedAnswersBecomeOneWholeAnswer) {
    Losses losses;
    FanIn fan(anthropic_machines(), openai_machines(), options_for(false), {false, true, false},
              losses);
    Frames frames;
    std::string const bodies[] = {whole_of("one", 1), stream_of("two", 2), whole_of("three", 3)};
    for (auto const i : {2, 0, 1}) {
        fan.turn_to(i);
        ASSERT_TRUE(fan.feed(std::string_view{bodies[i]}.substr(0, 50), frames));
        ASSERT_TRUE(fan.feed(std::string_view{bodies[i]}.substr(50), frames));
    }
    EXPECT_EQ(frames.text, "") << "all of it, or nothing";
    ASSERT_TRUE(fan.finish(frames));
    auto const answer = Json::parse(frames.text);
    char const* const texts[] = {"one", "two", "three"};
    ASSERT_EQ(answer["choices"].size(), 3U);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(answer["choices"][i]["index"], i);
        EXPECT_EQ(answer["choices"][i]["message"]["content"], texts[i]);
        EXPECT_EQ(answer["choices"][i]["message"]["tool_calls"][0]["function"]["name"], "f");
        EXPECT_EQ(answer["choices"][i]["finish_reason"], "tool_calls");
    }
    EXPECT_EQ(answer["usage"]["prompt_tokens"], 45);
    EXPECT_EQ(answer["usage"]["completion_tokens"], 6);
    expect_three_choices(fan);
}

TEST(FanIn, AFaultInOneEndsAll) {
    Losses losses;
    FanIn fan(anthropic_machines(), openai_machines(), options_for(true), {true, true}, losses);
    Frames frames;
    auto const one = stream_of("one", 1);
    fan.turn_to(0);
    ASSERT_TRUE(fan.feed(std::string_view{one}.substr(0, one.size() / 2), frames));
    fan.turn_to(1);
    (void)fan.feed(event("error", R"(,"error":{"type":"overloaded_error","message":"o"})"), frames);
    ASSERT_TRUE(fan.fault());
    EXPECT_EQ(frames.last, FrameKind::fault);
    fan.turn_to(0);
    auto const before = frames.text.size();
    EXPECT_TRUE(fan.feed(std::string_view{one}.substr(one.size() / 2), frames));
    EXPECT_TRUE(fan.finish(frames));
    EXPECT_EQ(frames.text.size(), before) << "nothing comes behind the error";
    EXPECT_FALSE(fan.seen(0).is_whole);
}

TEST(FanIn, AWholeAnswerThatIsNoneIsAFault) {
    Losses losses;
    FanIn fan(anthropic_machines(), openai_machines(), options_for(false), {false, false}, losses);
    Frames frames;
    ASSERT_TRUE(fan.feed(whole_of("one", 1), frames));
    fan.turn_to(1);
    ASSERT_TRUE(
        fan.feed(R"({"type":"error","error":{"type":"overloaded_error","message":"o"}})", frames));
    ASSERT_TRUE(fan.finish(frames));
    ASSERT_TRUE(fan.fault());
    EXPECT_EQ(frames.text, "");
    EXPECT_TRUE(fan.seen(0).is_whole);
    EXPECT_EQ(fan.seen(0).usage.output, 1) << "it was answered, and costs";
}

TEST(FanIn, ACutStreamIsAnError) {
    Losses losses;
    FanIn fan(anthropic_machines(), openai_machines(), options_for(true), {true, true}, losses);
    Frames frames;
    auto const one = stream_of("one", 1);
    ASSERT_TRUE(fan.feed(one, frames));
    fan.turn_to(1);
    ASSERT_TRUE(fan.feed(std::string_view{one}.substr(0, one.size() / 2), frames));
    auto const finished = fan.finish(frames);
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().code, ErrorCode::upstream_reset);
    EXPECT_EQ(frames.text.find("[DONE]"), std::string::npos);
}

TEST(FanIn, AnAnswerThatSaysNothingIsAChoice) {
    for (bool const to_stream : {true, false}) {
        Losses losses;
        FanIn fan(anthropic_machines(), openai_machines(), options_for(to_stream), {true, true},
                  losses);
        Frames frames;
        ASSERT_TRUE(fan.feed(stream_of("one", 1), frames));
        fan.turn_to(1);
        ASSERT_TRUE(fan.feed(event("message_stop", ""), frames));
        ASSERT_TRUE(fan.finish(frames));
        if (to_stream) {
            EXPECT_EQ(said_of(chunks_of(frames.text), 1).finish, "stop");
        } else {
            EXPECT_EQ(Json::parse(frames.text)["choices"].size(), 2U);
        }
        EXPECT_TRUE(fan.seen(1).is_whole);
    }
}

TEST(FanIn, AllTogetherAreBounded) {
    Losses losses;
    auto options = options_for(false);
    options.body_bytes_max = 1000;
    FanIn fan(anthropic_machines(), openai_machines(), options, {false, false}, losses);
    Frames frames;
    ASSERT_TRUE(fan.feed(std::string(600, ' '), frames));
    fan.turn_to(1);
    auto const fed = fan.feed(std::string(600, ' '), frames);
    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error().code, ErrorCode::response_too_large);
}

}  // namespace
}  // namespace sluice::dialect
