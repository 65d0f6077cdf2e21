// One guard suite over every surface, both lanes, streamed and whole, and every place a text can
// stand in: what leaves for the provider, what reaches the caller, what the record says.
#include <algorithm>
#include <fmt/format.h>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

using Json = nlohmann::json;

constexpr char email[] = "jane.doe@example.com";
// Keys that nobody has.
constexpr char secret[] = "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";

constexpr char guards[] =
    "guardrails:\n"
    "  pii: {detect: [email, phone, iban, credit_card], action: redact}\n"
    "  keys: {detect: [secrets], action: block}\n"
    "  house: {patterns: [\"(?i)project (aurora|borealis)\"], action: flag}\n"
    "  eyes: {scan: [request], detect: [us_ssn], on_unscannable: reject}\n";

std::string with(std::string text, std::string_view what) {
    for (auto at = text.find("@@"); at != text.npos; at = text.find("@@", at + what.size())) {
        text.replace(at, 2, what);
    }
    return text;
}

std::string event(std::string_view type, std::string_view rest = "") {
    return fmt::format("event: {0}\ndata: {{\"type\":\"{0}\"{1}}}\n\n", type, rest);
}

struct Surface {
    std::string path;
    bool anthropic = false;
};

Surface const chats{"/v1/chat/completions", false};
Surface const messages{"/v1/messages", true};
Surface const counts{"/v1/messages/count_tokens", true};
Surface const completions{"/v1/completions", false};
Surface const embeddings{"/v1/embeddings", false};

class Guardrails : public Integration {
  protected:
    void start_with(std::string const& attached = "guardrails: [pii, keys, house]",
                    std::string const& routes = "") {
        GatewayConfig config;
        config.defaults = attached;
        config.more = guards;
        config.providers =
            provider_line("up", upstream.url()) +
            fmt::format(
                "  claude: {{kind: anthropic_compatible, base_url: \"{}\", keys: {{main: "
                "{{value: sk-claude-credential-1}}}}}}\n",
                upstream.url());
        config.routes = routes.empty() ? "  \"m-*\": up\n  \"c-*\": claude\n" : routes;
        start(config);
    }

    Answer send(Surface const& surface, std::string_view body) {
        auto request = chat_request(body);
        request.target = surface.path;
        if (surface.anthropic) request.headers.emplace_back("anthropic-version", "2023-06-01");
        return ask(request);
    }
    std::string received() { return upstream.requests().back().body; }
};

// --- requests

struct RequestRow {
    char const* place;
    Surface surface;
    char const* body;  // @@: where the text stands
    char const* told;  // the place as a refusal tells it
};

