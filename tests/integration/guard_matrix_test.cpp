// One guard suite over every surface, both lanes, whole and streamed, every place and choice, with
// limits on at the same time: what leaves for the provider, what reaches the caller, and that
// nothing stays reserved. The fine points of each are in guardrails_test.cpp.
#include <fmt/format.h>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

using Json = nlohmann::json;

constexpr char email[] = "jane.doe@example.com";
// A key that nobody has.
constexpr char secret[] = "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";

enum class Lane { same, translated };
enum class Surface { chat, completions, embeddings, messages, count_tokens };

struct Cell {
    Surface surface;
    Lane lane;
    bool streamed;
    std::string place;
    int choice = 0;

    [[nodiscard]] std::string name() const {
        static constexpr char const* paths[] = {"chat", "completions", "embeddings", "messages",
                                                "count_tokens"};
        return fmt::format("{} {} {} {} choice {}", paths[static_cast<int>(surface)],
                           lane == Lane::same ? "same" : "translated",
                           streamed ? "streamed" : "whole", place, choice);
    }
    [[nodiscard]] bool is_anthropic() const {
        return surface == Surface::messages || surface == Surface::count_tokens;
    }
    // Who answers: m- an OpenAI provider, c- an Anthropic one.
    [[nodiscard]] bool to_anthropic() const { return is_anthropic() == (lane == Lane::same); }
    [[nodiscard]] std::string model() const { return to_anthropic() ? "c-1" : "m-1"; }
    [[nodiscard]] std::string path() const {
        static constexpr char const* paths[] = {"/v1/chat/completions", "/v1/completions",
                                                "/v1/embeddings", "/v1/messages",
                                                "/v1/messages/count_tokens"};
        return paths[static_cast<int>(surface)];
    }
};

// --- requests

Json user(Json content) { return {{"role", "user"}, {"content", std::move(content)}}; }

// A chat whose first, middle or last message, or what stands beside them, holds the text.
Json openai_request(std::string const& place, std::string const& text) {
    Json body{{"messages", Json::array({user("hello")})}};
    auto& messages = body["messages"];
    Json const call{{"id", "t1"}, {"type", "function"}};
    auto const say_call = [&](std::string const& arguments) {
        auto made = call;
        made["function"] = {{"name", "f"}, {"arguments", arguments}};
        messages.push_back({{"role", "assistant"}, {"content", nullptr}, {"tool_calls", {made}}});
    };
    if (place == "first message") {
        messages[0] = user(text);
        messages.push_back({{"role", "assistant"}, {"content", "yes?"}});
    } else if (place == "message part") {
        messages.push_back(user(Json::array({{{"type", "text"}, {"text", "to " + text}}})));
    } else if (place == "assistant") {
        messages.push_back({{"role", "assistant"}, {"content", text}});
    } else if (place == "system") {
        messages.insert(messages.begin(), Json{{"role", "system"}, {"content", text}});
    } else if (place == "reasoning") {
        messages.push_back({{"role", "assistant"}, {"content", "so"}, {"reasoning_content", text}});
    } else if (place == "tool arguments") {
        say_call(Json{{"to", text}}.dump());
        messages.push_back({{"role", "tool"}, {"tool_call_id", "t1"}, {"content", "done"}});
    } else if (place == "tool result") {
        say_call("{}");
        messages.push_back({{"role", "tool"}, {"tool_call_id", "t1"}, {"content", text}});
    } else if (place == "tool description") {
        body["tools"] = {{{"type", "function"},
                          {"function",
                           {{"name", "f"},
                            {"description", "asks " + text},
                            {"parameters", {{"type", "object"}}}}}}};
    }
    messages.push_back(user("go on"));
    return body;
}

