// Requests made at random of what the neutral model knows: reading and writing one in its own
// dialect is the identity; through the other dialect and back, what was not named as lost is there
// again. Answers: explode and collect are inverse.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/common/collect.hpp"
#include "dialect/common/explode.hpp"
#include "dialect/common/grammar.hpp"
#include "dialect/openai_chat/openai_chat.hpp"

namespace sluice {
namespace {

using Json = nlohmann::json;

class Maker {
  public:
    explicit Maker(std::uint32_t seed) : random_(seed) {}

    bool maybe(unsigned of = 2) { return random_() % of == 0; }
    std::int64_t number(unsigned most) { return 1 + static_cast<std::int64_t>(random_() % most); }
    std::string text() {
        static std::vector<std::string> const words{
            "hello", "é",        "\"quoted\"", "line\nbreak", "\\", "日本", "\xF0\x9F\x98\x80",
            "</s>",  "{\"a\":1}"};
        std::string out = "t";
        for (auto n = random_() % 4; n > 0; --n) out += words[random_() % words.size()];
        return out;
    }
    std::string id() { return "id_" + std::to_string(random_() % 1000); }
    Json object() {
        return {{"q", text()}, {"n", number(99)}, {"list", Json::array({1, nullptr})}};
    }
    Json schema() {
        return {
            {"type", "object"}, {"properties", {{"q", {{"type", "string"}}}}}, {"required", {"q"}}};
    }

    Json openai() {
        Json body{{"model", "target"}, {"messages", Json::array()}};
        auto& messages = body["messages"];
        if (maybe())
            messages.push_back({{"role", maybe() ? "system" : "developer"}, {"content", text()}});
        for (auto turns = number(4); turns > 0; --turns) {
            Json user{{"role", "user"}, {"content", text()}};
            if (maybe()) {
                user["content"] =
                    Json::array({{{"type", "text"}, {"text", text()}}, openai_part()});
            }
            if (maybe(4)) user["name"] = id();
            messages.push_back(user);
            if (maybe()) {
                messages.push_back({{"role", "assistant"}, {"content", text()}});
                continue;
            }
            auto const call = id();
            messages.push_back(
                {{"role", "assistant"},
                 {"content", nullptr},
                 {"tool_calls",
                  {{{"id", call},
                    {"type", "function"},
                    {"function", {{"name", "f"}, {"arguments", object().dump()}}}}}}});
            messages.push_back({{"role", "tool"}, {"tool_call_id", call}, {"content", text()}});
        }
        if (maybe()) body["max_tokens"] = number(9000);
        if (maybe()) body["temperature"] = 0.5;
        if (maybe()) body["top_p"] = 0.25;
        if (maybe()) body["stop"] = Json::array({text()});
        if (maybe()) body["user"] = id();
        if (maybe(4)) body["n"] = 2;
        if (maybe()) body["service_tier"] = maybe() ? "auto" : "default";
        if (maybe()) body["reasoning_effort"] = maybe() ? "low" : "high";
        if (maybe()) {
            body["tools"] = Json::array({{{"type", "function"},
                                          {"function",
                                           {{"name", "f"},
                                            {"description", text()},
                                            {"parameters", schema()},
                                            {"strict", maybe()}}}}});
            if (maybe()) body["tool_choice"] = maybe() ? "required" : "none";
            if (maybe()) body["parallel_tool_calls"] = maybe();
        }
        if (maybe(3)) {
            body["response_format"] = {
                {"type", "json_schema"},
                {"json_schema", {{"name", id()}, {"schema", schema()}, {"strict", true}}}};
        }
        return body;
    }