std::vector<RequestRow> request_rows() {
    return {
        {"message", chats, R"({"model":"m-1","messages":[{"role":"user","content":"to @@ ."}]})",
         "messages[0].content"},
        {"message part", chats,
         R"({"model":"m-1", "messages":[{"role":"user","content":[{"type":"text","text":"@@"}]}]})",
         "messages[0].content[0].text"},
        {"system", chats,
         R"({"messages":[{"role":"system","content":"é\n@@"}],"model":"m-1","x":[1.50]})",
         "messages[0].content"},
        {"tool description", chats,
         R"({"model":"m-1","messages":[],"tools":[{"type":"function","function":{"name":"f",)"
         R"("description":"ask @@","parameters":{"type":"object"}}}]})",
         "tools[0].function.description"},
        {"tool parameters", chats,
         R"({"model":"m-1","messages":[],"tools":[{"type":"function","function":{"name":"f",)"
         R"("parameters":{"properties":{"to":{"description":"as @@"}}}}}]})",
         "tools[0].function.parameters"},
        {"tool arguments", chats,
         R"({"model":"m-1","messages":[{"role":"assistant","tool_calls":[{"id":"t","type":)"
         R"("function","function":{"name":"f","arguments":"{\"to\":\"@@\",\"n\":1.0}"}}]}]})",
         "messages[0].tool_calls[0].function.arguments"},
        {"tool result", chats,
         R"({"model":"m-1","messages":[{"role":"tool","tool_call_id":"t","content":"\"@@\""}]})",
         "messages[0].content"},
        {"reasoning", chats,
         R"({"model":"m-1","messages":[{"role":"assistant","reasoning_content":"@@"}]})",
         "messages[0].reasoning_content"},
        {"prompt", completions, R"({"model":"m-1","prompt":"@@"})", "prompt"},
        {"prompts", completions, R"({"model":"m-1","prompt":["a","@@"]})", "prompt[1]"},
        {"input", embeddings, R"({"model":"m-1","input":"@@"})", "input"},
        {"inputs", embeddings, R"({"model":"m-1","input":["a","b @@"]})", "input[1]"},
        {"message", messages,
         R"({"model":"c-1","max_tokens":5,"messages":[{"role":"user","content":"@@"}]})",
         "messages[0].content"},
        {"system block", messages,
         R"({"model":"c-1","max_tokens":5,"system":[{"type":"text","text":"@@","cache_control":)"
         R"({"type":"ephemeral"}}],"messages":[]})",
         "system[0].text"},
        {"tool input", messages,
         R"({"model":"c-1","max_tokens":5,"messages":[{"role":"assistant","content":[{"type":)"
         R"("tool_use","id":"t","name":"f","input":{"to":["@@"]}}]}]})",
         "messages[0].content[0].input"},
        {"tool result", messages,
         R"({"model":"c-1","max_tokens":5,"messages":[{"role":"user","content":[{"type":)"
         R"("tool_result","tool_use_id":"t","content":[{"type":"text","text":"@@"}]}]}]})",
         "messages[0].content[0].content[0].text"},
        {"thinking", messages,
         R"({"model":"c-1","max_tokens":5,"messages":[{"role":"assistant","content":[{"type":)"
         R"("thinking","thinking":"@@","signature":"s"}]}]})",
         "messages[0].content[0].thinking"},
        {"document", messages,
         R"({"model":"c-1","max_tokens":5,"messages":[{"role":"user","content":[{"type":"document",)"
         R"("source":{"type":"text","media_type":"text/plain","data":"@@"}}]}]})",
         "messages[0].content[0].source"},
        {"count", counts, R"({"model":"c-1","messages":[{"role":"user","content":"@@"}]})",
         "messages[0].content"},
    };
}

TEST_F(Guardrails, RedactsInEveryPlaceAndChangesNothingElse) {
    start_with();
    compare_tokens = false;
    for (auto const& row : request_rows()) {
        SCOPED_TRACE(row.surface.path + " " + row.place);
        upstream.then(Reply::whole(200, R"({"choices":[],"content":[],"input_tokens":1})"));
        auto const answer = send(row.surface, with(row.body, email));
        EXPECT_EQ(answer.header("x-sluice-guardrails"), "pii=redact");
        EXPECT_EQ(received(), with(row.body, "[EMAIL_1]"));
        auto const record = last_record();
        EXPECT_EQ(record.at("guards"), Json::parse(R"(["pii:redact:request:1"])"));
    }
}

TEST_F(Guardrails, BlocksInEveryPlaceInTheCallersDialect) {
    start_with();
    for (auto const& row : request_rows()) {
        SCOPED_TRACE(row.surface.path + " " + row.place);
        auto const answer = send(row.surface, with(row.body, secret));
        EXPECT_EQ(answer.status, 400);
        EXPECT_EQ(answer.body.find(secret), std::string::npos);
        auto const body = Json::parse(answer.body);
        std::string const message = body.at("error").at("message");
        EXPECT_NE(message.find("'keys'"), std::string::npos) << message;
        EXPECT_NE(message.find(row.told), std::string::npos) << message;
        if (row.surface.anthropic) {
            EXPECT_EQ(body.at("type"), "error");
        } else {
            EXPECT_EQ(body.at("error").at("code"), "guardrail_blocked");
        }
        auto const record = last_record();
        EXPECT_EQ(record.at("error_code"), "guardrail_blocked");
        EXPECT_EQ(record.dump().find(secret), std::string::npos);
    }
    EXPECT_TRUE(upstream.requests().empty());
}