Json anthropic_request(std::string const& place, std::string const& text) {
    Json body{{"max_tokens", 9}, {"messages", Json::array({user("hello")})}};
    auto& messages = body["messages"];
    auto const assistant = [&](Json block) {
        messages.push_back({{"role", "assistant"}, {"content", Json::array({std::move(block)})}});
    };
    if (place == "first message") {
        messages[0] = user(text);
        messages.push_back({{"role", "assistant"}, {"content", "yes?"}});
    } else if (place == "message part") {
        messages[0] = user(Json::array({{{"type", "text"}, {"text", "to " + text}}}));
    } else if (place == "assistant") {
        assistant({{"type", "text"}, {"text", text}});
    } else if (place == "system") {
        body["system"] = text;
    } else if (place == "reasoning") {
        messages.push_back(
            {{"role", "assistant"},
             {"content",
              Json::array({{{"type", "thinking"}, {"thinking", text}, {"signature", "c2ln"}},
                           {{"type", "text"}, {"text", "so"}}})}});
    } else if (place == "tool arguments" || place == "tool result") {
        bool const is_result = place == "tool result";
        assistant({{"type", "tool_use"},
                   {"id", "t1"},
                   {"name", "f"},
                   {"input", is_result ? Json::object() : Json{{"to", text}}}});
        messages.push_back(user(Json::array({{{"type", "tool_result"},
                                              {"tool_use_id", "t1"},
                                              {"content", is_result ? text : "done"}}})));
        return body;
    } else if (place == "tool description") {
        body["tools"] = {{{"name", "f"},
                          {"description", "asks " + text},
                          {"input_schema", {{"type", "object"}}}}};
    }
    if (messages.back()["role"] == "assistant") messages.push_back(user("go on"));
    return body;
}

std::string request_of(Cell const& cell, std::string const& text) {
    Json body;
    if (cell.surface == Surface::completions) {
        body["prompt"] =
            cell.place == "prompt" ? Json("a " + text) : Json::array({"one", "two " + text});
    } else if (cell.surface == Surface::embeddings) {
        body["input"] =
            cell.place == "input" ? Json("a " + text) : Json::array({"one", "two " + text});
    } else {
        body = cell.is_anthropic() ? anthropic_request(cell.place, text)
                                   : openai_request(cell.place, text);
    }
    body["model"] = cell.model();
    if (cell.streamed) body["stream"] = true;
    if (cell.surface == Surface::count_tokens) body.erase("max_tokens");
    return body.dump();
}

std::vector<Cell> request_cells() {
    std::vector<Cell> cells;
    for (auto const surface : {Surface::chat, Surface::messages}) {
        for (auto const lane : {Lane::same, Lane::translated}) {
            for (bool const streamed : {false, true}) {
                for (auto const* place :
                     {"first message", "message part", "assistant", "system", "reasoning",
                      "tool arguments", "tool result", "tool description"}) {
                    cells.push_back({surface, lane, streamed, place});
                }
            }
        }
    }
    for (bool const streamed : {false, true}) {
        cells.push_back({Surface::completions, Lane::same, streamed, "prompt"});
        cells.push_back({Surface::completions, Lane::same, streamed, "prompts"});
    }
    cells.push_back({Surface::embeddings, Lane::same, false, "input"});
    cells.push_back({Surface::embeddings, Lane::same, false, "inputs"});
    for (auto const* place : {"first message", "system", "tool arguments", "tool result"}) {
        cells.push_back({Surface::count_tokens, Lane::same, false, place});
    }
    return cells;
}

// --- answers, as their provider makes them

std::string event(Json const& data) {
    return fmt::format("event: {}\ndata: {}\n\n", data.at("type").get<std::string>(), data.dump());
}

// The text in three pieces, cut where an address is one no more.
std::vector<std::string> pieces(std::string const& text, std::string const& before,
                                std::string const& behind) {
    auto const third = text.size() / 3;
    return {before + text.substr(0, third), text.substr(third, third),
            text.substr(2 * third) + behind};
}

Json openai_member(std::string const& place, std::string const& text) {
    if (place == "reasoning") return {{"reasoning_content", text}};
    if (place == "refusal") return {{"refusal", text}};
    if (place == "tool arguments") {
        return {{"tool_calls",
                 {{{"index", 0}, {"type", "function"}, {"function", {{"arguments", text}}}}}}};
    }
    return {{"content", text}};
}

Json openai_choice(int at, Json delta, Json finish) {
    return {{"index", at}, {"delta", std::move(delta)}, {"finish_reason", std::move(finish)}};
}

std::string openai_frame(Json choices) {
    Json const chunk{{"id", "c"},
                     {"object", "chat.completion.chunk"},
                     {"created", 1},
                     {"model", "m-1"},
                     {"choices", std::move(choices)}};
    return "data: " + chunk.dump() + "\n\n";
}

