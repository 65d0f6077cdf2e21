// What the mock answers: words, counts, limits, tools, structured output.
#include "provider/mock/answer.hpp"

#include <gtest/gtest.h>

namespace sluice::provider::mock {
namespace {

using nlohmann::json;

Answer chat(json body, std::string_view instructions = {}) {
    if (!body.contains("model")) body["model"] = "m";
    body = json::parse(body.dump());  // numbers as a parser makes them
    auto const prompt = read_chat(body);
    EXPECT_TRUE(prompt.ok()) << (prompt.ok() ? "" : prompt.error().message);
    return answer(*prompt, *read_instructions(instructions), hash_of(body.dump()), 1);
}

json user(json content) {
    return {{"messages", json::array({{{"role", "user"}, {"content", std::move(content)}}})}};
}

TEST(Tokens, TogetherAreTheTextAndNeverCutACharacter) {
    for (std::string const& text :
         {std::string{"a bc  def\nx"}, std::string(100, 'w'), std::string{"  "}, std::string{},
          std::string{"ab"} +
              "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"}) {
        std::string joined;
        for (auto const token : tokens_of(text)) {
            EXPECT_LE(token.size(), 16u);
            EXPECT_NE(static_cast<unsigned char>(token.front()) & 0xc0, 0x80);
            joined += token;
        }
        EXPECT_EQ(joined, text);
        EXPECT_EQ(count_tokens(text), tokens_of(text).size());
    }
    EXPECT_EQ(tokens_of("one two"), (std::vector<std::string_view>{"one", " two"}));
}

TEST(Answer, RepeatsTheLastUserMessage) {
    auto const made = chat({{"messages", json::array({{{"role", "system"}, {"content", "be kind"}},
                                                      {{"role", "user"}, {"content", "first"}},
                                                      {{"role", "assistant"}, {"content", "x"}},
                                                      {{"role", "user"}, {"content", "hello"}}})}});
    ASSERT_EQ(made.choices.size(), 1u);
    EXPECT_EQ(made.choices[0].text, "[sluice mock] You said: hello");
    EXPECT_EQ(made.choices[0].finish_reason, "stop");
    EXPECT_EQ(made.completion_tokens, 5u);
    EXPECT_EQ(made.prompt_tokens, 4 * 3 + 5u);  // be kind, first, x, hello
    EXPECT_EQ(made.cached_tokens, 3 + 2u);
}

TEST(Answer, IsTheSameForTheSameRequest) {
    auto const a = chat(user("hello"));
    auto const b = chat(user("hello"));
    auto const c = chat(user("other"));
    EXPECT_EQ(a.id, b.id);
    EXPECT_NE(a.id, c.id);
}

TEST(Answer, CountsWhatIsNotText) {
    auto const made = chat(user(json::parse(R"([
        {"type":"text","text":"look"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},
        {"type":"image_url","image_url":{"url":"https://example.com/a.png"}},
        {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}])")));
    EXPECT_EQ(made.choices[0].text, "[sluice mock] You said: look (2 images) (1 audio clip)");
    EXPECT_EQ(made.prompt_tokens, 3 + 1 + 2 * 85u);
}

TEST(Answer, LimitsAreByToken) {
    for (char const* name : {"max_tokens", "max_completion_tokens"}) {
        auto body = user("one two three");
        body[name] = 3;
        auto const made = chat(body);
        EXPECT_EQ(made.choices[0].text, "[sluice mock] You");
        EXPECT_EQ(made.choices[0].finish_reason, "length");
        EXPECT_EQ(made.completion_tokens, 3u);
    }
    auto body = user("one");
    body["max_tokens"] = 5;  // exactly as long as the answer
    EXPECT_EQ(chat(body).choices[0].finish_reason, "stop");
}

TEST(Answer, StopEndsTheTextBeforeIt) {
    auto body = user("alpha beta gamma");
    body["stop"] = json::array({"gamma", "be"});
    EXPECT_EQ(chat(body).choices[0].text, "[sluice mock] You said: alpha ");
    body["stop"] = "mock";  // not inside the mark
    EXPECT_EQ(chat(body).choices[0].text, "[sluice mock] You said: alpha beta gamma");
}

TEST(Answer, SeveralChoices) {
    auto body = user("x");
    body["n"] = 3;
    auto const made = chat(body);
    EXPECT_EQ(made.choices.size(), 3u);
    EXPECT_EQ(made.completion_tokens, 15u);
}

json const weather = json::parse(R"([
    {"type":"function","function":{"name":"get_time"}},
    {"type":"function","function":{"name":"get_weather","parameters":
        {"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}},
    {"type":"custom","custom":{"name":"run"}}])");

TEST(Answer, ToolsTable) {
    struct Case {
        char const* choice;
        char const* name;
        char const* arguments;
    };
    for (
        auto const& [choice, name, arguments] : {
            Case{R"("auto")", "get_time", "{}"},
            Case{R"("required")", "get_time", "{}"},
            Case{R"({"type":"function","function":{"name":"get_weather"}})", "get_weather",
                 R"({"city":"mock"})"},
            Case{R"({"type":"custom","custom":{"name":"run"}})", "run", "mock"},
            Case{
                R"({"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"get_weather"}}]}})",
                "get_weather", R"({"city":"mock"})"},
        }) {
        auto body = user("go");
        body["tools"] = weather;
        body["tool_choice"] = json::parse(choice);
        auto const made = chat(body);
        ASSERT_TRUE(made.choices[0].call.has_value()) << choice;
        EXPECT_EQ(made.choices[0].call->name, name);
        EXPECT_EQ(made.choices[0].call->arguments, arguments);
        EXPECT_EQ(made.choices[0].finish_reason, "tool_calls");
    }
}