TEST_F(Guardrails, EscapesAndObfuscationHideNothing) {
    start_with();
    compare_tokens = false;
    char const* const forms[] = {
        R"(jane.doe\u0040example.com)",
        R"(jane.doe@exam\u200bple.com)",
        R"(jane.doe%40example.com)",
        R"(jane.doe&#64;example.com)",
        "jane.doe\xef\xbc\xa0"
        "example.com",
        R"(\uff4aane.doe@example.com)",
        R"(jane.doe@example\u00ad.com)",
    };
    for (auto const* form : forms) {
        SCOPED_TRACE(form);
        std::string const body = R"({"model":"m-1","messages":[{"role":"user","content":"<@@>"}]})";
        upstream.then(Reply::whole(200, chat_answer("hi")));
        send(chats, with(body, form));
        EXPECT_EQ(received(), with(body, "[EMAIL_1]"));
    }
}

TEST_F(Guardrails, EqualTextsHaveEqualPlaceholders) {
    start_with();
    upstream.then(
        Reply::whole(200, chat_answer("ok b@x.org and jane.doe@example.com")).tokens(11, 7));
    auto const answer =
        send(chats, R"({"model":"m-1","messages":[{"role":"user","content":"jane.doe@example.com, )"
                    R"(a@x.org, jane.doe@example.com"}]})");
    EXPECT_NE(received().find("[EMAIL_1], [EMAIL_2], [EMAIL_1]"), std::string::npos) << received();
    EXPECT_NE(answer.body.find("ok [EMAIL_3] and [EMAIL_1]"), std::string::npos) << answer.body;
}

TEST_F(Guardrails, AFlagTellsAndChangesNothing) {
    start_with();
    upstream.then(Reply::whole(200, chat_answer("hi")).tokens(11, 7));
    std::string const body =
        R"({"model":"m-1","messages":[{"role":"user","content":"about Project Aurora"}]})";
    auto const answer = send(chats, body);
    EXPECT_EQ(received(), body);
    EXPECT_EQ(answer.header("x-sluice-guardrails"), "house=flag");
    EXPECT_EQ(last_record().at("guards"), Json::parse(R"(["house:flag:request:1"])"));
    auto const page = fetch(gateway->admin_port(), {"GET", "/metrics", {}, ""}).body;
    EXPECT_NE(
        page.find(
            R"(sluice_guardrail_matches_total{guardrail="house",action="flag",way="request"} 1)"),
        std::string::npos)
        << page.substr(page.find("sluice_guardrail"), 300);
}