Reply openai_whole(Cell const& cell, std::string const& text, int choices) {
    Json all = Json::array();
    for (int i = 0; i < choices; ++i) {
        Json message{{"role", "assistant"}, {"content", "clean"}};
        if (i == cell.choice) {
            bool const is_call = cell.place == "tool arguments";
            message.update(
                openai_member(cell.place, is_call ? Json{{"to", text}}.dump() : "to " + text));
            if (is_call) {
                message["tool_calls"][0].update({{"id", "t1"}});
                message["tool_calls"][0]["function"]["name"] = "f";
                message["tool_calls"][0].erase("index");
            }
        }
        all.push_back({{"index", i}, {"message", message}, {"finish_reason", "stop"}});
    }
    Json const body{
        {"id", "c"},
        {"object", "chat.completion"},
        {"created", 1},
        {"model", "m-1"},
        {"choices", all},
        {"usage", {{"prompt_tokens", 11}, {"completion_tokens", 7}, {"total_tokens", 18}}}};
    return Reply::whole(200, body.dump());
}

Reply openai_stream(Cell const& cell, std::string const& text, int choices) {
    std::vector<std::string> frames;
    for (int i = 0; i < choices; ++i) {
        frames.push_back(openai_frame({openai_choice(i, {{"role", "assistant"}}, nullptr)}));
    }
    bool const is_call = cell.place == "tool arguments";
    if (is_call) {
        Json const call{{"index", 0},
                        {"id", "t1"},
                        {"type", "function"},
                        {"function", {{"name", "f"}, {"arguments", ""}}}};
        frames.push_back(
            openai_frame({openai_choice(cell.choice, {{"tool_calls", {call}}}, nullptr)}));
    }
    for (auto const& piece :
         is_call ? pieces(text, "{\"to\":\"", "\"}") : pieces(text, "to ", "")) {
        frames.push_back(
            openai_frame({openai_choice(cell.choice, openai_member(cell.place, piece), nullptr)}));
        // Others go on between.
        for (int i = 0; i < choices; ++i) {
            if (i == cell.choice) continue;
            frames.push_back(openai_frame({openai_choice(i, {{"content", "clean "}}, nullptr)}));
        }
    }
    for (int i = 0; i < choices; ++i) {
        frames.push_back(openai_frame({openai_choice(i, Json::object(), "stop")}));
    }
    frames.push_back(usage_frame());
    frames.push_back(done_frame);
    return Reply::events(frames);
}

Reply completion(Cell const& cell, std::string const& text) {
    auto const body = [](Json choice, bool has_usage) {
        Json made{{"id", "c"},
                  {"object", "text_completion"},
                  {"created", 1},
                  {"model", "m-1"},
                  {"choices", Json::array({std::move(choice)})}};
        if (has_usage) {
            made["usage"] = {{"prompt_tokens", 11}, {"completion_tokens", 7}, {"total_tokens", 18}};
        }
        return made.dump();
    };
    auto const choice = [](std::string const& said, Json finish) {
        return Json{{"index", 0}, {"text", said}, {"finish_reason", std::move(finish)}};
    };
    if (!cell.streamed) return Reply::whole(200, body(choice("to " + text, "stop"), true));
    std::vector<std::string> frames;
    for (auto const& piece : pieces(text, "to ", "")) {
        frames.push_back("data: " + body(choice(piece, nullptr), false) + "\n\n");
    }
    frames.push_back("data: " + body(choice("", "stop"), true) + "\n\n");
    frames.push_back(done_frame);
    return Reply::events(frames);
}

Json anthropic_block(std::string const& place, std::string const& text) {
    if (place == "reasoning") {
        return {
            {"type", "thinking"}, {"thinking", text}, {"signature", text.empty() ? "" : "c2ln"}};
    }
    if (place == "tool arguments") {
        return {{"type", "tool_use"},
                {"id", "t1"},
                {"name", "f"},
                {"input", text.empty() ? Json::object() : Json{{"to", text}}}};
    }
    return {{"type", "text"}, {"text", text}};
}

Reply anthropic_whole(Cell const& cell, std::string const& text) {
    Json const body{
        {"id", "a"},
        {"type", "message"},
        {"role", "assistant"},
        {"model", "c-1"},
        {"content", {{{"type", "text"}, {"text", "clean: "}}, anthropic_block(cell.place, text)}},
        {"stop_reason", "end_turn"},
        {"usage", {{"input_tokens", 11}, {"output_tokens", 7}}}};
    return Reply::whole(200, body.dump());
}