TEST(Answer, NoToolIsCalledWhenNoneIsWantedOrOneHasAnswered) {
    auto body = user("go");
    body["tools"] = weather;
    body["tool_choice"] = "none";
    EXPECT_FALSE(chat(body).choices[0].call.has_value());
    body.erase("tool_choice");
    body["messages"].push_back({{"role", "tool"}, {"tool_call_id", "c"}, {"content", "12 C"}});
    EXPECT_EQ(chat(body).choices[0].text, "[sluice mock] The tool answered: 12 C");
}

TEST(Answer, StructuredOutputIsAnInstance) {
    auto body = user("go");
    body["response_format"] = {{"type", "json_object"}};
    EXPECT_EQ(json::parse(chat(body).choices[0].text)["you_said"], "go");
    body["response_format"] = {
        {"type", "json_schema"},
        {"json_schema", {{"name", "x"}, {"schema", weather[1]["function"]["parameters"]}}}};
    EXPECT_EQ(json::parse(chat(body).choices[0].text), (json{{"city", "mock"}}));
}

TEST(Answer, SizesAreExact) {
    EXPECT_EQ(chat(user("x"), "text_bytes=1000").choices[0].text.size(), 1000u);
    EXPECT_EQ(chat(user("x"), "text_bytes=5").choices[0].text.size(), 5u);
    EXPECT_EQ(chat(user("x"), "chunks=100").completion_tokens, 100u);
    EXPECT_EQ(chat(user("x y z   "), "chunks=100").completion_tokens, 100u);
    EXPECT_EQ(chat(user("x"), "chunks=2").choices[0].text, "[sluice mock]");
    EXPECT_EQ(chat(user("x"), "chunks=10; chunk_bytes=30").choices[0].text.size(), 300u);
}

TEST(Answer, ALongMessageIsRepeatedInPart) {
    auto const made = chat(user(std::string(1'000'000, 'a')));
    EXPECT_LT(made.choices[0].text.size(), 9'000u);
}

TEST(ReadChat, RefusesWhatProvidersRefuse) {
    for (
        char const* body :
        {R"([])", R"({})", R"({"model":"m"})", R"({"model":"m","messages":[]})",
         R"({"model":"m","messages":["x"]})", R"({"model":"","messages":[{"role":"user"}]})",
         R"({"model":"m","messages":[{"role":"user"}],"n":0})",
         R"({"model":"m","messages":[{"role":"user"}],"n":129})",
         R"({"model":"m","messages":[{"role":"user"}],"max_tokens":"5"})",
         R"({"model":"m","messages":[{"role":"user"}],"response_format":{"type":"json_schema"}})",
         R"({"model":"m","messages":[{"role":"user"}],"tools":[{"type":"function","function":{"name":"a"}}],"tool_choice":{"type":"function","function":{"name":"b"}}})"}) {
        auto const read = read_chat(json::parse(body));
        ASSERT_FALSE(read.ok()) << body;
        EXPECT_EQ(read.error().http_status, 400);
    }
}

TEST(ReadCompletion, PromptsTokensAndEcho) {
    auto const run = [](char const* body) {
        auto const prompt = read_completion(json::parse(body));
        EXPECT_TRUE(prompt.ok());
        return answer(*prompt, {}, 1, 1);
    };
    EXPECT_EQ(run(R"({"model":"m","prompt":"hi"})").choices[0].text, "[sluice mock] You said: hi");
    EXPECT_EQ(run(R"({"model":"m","prompt":"hi","echo":true})").choices[0].text,
              "hi[sluice mock] You said: hi");
    EXPECT_EQ(run(R"({"model":"m","prompt":["a","b"],"n":2})").choices.size(), 4u);
    EXPECT_EQ(run(R"({"model":"m","prompt":[1,2,3]})").choices[0].text,
              "[sluice mock] You said: (3 tokens)");
    EXPECT_FALSE(read_completion(json::parse(R"({"model":"m","prompt":7})")).ok());
}

}  // namespace
}  // namespace sluice::provider::mock