    Json anthropic() {
        Json body{{"model", "target"}, {"max_tokens", number(9000)}, {"messages", Json::array()}};
        if (maybe()) body["system"] = Json::array({anthropic_text()});
        auto& messages = body["messages"];
        for (auto turns = number(4); turns > 0; --turns) {
            Json user{{"role", "user"},
                      {"content", Json::array({anthropic_part(), anthropic_text()})}};
            if (maybe()) user["content"] = text();
            messages.push_back(user);
            auto const call = id();
            messages.push_back(
                {{"role", "assistant"},
                 {"content",
                  {{{"type", "thinking"}, {"thinking", text()}, {"signature", "Sig=="}},
                   {{"type", "text"}, {"text", text()}},
                   {{"type", "tool_use"}, {"id", call}, {"name", "f"}, {"input", object()}}}}});
            Json result{{"type", "tool_result"}, {"tool_use_id", call}, {"content", text()}};
            if (maybe()) result["content"] = Json::array({anthropic_text(), anthropic_part()});
            if (maybe()) result["is_error"] = true;
            messages.push_back({{"role", "user"}, {"content", Json::array({result})}});
            messages.push_back({{"role", "assistant"}, {"content", text()}});
        }
        if (maybe()) body["temperature"] = 0.5;
        if (maybe()) body["top_p"] = 0.25;
        if (maybe()) body["top_k"] = 5;
        if (maybe()) body["stop_sequences"] = Json::array({text()});
        if (maybe()) body["metadata"] = {{"user_id", id()}};
        if (maybe()) body["service_tier"] = maybe() ? "auto" : "standard_only";
        if (maybe()) body["container"] = id();
        if (maybe()) body["stream"] = true;
        if (maybe()) {
            body["tools"] = Json::array(
                {{{"name", "f"},
                  {"description", text()},
                  {"input_schema", schema()},
                  {"strict", maybe()}},
                 {{"type", "web_search_20260318"}, {"name", "web_search"}, {"max_uses", 3}}});
            if (maybe()) {
                body["tool_choice"] = {{"type", "tool"}, {"name", "f"}};
                if (maybe()) body["tool_choice"]["disable_parallel_tool_use"] = true;
            }
        }
        return body;
    }

    Json answer() {
        Json content = Json::array();
        if (maybe())
            content.push_back({{"type", "thinking"}, {"thinking", text()}, {"signature", "S="}});
        if (maybe(3)) content.push_back({{"type", "redacted_thinking"}, {"data", "RED"}});
        for (auto n = number(3); n > 0; --n) {
            Json block{{"type", "text"}, {"text", text()}};
            if (maybe(3)) {
                block["citations"] =
                    Json::array({{{"type", "char_location"}, {"cited_text", text()}}});
            }
            content.push_back(block);
        }
        if (maybe(3)) {
            content.push_back(
                {{"type", "server_tool_use"}, {"id", id()}, {"name", "x"}, {"input", object()}});
        }
        for (auto n = number(3) - 1; n > 0; --n) {
            content.push_back(
                {{"type", "tool_use"}, {"id", id()}, {"name", "f"}, {"input", object()}});
        }
        return {{"id", id()},
                {"type", "message"},
                {"role", "assistant"},
                {"model", "m"},
                {"content", content},
                {"stop_reason", maybe() ? "end_turn" : "max_tokens"},
                {"stop_sequence", nullptr},
                {"usage",
                 {{"input_tokens", number(99)},
                  {"cache_creation_input_tokens", number(9)},
                  {"cache_read_input_tokens", number(9)},
                  {"output_tokens", number(99)}}}};
    }

  private:
    Json openai_part() {
        if (maybe()) {
            return {{"type", "image_url"}, {"image_url", {{"url", "data:image/png;base64,QUJD"}}}};
        }
        if (maybe()) return {{"type", "image_url"}, {"image_url", {{"url", "https://x/y.png"}}}};
        return {
            {"type", "file"},
            {"file", {{"filename", "x.pdf"}, {"file_data", "data:application/pdf;base64,QUJD"}}}};
    }
    Json anthropic_text() {
        Json block{{"type", "text"}, {"text", text()}, {"cache_control", {{"type", "ephemeral"}}}};
        if (maybe()) block["cache_control"]["ttl"] = "1h";
        return block;
    }
    Json anthropic_part() {
        Json source{{"type", "base64"}, {"media_type", "image/png"}, {"data", "QUJD"}};
        if (maybe()) return {{"type", "image"}, {"source", source}};
        source["media_type"] = "application/pdf";
        return {{"type", "document"}, {"source", source}, {"title", text()}};
    }

