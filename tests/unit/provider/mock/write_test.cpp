// The mock's answers on the wire: members the API description requires, streams that add up to the
// same answer.
#include "provider/mock/write.hpp"

#include <gtest/gtest.h>

namespace sluice::provider::mock {
namespace {

using nlohmann::json;

Answer made_of(char const* body, std::string_view instructions = {}) {
    auto const parsed = json::parse(body);
    auto const prompt = parsed.contains("messages") ? read_chat(parsed) : read_completion(parsed);
    EXPECT_TRUE(prompt.ok());
    return answer(*prompt, *read_instructions(instructions), 42, 1'700'000'000);
}

constexpr char const* chat_body =
    R"({"model":"m \"x\"","n":2,"messages":[{"role":"user","content":"hello \"w\u00f6rld\" \ud83d\ude00 and more of it"}]})";
constexpr char const* tool_body =
    R"({"model":"m","messages":[{"role":"user","content":"go"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}},"required":["a","b"]}}}]})";
constexpr char const* legacy_body = R"({"model":"m","prompt":["a b","c"]})";

std::vector<std::string> frames_of(Answer const& answer, StreamOptions const& options) {
    Frames frames{answer, options};
    std::vector<std::string> all;
    for (std::string frame; frames.next(frame);) {
        EXPECT_TRUE(frame.starts_with("data: ") && frame.ends_with("\n\n")) << frame;
        EXPECT_EQ(frame.find('\n'), frame.size() - 2) << frame;
        all.push_back(frame.substr(6, frame.size() - 8));
    }
    return all;
}

void expect_members(json const& object, std::initializer_list<char const*> names) {
    for (auto const* name : names) EXPECT_TRUE(object.contains(name)) << name << " in " << object;
}

TEST(Body, HoldsWhatTheApiRequires) {
    auto const body = json::parse(write_body(made_of(chat_body), true));
    expect_members(body, {"id", "object", "created", "model", "choices", "usage"});
    EXPECT_EQ(body["object"], "chat.completion");
    EXPECT_EQ(body["model"], "m \"x\"");
    EXPECT_EQ(body["choices"].size(), 2u);
    for (auto const& choice : body["choices"]) {
        expect_members(choice, {"finish_reason", "index", "message", "logprobs"});
        expect_members(choice["message"], {"role", "content", "refusal"});
    }
    auto const& usage = body["usage"];
    EXPECT_EQ(usage["total_tokens"].get<int>(),
              usage["prompt_tokens"].get<int>() + usage["completion_tokens"].get<int>());
    expect_members(usage, {"prompt_tokens_details", "completion_tokens_details"});
    EXPECT_FALSE(json::parse(write_body(made_of(chat_body), false)).contains("usage"));
}

TEST(Body, CallsAndLegacyTexts) {
    auto const body = json::parse(write_body(made_of(tool_body), true));
    auto const& message = body["choices"][0]["message"];
    EXPECT_TRUE(message["content"].is_null());
    auto const& call = message["tool_calls"][0];
    expect_members(call, {"id", "type", "function"});
    EXPECT_EQ(json::parse(call["function"]["arguments"].get<std::string>()),
              (json{{"a", "mock"}, {"b", 1}}));
    auto const legacy = json::parse(write_body(made_of(legacy_body), true));
    EXPECT_EQ(legacy["object"], "text_completion");
    for (auto const& choice : legacy["choices"]) {
        expect_members(choice, {"finish_reason", "index", "logprobs", "text"});
    }
}

struct Collected {
    std::map<int, std::string> text;
    std::map<int, std::string> finish;
    std::string arguments;
    int calls_begun = 0;
    int roles = 0;
    json usage;
};

Collected collect(std::vector<std::string> const& frames) {
    Collected all;
    for (auto const& frame : frames) {
        if (frame == "[DONE]") continue;
        auto const json_frame = json::parse(frame);
        expect_members(json_frame, {"id", "object", "created", "model", "choices"});
        if (json_frame.contains("usage") && json_frame["usage"].is_object()) {
            EXPECT_TRUE(json_frame["choices"].empty());
            all.usage = json_frame["usage"];
        }
        for (auto const& choice : json_frame["choices"]) {
            auto const index = choice["index"].get<int>();
            if (!choice["finish_reason"].is_null()) all.finish[index] = choice["finish_reason"];
            if (choice.contains("text")) all.text[index] += choice["text"].get<std::string>();
            if (!choice.contains("delta")) continue;
            auto const& delta = choice["delta"];
            all.roles += delta.contains("role") ? 1 : 0;
            if (delta.contains("content") && delta["content"].is_string()) {
                all.text[index] += delta["content"].get<std::string>();
            }
            if (!delta.contains("tool_calls")) continue;
            all.calls_begun += delta["tool_calls"][0].contains("id") ? 1 : 0;
            all.arguments += delta["tool_calls"][0]["function"]["arguments"].get<std::string>();
        }
    }
    return all;
}

TEST(Frames, AddUpToTheBody) {
    auto const answer = made_of(chat_body);
    for (std::size_t const chunk_bytes : {0, 1, 3, 1000}) {
        StreamOptions options;
        options.with_usage = true;
        options.chunk_bytes = chunk_bytes;
        auto const frames = frames_of(answer, options);
        EXPECT_EQ(frames.back(), "[DONE]");
        auto const all = collect(frames);
        EXPECT_EQ(all.roles, 2);
        EXPECT_EQ(all.text.at(0), answer.choices[0].text);
        EXPECT_EQ(all.text.at(1), answer.choices[1].text);
        EXPECT_EQ(all.finish, (std::map<int, std::string>{{0, "stop"}, {1, "stop"}}));
        EXPECT_EQ(all.usage["completion_tokens"], answer.completion_tokens);
    }
}

TEST(Frames, AreOneAWordUnlessSaidOtherwise) {
    auto const answer =
        made_of(R"({"model":"m","messages":[{"role":"user","content":"hi"}]})", "chunks=50");
    // role, 50 words, finish, [DONE]
    EXPECT_EQ(frames_of(answer, {}).size(), 53u);
}

TEST(Frames, UsageIsNullUntilItsOwnFrameAndAbsentWhenNotAsked) {
    auto const answer = made_of(chat_body);
    StreamOptions options;
    for (auto const& frame : frames_of(answer, options)) {
        if (frame != "[DONE]") {
            EXPECT_FALSE(json::parse(frame).contains("usage"));
        }
    }
    options.with_usage = true;
    auto const frames = frames_of(answer, options);
    for (std::size_t i = 0; i + 2 < frames.size(); ++i) {
        EXPECT_TRUE(json::parse(frames[i])["usage"].is_null()) << frames[i];
    }
    EXPECT_TRUE(json::parse(frames[frames.size() - 2])["usage"].is_object());
}

TEST(Frames, ACallComesInFragments) {
    auto const all = collect(frames_of(made_of(tool_body), {}));
    EXPECT_EQ(all.calls_begun, 1);
    EXPECT_EQ(json::parse(all.arguments), (json{{"a", "mock"}, {"b", 1}}));
    EXPECT_EQ(all.finish.at(0), "tool_calls");
    EXPECT_EQ(all.text.count(0), 0u);
}

TEST(Frames, ALegacyStreamHasTexts) {
    auto const answer = made_of(legacy_body);
    auto const all = collect(frames_of(answer, {}));
    EXPECT_EQ(all.roles, 0);
    EXPECT_EQ(all.text.at(0), answer.choices[0].text);
    EXPECT_EQ(all.text.at(1), answer.choices[1].text);
}

TEST(Frames, Faults) {
    auto const answer = made_of(chat_body);
    StreamOptions huge;
    huge.huge_bytes = 100'000;
    auto const all = collect(frames_of(answer, huge));
    EXPECT_EQ(all.text.at(0), std::string(100'000, 'x') + answer.choices[0].text);
    StreamOptions garbage;
    garbage.garbage = true;
    auto const frames = frames_of(answer, garbage);
    int broken = 0;
    for (auto const& frame : frames) broken += frame == "[DONE]" || json::accept(frame) ? 0 : 1;
    EXPECT_EQ(broken, 1);
    StreamOptions no_done;
    no_done.with_done = false;
    EXPECT_NE(frames_of(answer, no_done).back(), "[DONE]");
}

TEST(WriteError, HasAllFourMembers) {
    auto const error = json::parse(write_error(429, "slow \"down\"", "rate"))["error"];
    EXPECT_EQ(error, (json{{"message", "slow \"down\""},
                           {"type", "rate_limit_error"},
                           {"param", nullptr},
                           {"code", "rate"}}));
    EXPECT_TRUE(json::parse(write_error(500, "x", ""))["error"]["code"].is_null());
}

}  // namespace
}  // namespace sluice::provider::mock