// Bodies as the callers and the providers sent them, whatever was redacted in them.
TEST_F(Guardrails, EveryByteThatGuardsLookedAtIsCounted) {
    start_with("guardrails: [pii]", R"(  "m-*": up
  "c-*": claude
  both: {tiers: [claude/c-1, up/m-1]}
)");
    std::size_t requests = 0;
    std::size_t answers = 0;
    auto const send_one = [&](std::string const& body) {
        requests += body.size();
        EXPECT_EQ(send(chats, body).status, 200);
    };
    auto const whole = chat_answer(fmt::format("from {}", email));
    upstream.then(Reply::whole(200, whole).tokens(11, 7));
    answers += whole.size();
    send_one(chat_body("m-1", fmt::format(R"(,"stop":"{}")", email)));
    auto const frames = chat_stream(3, true);
    upstream.then(Reply::chunked().chunks(frames).last_chunk().tokens(11, 7));
    for (auto const& frame : frames) answers += frame.size();
    send_one(stream_body("m-1", R"(,"stream_options":{"include_usage":true})"));
    std::string const said =
        R"({"id":"msg_1","type":"message","role":"assistant","model":"c","content":[{"type":)"
        R"("text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":11,)"
        R"("output_tokens":7}})";
    upstream.then(Reply::whole(200, said).tokens(11, 7));
    answers += said.size();
    send_one(chat_body("c-1"));
    // A refusal is no answer of a model; the body is looked at once, whoever is asked.
    upstream.then(
        Reply::whole(529, R"({"type":"error","error":{"type":"overloaded_error","message":"o"}})"));
    upstream.then(Reply::whole(200, whole).tokens(11, 7));
    answers += whole.size();
    send_one(chat_body("both"));
    auto const page = fetch(gateway->admin_port(), {"GET", "/metrics", {}, ""}).body;
    for (auto const& line :
         {fmt::format("sluice_guardrail_scanned_bytes_total{{way=\"request\"}} {}\n", requests),
          fmt::format("sluice_guardrail_scanned_bytes_total{{way=\"response\"}} {}\n", answers),
          std::string("sluice_guardrail_scans_total{way=\"request\"} 4\n"),
          std::string("sluice_guardrail_scans_total{way=\"response\"} 4\n")}) {
        EXPECT_NE(page.find(line), std::string::npos)
            << line << page.substr(page.find("sluice_guardrail_scan"), 600);
    }
}

TEST_F(Guardrails, WithoutAMatchTheBytesAreTheCallers) {
    start_with();
    std::string const body =
        "{ \"model\": \"m-1\", \"messages\": [ {\"role\":\"user\",\"content\":\"caf\\u00e9 50% "
        "&amp; "
        "2024-01-02 12:00 \xc3\xa9 foo@bar\"} ] , \"seed\": 1.0}";
    upstream.then(Reply::whole(200, chat_answer("hi foo@bar, 50%")).tokens(11, 7));
    auto const answer = send(chats, body);
    EXPECT_EQ(received(), body);
    EXPECT_EQ(answer.body, chat_answer("hi foo@bar, 50%"));
    EXPECT_FALSE(answer.header("x-sluice-guardrails"));
}

TEST_F(Guardrails, TheUnionOfDefaultsRouteTeamAndKeyApplies) {
    GatewayConfig config;
    config.more = guards;
    config.providers = provider_line("up", upstream.url());
    config.routes = "  \"m-*\": up\n  \"n-*\": {tiers: [up], guardrails: [pii]}\n";
    config.keys = fmt::format(
        "  loose:\n    keys: {{app: {{value: {}}}}}\n"
        "  strict:\n    guardrails: [keys]\n    keys: {{app: {{value: sk-strict-client-01, "
        "guardrails: [house]}}}}\n",
        test_key);
    start(config);
    compare_tokens = false;
    auto const text = with(R"({"model":"@@","messages":[{"role":"user","content":"a@x.org Project )"
                           R"(Aurora"}]})",
                           "m-1");
    upstream.then(Reply::whole(200, chat_answer("hi")));
    EXPECT_FALSE(send(chats, text).header("x-sluice-guardrails"));
    EXPECT_EQ(received(), text);
    upstream.then(Reply::whole(200, chat_answer("hi")));
    EXPECT_EQ(
        send(chats, with(R"({"model":"n-1","messages":[{"role":"user","content":"@@"}]})", email))
            .header("x-sluice-guardrails"),
        "pii=redact");
    auto request = chat_request(
        R"({"model":"n-1","messages":[{"role":"user","content":"a@x.org Project Aurora"}]})");
    for (auto& [name, value] : request.headers) {
        if (name == "authorization" || name == "Authorization")
            value = "Bearer sk-strict-client-01";
    }
    upstream.then(Reply::whole(200, chat_answer("hi")));
    EXPECT_EQ(ask(request).header("x-sluice-guardrails"), "house=flag, pii=redact");
    request.body = with(R"({"model":"m-1","messages":[{"role":"user","content":"@@"}]})", secret);
    EXPECT_EQ(ask(request).status, 400);
}