    std::mt19937 random_;
};

struct Written {
    Json body;
    std::string losses;
};

Written through(Dialect const& from, Dialect const& to, std::string const& body) {
    EXPECT_TRUE(from.row[0]->read_request(body)) << body;
    auto const request = from.row[0]->chat->read_chat(body);
    EXPECT_TRUE(request) << body;
    Losses losses;
    llm::TargetView target;
    target.model = "target";
    auto const written = to.row[0]->chat->write_chat(*request, target, losses);
    EXPECT_TRUE(written) << body;
    if (!written) return {};
    EXPECT_TRUE(to.row[0]->read_request(*written)) << *written;
    return {Json::parse(*written), losses.joined()};
}

TEST(RandomRequests, ReadAndWrittenInTheirOwnDialectAreTheSame) {
    for (std::uint32_t seed = 0; seed < 500; ++seed) {
        auto const openai = Maker(seed).openai();
        auto const one = through(dialect::openai_chat(), dialect::openai_chat(), openai.dump());
        ASSERT_EQ(one.body, openai) << "seed " << seed;
        ASSERT_EQ(one.losses, "");
        auto const anthropic = Maker(seed).anthropic();
        auto const two =
            through(dialect::anthropic_messages(), dialect::anthropic_messages(), anthropic.dump());
        ASSERT_EQ(two.body, anthropic) << "seed " << seed;
        ASSERT_EQ(two.losses, "");
    }
}

// Texts, calls and results of a conversation, whatever its dialect and however it is cut in turns.
struct Said {
    std::vector<std::string> texts;
    std::vector<std::string> calls;
};

void add_texts(Said& said, Json const& content) {
    if (content.is_string()) said.texts.push_back(content);
    if (!content.is_array()) return;
    for (auto const& part : content) {
        if (part.value("type", "") == "text") said.texts.push_back(part.at("text"));
        if (part.value("type", "") == "tool_use") {
            said.calls.push_back(part.at("id").get<std::string>() + part.at("input").dump());
        }
        if (part.value("type", "") == "tool_result") add_texts(said, part.at("content"));
    }
}

Said said_in(Json const& body) {
    Said said;
    if (body.contains("system")) add_texts(said, body.at("system"));
    for (auto const& message : body.at("messages")) {
        add_texts(said, message.value("content", Json{}));
        for (auto const& call : message.value("tool_calls", Json::array())) {
            auto const arguments = call.at("function").at("arguments").get<std::string>();
            said.calls.push_back(call.at("id").get<std::string>() + Json::parse(arguments).dump());
        }
    }
    return said;
}

TEST(RandomRequests, SayTheSameInTheOtherDialectAndBack) {
    for (std::uint32_t seed = 0; seed < 500; ++seed) {
        SCOPED_TRACE(seed);
        auto openai = Maker(seed).openai();
        openai.erase("n");
        auto const there =
            through(dialect::openai_chat(), dialect::anthropic_messages(), openai.dump());
        auto const back =
            through(dialect::anthropic_messages(), dialect::openai_chat(), there.body.dump());
        ASSERT_EQ(said_in(there.body).texts, said_in(openai).texts);
        ASSERT_EQ(said_in(there.body).calls, said_in(openai).calls);
        ASSERT_EQ(said_in(back.body).texts, said_in(openai).texts);
        ASSERT_EQ(said_in(back.body).calls, said_in(openai).calls);
        for (auto const* name :
             {"max_tokens", "temperature", "top_p", "stop", "user", "tools", "service_tier"}) {
            bool const is_lost = there.losses.find(name) != std::string::npos ||
                                 back.losses.find(name) != std::string::npos;
            if (openai.contains(name) && !is_lost) {
                ASSERT_EQ(back.body.value(name, Json{}), openai.at(name)) << name;
            }
        }
    }
}

TEST(RandomAnswers, ExplodedAndCollectedAreTheSame) {
    auto const& machines = *dialect::anthropic_messages().row[0]->chat;
    for (std::uint32_t seed = 0; seed < 500; ++seed) {
        auto const told = Maker(seed).answer();
        auto const body = told.dump();
        auto const answer = machines.read_answer(body);
        ASSERT_TRUE(answer) << body;
        dialect::Collector collector(1 << 20);
        dialect::GrammarCheck check(&collector);
        dialect::explode(*answer, check);
        check.finish();
        ASSERT_EQ(check.breach(), "");
        Losses losses;
        auto const again = machines.write_answer(collector.take(), {}, losses);
        ASSERT_EQ(Json::parse(again), told) << "seed " << seed;
    }
}

}  // namespace
}  // namespace sluice