Reply anthropic_stream(Cell const& cell, std::string const& text) {
    std::vector<std::string> frames{
        event({{"type", "message_start"},
               {"message",
                {{"id", "a"},
                 {"type", "message"},
                 {"role", "assistant"},
                 {"model", "c-1"},
                 {"content", Json::array()},
                 {"usage", {{"input_tokens", 11}, {"output_tokens", 1}}}}}}),
        event({{"type", "content_block_start"},
               {"index", 0},
               {"content_block", anthropic_block(cell.place, "")}})};
    bool const is_call = cell.place == "tool arguments";
    for (auto const& piece :
         is_call ? pieces(text, "{\"to\":\"", "\"}") : pieces(text, "to ", "")) {
        Json const delta = is_call ? Json{{"type", "input_json_delta"}, {"partial_json", piece}}
                           : cell.place == "reasoning"
                               ? Json{{"type", "thinking_delta"}, {"thinking", piece}}
                               : Json{{"type", "text_delta"}, {"text", piece}};
        frames.push_back(event({{"type", "content_block_delta"}, {"index", 0}, {"delta", delta}}));
    }
    frames.push_back(event({{"type", "content_block_stop"}, {"index", 0}}));
    frames.push_back(event({{"type", "message_delta"},
                            {"delta", {{"stop_reason", is_call ? "tool_use" : "end_turn"}}},
                            {"usage", {{"output_tokens", 7}}}}));
    frames.push_back(event({{"type", "message_stop"}}));
    return Reply::events(frames);
}

int choices_of(Cell const& cell) { return cell.choice > 0 ? 2 : 1; }

Reply answer_of(Cell const& cell, std::string const& text) {
    auto reply = cell.surface == Surface::completions ? completion(cell, text)
                 : cell.to_anthropic()
                     ? (cell.streamed ? anthropic_stream(cell, text) : anthropic_whole(cell, text))
                 : cell.streamed ? openai_stream(cell, text, choices_of(cell))
                                 : openai_whole(cell, text, choices_of(cell));
    reply.tokens(11, 7);
    return reply;
}

std::vector<Cell> answer_cells() {
    std::vector<Cell> cells;
    for (auto const surface : {Surface::chat, Surface::messages}) {
        for (auto const lane : {Lane::same, Lane::translated}) {
            for (bool const streamed : {false, true}) {
                for (auto const* place : {"content", "reasoning", "tool arguments", "refusal"}) {
                    Cell cell{surface, lane, streamed, place};
                    // Anthropic has no text of its own for a refusal.
                    if (cell.place == "refusal" && cell.to_anthropic()) continue;
                    cells.push_back(cell);
                    if (surface != Surface::chat || lane != Lane::same) continue;
                    cell.choice = 1;
                    cells.push_back(cell);
                }
            }
        }
    }
    for (bool const streamed : {false, true}) {
        cells.push_back({Surface::completions, Lane::same, streamed, "text"});
    }
    return cells;
}

// Does a piece of the text of three bytes or more, as the frames cut it, stand in what was sent?
bool leaks(std::string const& sent, std::string const& text) {
    for (auto const& piece : pieces(text, "", "")) {
        if (sent.find(piece) != sent.npos) return true;
    }
    return false;
}

class GuardMatrix : public Integration {
  protected:
    void start_matrix() {
        GatewayConfig config;
        config.defaults = "guardrails: [pii, keys]";
        config.more =
            "guardrails:\n"
            "  pii: {detect: [email], action: redact}\n"
            "  keys: {detect: [secrets], action: block}\n";
        config.providers =
            provider_line("up", upstream.url()) +
            fmt::format(
                "  claude: {{kind: anthropic_compatible, base_url: \"{}\", limits: {{concurrency: "
                "5, tpm: 90000000}}, keys: {{main: {{value: sk-claude-credential-1}}}}}}\n",
                upstream.url());
        config.routes = "  \"m-*\": up\n  \"c-*\": claude\n";
        config.keys = fmt::format(
            "  team:\n"
            "    limits: {{rpm: 100000, tpm: 90000000, concurrency: 3, tokens: {{amount: 90000000, "
            "per: total}}}}\n"
            "    keys: {{app: {{value: {}}}}}\n",
            test_key);
        start(config);
        compare_tokens = false;  // counts and embeddings
    }

    Answer send(Cell const& cell, std::string const& body) {
        auto request = chat_request(body);
        request.target = cell.path();
        if (cell.is_anthropic()) request.headers.emplace_back("anthropic-version", "2023-06-01");
        return ask(request);
    }