TEST_F(Guardrails, WhatCannotBeReadFollowsTheSetting) {
    start_with("guardrails: [eyes]");
    compare_tokens = false;
    char const* const bodies[] = {
        R"({"model":"m-1","messages":[{"role":"user","content":[{"type":"image_url","image_url":)"
        R"({"url":"data:image/png;base64,AAAA"}}]}]})",
        R"({"model":"m-1","messages":[{"role":"user","content":[{"type":"input_audio",)"
        R"("input_audio":{"data":"AAAA","format":"wav"}}]}]})",
    };
    for (auto const* body : bodies) EXPECT_EQ(send(chats, body).status, 400) << body;
    EXPECT_EQ(send(embeddings, R"({"model":"m-1","input":[[1,2,3]]})").status, 400);
    EXPECT_TRUE(upstream.requests().empty());
}

// --- answers

struct AnswerRow {
    char const* place;
    Surface surface;
    char const* model;                // m-: an OpenAI provider, c-: an Anthropic one
    char const* said;                 // the provider's whole answer; @@: the text
    std::vector<char const*> frames;  // its stream; %1, %2: the halves of the text
};

std::vector<AnswerRow> answer_rows() {
    return {
        {"content",
         chats,
         "m-1",
         R"("content":"to @@ now")",
         {R"({"content":"to %1"})", R"({"content":"%2 now"})"}},
        {"reasoning",
         chats,
         "m-1",
         R"("content":"x","reasoning_content":"@@")",
         {R"({"reasoning_content":"%1"})", R"({"reasoning_content":"%2"})", R"({"content":"x"})"}},
        {"refusal",
         chats,
         "m-1",
         R"("content":null,"refusal":"not @@")",
         {R"({"refusal":"not %1"})", R"({"refusal":"%2"})"}},
        {"tool arguments",
         chats,
         "m-1",
         R"("content":null,"tool_calls":[{"id":"t","type":"function","function":{"name":"f",)"
         R"("arguments":"{\"to\":\"@@\"}"}}])",
         {R"({"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}]})",
          R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"to\":\"%1"}}]})",
          R"({"tool_calls":[{"index":0,"function":{"arguments":"%2\"}"}}]})"}},
    };
}

std::string whole_chat(std::string_view message) {
    return fmt::format(
        R"({{"id":"c","object":"chat.completion","created":1,"model":"m-1","choices":[{{"index":0,)"
        R"("message":{{"role":"assistant",{}}},"finish_reason":"stop"}}],)"
        R"("usage":{{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}}}})",
        message);
}

std::string halved(std::string text, std::string_view what) {
    auto const half = what.size() / 2;
    for (auto const& [mark, part] : {std::pair{std::string{"%1"}, what.substr(0, half)},
                                     std::pair{std::string{"%2"}, what.substr(half)}}) {
        if (auto const at = text.find(mark); at != text.npos) text.replace(at, 2, part);
    }
    return text;
}

std::vector<std::string> stream_of(AnswerRow const& row, std::string_view what) {
    std::vector<std::string> frames{chat_frame(R"({"role":"assistant","content":""})")};
    for (auto const* delta : row.frames) frames.push_back(chat_frame(halved(delta, what)));
    frames.push_back(chat_frame("{}", "\"stop\""));
    frames.push_back(usage_frame());
    frames.push_back(done_frame);
    return frames;
}

// What a stream of either dialect says in all its texts, one after the other.
std::string said_by(std::string const& stream) {
    std::string said;
    auto const collect = [&](auto const& self, Json const& json) -> void {
        if (json.is_string()) {
            said += json.get<std::string>();
        } else if (json.is_structured()) {
            for (auto const& item : json.items()) {
                if (item.key() != "type") self(self, item.value());
            }
        }
    };
    for (std::size_t at = stream.find("data: {"); at != stream.npos;
         at = stream.find("data: {", at + 1)) {
        auto const json = Json::parse(stream.substr(at + 6, stream.find("\n", at) - at - 6));
        if (json.contains("choices")) {
            for (auto const& choice : json.at("choices")) collect(collect, choice.at("delta"));
        } else if (json.contains("delta")) {
            collect(collect, json.at("delta"));
        }
    }
    return said;
}

TEST_F(Guardrails, RedactsInWholeAnswersAndChangesNothingElse) {
    start_with();
    for (auto const& row : answer_rows()) {
        SCOPED_TRACE(row.place);
        upstream.then(Reply::whole(200, whole_chat(with(row.said, email))).tokens(11, 7));
        auto const answer = send(row.surface, chat_body(row.model));
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, whole_chat(with(row.said, "[EMAIL_1]")));
        EXPECT_EQ(last_record().at("guards"), Json::parse(R"(["pii:redact:response:1"])"));
    }
}

TEST_F(Guardrails, RedactsInStreamsOfBothDialects) {
    start_with();
    for (auto const& row : answer_rows()) {
        for (auto const& surface : {chats, messages}) {
            SCOPED_TRACE(std::string{row.place} + " to " + surface.path);
            upstream.then(Reply::events(stream_of(row, email)).tokens(11, 7));
            auto const more = std::string{R"(,"max_tokens":9)"};
            auto const answer = send(surface, stream_body(row.model, more));
            EXPECT_EQ(answer.status, 200);
            EXPECT_NE(said_by(answer.body).find("[EMAIL_1]"), std::string::npos) << answer.body;
            EXPECT_EQ(answer.body.find("jane"), std::string::npos) << answer.body;
            EXPECT_EQ(answer.body.find("example.com"), std::string::npos) << answer.body;
            auto const* end = surface.anthropic ? "\"message_stop\"" : "[DONE]";
            EXPECT_NE(answer.body.find(end), std::string::npos);
        }
    }
}

TEST_F(Guardrails, AStreamWithoutAMatchSaysTheSame) {
    start_with();
    std::vector<std::string> const frames = {chat_frame(R"({"role":"assistant","content":""})"),
                                             text_frame("Hello, "),
                                             text_frame("this is "),
                                             text_frame("all. "),
                                             chat_frame("{}", "\"stop\""),
                                             done_frame};
    upstream.then(Reply::events(frames));
    compare_tokens = false;
    std::string whole;
    for (auto const& frame : frames) whole += frame;
    EXPECT_EQ(send(chats, stream_body("m-1")).body, whole);
}

TEST_F(Guardrails, ABlockInMidStreamEndsItProperly) {
    start_with();
    compare_tokens = false;
    for (auto const& row : answer_rows()) {
        for (auto const& surface : {chats, messages}) {
            SCOPED_TRACE(std::string{row.place} + " to " + surface.path);
            auto frames = stream_of(row, secret);
            frames.insert(frames.begin() + 1, text_frame("before "));
            upstream.then(Reply::events(frames, milliseconds{30}));
            auto const answer = send(surface, stream_body(row.model, R"(,"max_tokens":9)"));
            EXPECT_EQ(answer.status, 200);
            EXPECT_EQ(answer.body.find("gsk_"), std::string::npos) << answer.body;
            EXPECT_NE(answer.body.find("before "), std::string::npos);
            auto const* reason = surface.anthropic ? "\"refusal\"" : "\"content_filter\"";
            EXPECT_NE(answer.body.find(reason), std::string::npos) << answer.body;
            auto const* end = surface.anthropic ? "\"message_stop\"" : "data: [DONE]";
            EXPECT_NE(answer.body.find(end), std::string::npos) << answer.body;
            auto const record = last_record();
            EXPECT_EQ(record.at("error_code"), "guardrail_blocked");
            EXPECT_EQ(record.at("status"), 200);
            EXPECT_EQ(record.at("attempts").at(0).at("outcome"), "guardrail_blocked");
        }
    }
}