    // Whatever was blocked, nothing is held any more; `requests` have been let through.
    void expect_at_rest(std::size_t requests) {
        ASSERT_TRUE(gateway->wait_until_quiet());
        Request request;
        request.method = "GET";
        request.target = "/admin/limits";
        auto const page = Json::parse(fetch(gateway->admin_port(), request).body);
        ASSERT_GE(page.at("limits").size(), 6U);
        for (auto const& row : page.at("limits")) {
            SCOPED_TRACE(row.dump());
            EXPECT_EQ(row.at("reserved"), 0);
            if (row.at("limit") == "concurrency") {
                EXPECT_EQ(row.at("used"), 0);
            }
            if (row.at("limit") == "rpm") {
                EXPECT_EQ(row.at("used"), requests);
            }
        }
    }
};

TEST_F(GuardMatrix, NoPlaceOfARequestLetsAMatchThrough) {
    start_matrix();
    std::size_t served = 0;
    for (auto const& cell : request_cells()) {
        SCOPED_TRACE(cell.name());
        auto const before = upstream.request_count();
        Cell clean = cell;
        clean.place = cell.surface == Surface::completions ? "text" : "content";
        bool const is_generated =
            cell.surface != Surface::embeddings && cell.surface != Surface::count_tokens;
        upstream.then(is_generated ? answer_of(clean, "nothing to find")
                                   : Reply::whole(200, R"({"data":[],"input_tokens":3})"));
        auto const redacted = send(cell, request_of(cell, email));
        ASSERT_EQ(redacted.status, 200) << redacted.body;
        EXPECT_EQ(redacted.header("x-sluice-guardrails"), "pii=redact");
        ASSERT_EQ(upstream.request_count(), before + 1);
        auto const received = upstream.requests().back().body;
        EXPECT_EQ(received.find("jane"), std::string::npos) << received;
        EXPECT_EQ(received.find("example.com"), std::string::npos) << received;
        // Thoughts are not carried between dialects: what is not sent does not leak.
        bool const is_lost = cell.place == "reasoning" && cell.lane == Lane::translated;
        EXPECT_TRUE(is_lost || received.find("[EMAIL_1]") != std::string::npos) << received;
        if (is_generated) ++served;

        auto const blocked = send(cell, request_of(cell, secret));
        EXPECT_EQ(blocked.status, 400) << blocked.body;
        EXPECT_NE(blocked.body.find("'keys'"), std::string::npos) << blocked.body;
        EXPECT_EQ(blocked.body.find("gsk_"), std::string::npos);
        EXPECT_EQ(upstream.request_count(), before + 1);
        if (cell.surface == Surface::embeddings) ++served;
    }
    expect_at_rest(served);
}

TEST_F(GuardMatrix, NoPlaceOfAnAnswerLetsAMatchThrough) {
    start_matrix();
    std::size_t served = 0;
    for (auto const& cell : answer_cells()) {
        SCOPED_TRACE(cell.name());
        Cell asks = cell;
        asks.place = cell.surface == Surface::completions ? "prompts" : "message part";
        auto body = Json::parse(request_of(asks, "nothing to find"));
        if (cell.choice > 0) body["n"] = choices_of(cell);
        upstream.then(answer_of(cell, email));
        auto const redacted = send(cell, body.dump());
        ++served;
        ASSERT_EQ(redacted.status, 200) << redacted.body;
        EXPECT_FALSE(leaks(redacted.body, email)) << redacted.body;
        EXPECT_NE(redacted.body.find("[EMAIL_1]"), std::string::npos) << redacted.body;
        EXPECT_TRUE(cell.choice == 0 || redacted.body.find("clean") != std::string::npos);

        upstream.then(answer_of(cell, secret));
        auto const blocked = send(cell, body.dump());
        ++served;
        EXPECT_FALSE(leaks(blocked.body, secret)) << blocked.body;
        if (!cell.streamed) {
            EXPECT_EQ(blocked.status, 400) << blocked.body;
            EXPECT_NE(blocked.body.find("'keys'"), std::string::npos) << blocked.body;
            continue;
        }
        // Nothing has gone out when the first piece is held: then it may be a refusal as well.
        if (blocked.status == 200) {
            auto const* reason = cell.is_anthropic() ? "\"refusal\"" : "\"content_filter\"";
            EXPECT_NE(blocked.body.find(reason), std::string::npos) << blocked.body;
            auto const* end = cell.is_anthropic() ? "\"message_stop\"" : "[DONE]";
            EXPECT_NE(blocked.body.find(end), std::string::npos) << blocked.body;
        } else {
            EXPECT_EQ(blocked.status, 400) << blocked.body;
        }
    }
    expect_at_rest(served);
}

}  // namespace
}  // namespace sluice::test