TEST_F(Guardrails, AWholeAnswerThatIsBlockedIsARefusal) {
    start_with();
    for (auto const& surface : {chats, messages}) {
        for (auto const* model : {"m-1", "c-1"}) {
            SCOPED_TRACE(surface.path + " " + model);
            auto const said = std::string{"key "} + secret;
            auto const whole =
                model[0] == 'm'
                    ? chat_answer(said)
                    : fmt::format(R"({{"id":"a","type":"message","role":"assistant","model":"c-1",)"
                                  R"("content":[{{"type":"text","text":"{}"}}],"stop_reason":)"
                                  R"("end_turn","usage":{{"input_tokens":11,"output_tokens":7}}}})",
                                  said);
            upstream.then(Reply::whole(200, whole).tokens(11, 7));
            auto const answer = send(surface, chat_body(model, R"(,"max_tokens":9)"));
            EXPECT_EQ(answer.status, 400);
            EXPECT_EQ(answer.body.find("gsk_"), std::string::npos);
            EXPECT_NE(answer.body.find("'keys'"), std::string::npos) << answer.body;
            EXPECT_EQ(last_record().at("usage").at("output"), 7);
        }
    }
}

TEST_F(Guardrails, AnAnthropicStreamIsRedactedInItsOwnLane) {
    start_with();
    std::vector<std::string> const frames = {
        event(
            "message_start",
            R"(,"message":{"id":"m","type":"message","role":"assistant","model":"c-1","content":[],)"
            R"("usage":{"input_tokens":11,"output_tokens":1}})"),
        event("content_block_start",
              R"(,"index":0,"content_block":{"type":"thinking","thinking":"","signature":""})"),
        event("content_block_delta",
              R"(,"index":0,"delta":{"type":"thinking_delta","thinking":"ask jane.doe"})"),
        event("content_block_delta",
              R"(,"index":0,"delta":{"type":"thinking_delta","thinking":"\u0040example.com"})"),
        event("content_block_stop", R"(,"index":0)"),
        event("content_block_start",
              R"(,"index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}})"),
        event(
            "content_block_delta",
            R"(,"index":1,"delta":{"type":"input_json_delta","partial_json":"{\"card\":41111111"})"),
        event("content_block_delta",
              R"(,"index":1,"delta":{"type":"input_json_delta","partial_json":"11111111}"})"),
        event("content_block_stop", R"(,"index":1)"),
        event("message_delta",
              R"(,"delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":7})"),
        event("message_stop")};
    upstream.then(Reply::events(frames).tokens(11, 7));
    auto const answer = send(messages, stream_body("c-1", R"(,"max_tokens":9)"));
    auto const said = said_by(answer.body);
    EXPECT_NE(said.find("ask [EMAIL_1]"), std::string::npos) << answer.body;
    EXPECT_NE(said.find("{\"card\":\"[CREDIT_CARD_1]\"}"), std::string::npos) << answer.body;
    EXPECT_EQ(answer.body.find("4111"), std::string::npos);
    // Held text goes out before its block is closed.
    EXPECT_LT(answer.body.find("[EMAIL_1]"), answer.body.find("content_block_stop"));
}

TEST_F(Guardrails, WhatIsTooLongToHoldEndsTheStream) {
    start_with();
    compare_tokens = false;
    std::vector<std::string> frames{chat_frame(R"({"role":"assistant","content":""})"),
                                    text_frame("before ")};
    frames.push_back(text_frame("eyJhbGciOiJIUzI1NiJ9.eyJ"));
    for (int i = 0; i < 40; ++i) frames.push_back(text_frame("Zm9vYmFyYmF6cXV4Zm9vYmFy"));
    frames.push_back(done_frame);
    upstream.then(Reply::events(frames, milliseconds{2}));
    auto const answer = send(chats, stream_body("m-1"));
    EXPECT_NE(answer.body.find("content_filter"), std::string::npos) << answer.body;
    EXPECT_EQ(answer.body.find("eyJ"), std::string::npos);
}

}  // namespace
}  // namespace sluice::test
