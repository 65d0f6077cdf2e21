// many_choices: fan_out, through the whole gateway: a request for several choices is sent once for
// each where the provider's dialect has no "n"; the caller gets one answer, the ledger one record.
#include <fmt/format.h>

#include "integration/fixture.hpp"
#include "support/encodings.hpp"

namespace sluice::test {
namespace {

using Json = nlohmann::json;

std::string message_answer(std::string_view text) {
    return fmt::format(
        R"({{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[)"
        R"({{"type":"text","text":"{}"}}],"stop_reason":"end_turn","stop_sequence":null,)"
        R"("usage":{{"input_tokens":11,"output_tokens":7}}}})",
        text);
}

std::string event(std::string_view type, std::string_view rest = "") {
    return fmt::format("event: {0}\ndata: {{\"type\":\"{0}\"{1}}}\n\n", type, rest);
}

std::string text_event(std::string_view text) {
    return event("content_block_delta",
                 fmt::format(R"(,"index":0,"delta":{{"type":"text_delta","text":"{}"}})", text));
}

std::vector<std::string> message_stream(std::string_view text, int output = 7) {
    return {
        event(
            "message_start",
            R"(,"message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"usage":{"input_tokens":11,"output_tokens":1}})"),
        event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})"),
        text_event(text),
        text_event("."),
        event("content_block_stop", R"(,"index":0)"),
        event(
            "message_delta",
            fmt::format(
                R"(,"delta":{{"stop_reason":"end_turn","stop_sequence":null}},"usage":{{"output_tokens":{}}})",
                output)),
        event("message_stop"),
    };
}

// The chunks of an OpenAI stream; fails where one is no JSON.
std::vector<Json> chunks_of(Answer const& answer) {
    std::vector<Json> chunks;
    for (auto const& frame : answer.frames()) {
        if (frame == done_frame) continue;
        auto chunk = Json::parse(frame.substr(6), nullptr, false);
        EXPECT_FALSE(chunk.is_discarded()) << frame;
        chunks.push_back(std::move(chunk));
    }
    return chunks;
}

std::string texts_of(std::vector<Json> const& chunks, int choice) {
    std::string text;
    for (auto const& chunk : chunks) {
        for (auto const& one : chunk["choices"]) {
            if (one["index"] == choice) text += one["delta"].value("content", "");
        }
    }
    return text;
}

std::size_t count(std::string_view text, std::string_view what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
    return n;
}

class FanOut : public Integration {
  protected:
    void start_with(std::string const& routes = "", GatewayConfig config = {},
                    std::string const& of_claude = "") {
        config.providers = provider_line("up", upstream.url()) +
                           fmt::format(
                               "  claude: {{kind: anthropic_compatible, base_url: \"{}\", keys: "
                               "{{main: {{value: sk-claude-credential-1}}}}{}}}\n",
                               upstream.url(), of_claude);
        config.routes =
            routes.empty() ? "  \"c-*\": {tiers: [claude], many_choices: fan_out}\n" : routes;
        start(config);
    }
    // Says its text, and nothing more yet.
    static Reply begun(std::string_view text) {
        auto reply = Reply::chunked();
        auto const frames = message_stream(text);
        for (int i = 0; i < 3; ++i) reply.chunk(frames[i]);
        return reply;
    }
    // A stream of two choices, "one" and "two"; `seen` when both have been told.
    Answer fail_midway(Event& seen) {
        auto const client = begin(chat_request(stream_body("c-1", R"(,"n":2)")));
        EXPECT_TRUE(client->read_until(R"("content":"one")"));
        EXPECT_TRUE(client->read_until(R"("content":"two")"));
        seen.raise();
        return client->read_answer();
    }
};

TEST_F(FanOut, EachChoiceIsARequestAndTheAnswerIsOne) {
    start_with();
    for (auto const text : {"one", "two", "three"}) {
        upstream.then(Reply::whole(200, message_answer(text)).tokens(11, 7));
    }
    auto const answer = chat(chat_body("c-1", R"(,"n":3,"max_tokens":9)"));
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.header("content-type"), "application/json");
    EXPECT_FALSE(answer.header("x-sluice-losses"));
    auto const body = Json::parse(answer.body);
    EXPECT_EQ(body["object"], "chat.completion");
    ASSERT_EQ(body["choices"].size(), 3U);
    std::vector<std::string> texts;
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(body["choices"][i]["index"], i);
        EXPECT_EQ(body["choices"][i]["finish_reason"], "stop");
        texts.push_back(body["choices"][i]["message"]["content"]);
    }
    std::sort(texts.begin(), texts.end());  // which request the upstream took first is its own
    EXPECT_EQ(texts, (std::vector<std::string>{"one", "three", "two"}));
    EXPECT_EQ(body["usage"]["prompt_tokens"], 33);
    EXPECT_EQ(body["usage"]["completion_tokens"], 21);
    EXPECT_EQ(body["usage"]["total_tokens"], 54);
    ASSERT_EQ(upstream.request_count(), 3U);
    for (auto const& request : upstream.requests()) {
        EXPECT_FALSE(Json::parse(request.body).contains("n"));
        EXPECT_EQ(Json::parse(request.body)["max_tokens"], 9);
    }
    auto const record = last_record();
    ASSERT_EQ(record["attempts"].size(), 3U);
    EXPECT_EQ(record["usage"]["input"], 33);
    EXPECT_EQ(record["usage"]["output"], 21);
    for (auto const& attempt : record["attempts"]) {
        EXPECT_EQ(attempt["outcome"], "answered");
        EXPECT_EQ(attempt["status"], 200);
        EXPECT_EQ(attempt["usage"]["input"], 11);
        EXPECT_EQ(attempt["finish_reason"], "end_turn");
        EXPECT_FALSE(attempt.value("estimated", false));
    }
}

TEST_F(FanOut, AStreamHoldsAllChoicesAndEndsOnce) {
    start_with();
    upstream.then(Reply::events(message_stream("one")).tokens(11, 7));
    upstream.then(Reply::events(message_stream("two")).tokens(11, 7));
    auto const answer =
        chat(stream_body("c-1", R"(,"n":2,"stream_options":{"include_usage":true})"));
    ASSERT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.body.ends_with(done_frame));
    EXPECT_EQ(count(answer.body, "[DONE]"), 1U);
    auto const chunks = chunks_of(answer);
    std::vector<std::string> texts{texts_of(chunks, 0), texts_of(chunks, 1)};
    std::sort(texts.begin(), texts.end());
    EXPECT_EQ(texts, (std::vector<std::string>{"one.", "two."}));
    EXPECT_EQ(count(answer.body, R"("role":"assistant")"), 2U);
    EXPECT_EQ(count(answer.body, R"("finish_reason":"stop")"), 2U);
    EXPECT_EQ(count(answer.body, R"("prompt_tokens":)"), 1U);
    EXPECT_EQ(chunks.back()["usage"]["prompt_tokens"], 22);
    EXPECT_EQ(chunks.back()["usage"]["completion_tokens"], 14);
    for (auto const& chunk : chunks) EXPECT_EQ(chunk["id"], chunks.front()["id"]);
    EXPECT_EQ(last_record()["usage"]["output"], 14);
}

// None of the answers comes before all were asked for; the second choice is told first.
TEST_F(FanOut, TheRequestsAreSentAtOnce) {
    start_with();
    auto const heads = std::make_shared<Event>();
    for (int i = 0; i < 4; ++i) {
        auto reply = Reply().wait(heads);
        auto const whole = Reply::whole(200, message_answer("x"));
        reply.steps.insert(reply.steps.end(), whole.steps.begin(), whole.steps.end());
        upstream.then(reply.tokens(11, 7));
    }
    auto const client = begin(chat_request(chat_body("c-1", R"(,"n":4)")));
    ASSERT_TRUE(upstream.wait_for_requests(4));
    heads->raise();
    auto const answer = client->read_answer();
    EXPECT_EQ(Json::parse(answer.body)["choices"].size(), 4U);
}

TEST_F(FanOut, TooManyAreRefusedWithWhatToDo) {
    start_with(
        "  \"c-*\": {tiers: [claude], many_choices: fan_out}\n"
        "  \"b-*\": {tiers: [claude, up], many_choices: fan_out}\n");
    auto const refused = chat(chat_body("c-1", R"(,"n":9)"));
    EXPECT_EQ(refused.status, 400);
    EXPECT_NE(error_message(refused).find("above 8"), std::string::npos) << refused.body;
    EXPECT_EQ(upstream.request_count(), 0U);
    EXPECT_EQ(chat(chat_body("b-1", R"(,"n":9)")).status, 200) << "another target has n";
    EXPECT_EQ(Json::parse(upstream.requests().back().body)["n"], 9);
}

TEST_F(FanOut, OneThatIsRefusedMovesAllToTheNextTarget) {
    start_with("  \"b-*\": {tiers: [claude, up], many_choices: fan_out}\n");
    compare_tokens = false;  // an answer of the failed attempt may not have been read
    upstream.answer_with([](Received const& request) {
        if (request.target() != "/v1/messages") {
            return Reply::whole(200, chat_answer("n of its own")).tokens(11, 7);
        }
        return Reply::whole(
            529, R"({"type":"error","error":{"type":"overloaded_error","message":"o"}})");
    });
    auto const answer = chat(chat_body("b-1", R"(,"n":2)"));
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_NE(answer.body.find("n of its own"), std::string::npos);
    auto const record = last_record();
    ASSERT_EQ(record["attempts"].size(), 3U);
    EXPECT_EQ(record["attempts"][2]["outcome"], "answered");
    for (int i = 0; i < 2; ++i) {
        auto const outcome = record["attempts"][i]["outcome"];
        EXPECT_TRUE(outcome == "upstream_server_error" || outcome == "superseded") << outcome;
    }
}

// Both have begun to speak before one of them fails.
TEST_F(FanOut, AnErrorInMidStreamEndsTheAnswer) {
    start_with();
    compare_tokens = false;
    auto const seen = std::make_shared<Event>();
    upstream.then(begun("one").silence());  // would go on for ever
    upstream.then(begun("two").wait(seen).chunk(
        event("error", R"(,"error":{"type":"overloaded_error","message":"Overloaded"})")));
    auto const answer = fail_midway(*seen);
    EXPECT_TRUE(answer.complete);
    EXPECT_EQ(count(answer.body, "\"error\""), 1U) << answer.body;
    EXPECT_EQ(answer.body.find("[DONE]"), std::string::npos);
    ASSERT_TRUE(upstream.wait_for_closes(2)) << "the other is given up";
    auto const record = last_record();
    EXPECT_FALSE(record["completed"].get<bool>());
    ASSERT_EQ(record["attempts"].size(), 2U);
    for (auto const& attempt : record["attempts"]) {
        EXPECT_TRUE(attempt["estimated"].get<bool>());
        EXPECT_EQ(attempt["usage"]["input"], 11);
    }
}

TEST_F(FanOut, ACutInOneOfThemEndsTheAnswer) {
    start_with();
    compare_tokens = false;
    auto const seen = std::make_shared<Event>();
    upstream.then(begun("one").silence());
    upstream.then(begun("two").wait(seen).reset());
    auto const answer = fail_midway(*seen);
    EXPECT_EQ(count(answer.body, "\"error\""), 1U) << answer.body;
    EXPECT_EQ(answer.body.find("[DONE]"), std::string::npos);
    auto const record = last_record();
    ASSERT_EQ(record["attempts"].size(), 2U);
    EXPECT_FALSE(record["completed"].get<bool>());
    for (auto const& attempt : record["attempts"]) EXPECT_EQ(attempt["outcome"], "upstream_reset");
}

TEST_F(FanOut, ACallerWhoLeavesEndsThemAll) {
    start_with();
    compare_tokens = false;
    auto const frames = message_stream("one");
    for (int i = 0; i < 3; ++i) {
        auto going = Reply::chunked();
        for (int n = 0; n < 3; ++n) going.chunk(frames[n]);
        upstream.then(going.silence());
    }
    auto const client = begin(chat_request(stream_body("c-1", R"(,"n":3)")));
    ASSERT_TRUE(client->read_until("\"index\":2"));
    client->socket().close();
    ASSERT_TRUE(upstream.wait_for_closes(3));
    auto const record = last_record();
    EXPECT_TRUE(record["client_gone"].get<bool>());
    ASSERT_EQ(record["attempts"].size(), 3U);
    for (auto const& attempt : record["attempts"]) {
        EXPECT_EQ(attempt["outcome"], "client_closed");
        EXPECT_TRUE(attempt["estimated"].get<bool>());
    }
}

TEST_F(FanOut, ACallerWhoLeavesBeforeTheFirstHeadEndsThemAll) {
    start_with();
    compare_tokens = false;
    upstream.answer_with([](Received const&) { return Reply().silence(); });
    auto const client = begin(chat_request(chat_body("c-1", R"(,"n":3)")));
    ASSERT_TRUE(upstream.wait_for_requests(3));
    client->socket().close();
    ASSERT_TRUE(upstream.wait_for_closes(3));
    EXPECT_EQ(last_record()["attempts"].size(), 3U);
}

TEST_F(FanOut, DrainedOnesAreReadForTheirUsage) {
    start_with("  \"c-*\": {tiers: [claude], many_choices: fan_out, on_disconnect: drain}\n");
    auto const gone = std::make_shared<Event>();
    for (int i = 0; i < 2; ++i) {
        auto going = Reply::chunked();
        auto const frames = message_stream("one");
        for (int n = 0; n < 3; ++n) going.chunk(frames[n]);
        going.wait(gone);
        for (std::size_t n = 3; n < frames.size(); ++n) going.chunk(frames[n]);
        upstream.then(going.last_chunk().tokens(11, 7));
    }
    auto const client = begin(chat_request(stream_body("c-1", R"(,"n":2)")));
    ASSERT_TRUE(client->read_until("\"index\":1"));
    client->socket().close();
    gone->raise();
    auto const record = last_record();
    ASSERT_EQ(record["attempts"].size(), 2U);
    for (auto const& attempt : record["attempts"]) {
        EXPECT_EQ(attempt["outcome"], "answered");
        EXPECT_EQ(attempt["usage"]["output"], 7);
    }
}

TEST_F(FanOut, GuardsLookAtEachChoice) {
    GatewayConfig config;
    config.defaults = "guardrails: [house]";
    config.more =
        "guardrails:\n  house: {patterns: [\"(?i)aurora\"], scan: [response], action: redact}\n";
    start_with("", config);
    for (bool const is_stream : {false, true}) {
        for (auto const text : {"say aurora", "Aurora borealis"}) {
            auto reply = is_stream ? Reply::events(message_stream(text))
                                   : Reply::whole(200, message_answer(text));
            upstream.then(reply.tokens(11, 7));
        }
        auto const answer =
            chat(is_stream ? stream_body("c-1", R"(,"n":2)") : chat_body("c-1", R"(,"n":2)"));
        ASSERT_EQ(answer.status, 200) << answer.body;
        EXPECT_EQ(count(answer.body, "urora"), 0U) << answer.body;
        EXPECT_NE(answer.body.find("borealis"), std::string::npos);
        EXPECT_NE(answer.body.find("say "), std::string::npos);
        EXPECT_EQ(last_record()["guards"], Json::parse(R"(["house:redact:response:2"])"));
    }
}

TEST_F(FanOut, CompressedAnswersAreReadEachByItsOwnCoding) {
    start_with();
    upstream.then(
        Reply::whole(200, encode("gzip", message_answer("one")), {{"Content-Encoding", "gzip"}})
            .tokens(11, 7));
    upstream.then(Reply::whole(200, message_answer("two")).tokens(11, 7));
    auto const answer = chat(chat_body("c-1", R"(,"n":2)"));
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_NE(answer.body.find("\"one\""), std::string::npos) << answer.body;
    EXPECT_NE(answer.body.find("\"two\""), std::string::npos);
}

// Each request has the prompt again, and an answer of its own.
TEST_F(FanOut, LimitsReserveAndCountAllOfThem) {
    GatewayConfig config;
    config.keys = fmt::format(
        "  team:\n    limits: {{tokens_per_request: 900, tpm: 100000}}\n    keys: {{app: "
        "{{value: {}}}}}\n",
        test_key);
    start_with("", config, ", limits: {rpm: 5}");
    std::string const prompt(400, 'x');
    auto const asking = [&](int n, int most) {
        return fmt::format(R"({{"model":"c-1","n":{},"max_tokens":{},"messages":[)"
                           R"({{"role":"user","content":"{}"}}]}})",
                           n, most, prompt);
    };
    for (int i = 0; i < 3; ++i) upstream.then(Reply::whole(200, message_answer("x")).tokens(11, 7));
    // 4 x 20 tokens of answers fit, 4 prompts of a hundred or more and 4 x 150 do not.
    auto const refused = chat(asking(4, 150));
    EXPECT_EQ(refused.status, 400) << refused.body;
    EXPECT_EQ(error_code(refused), "request_exceeds_limit");
    EXPECT_EQ(upstream.request_count(), 0U);
    ASSERT_EQ(chat(asking(3, 20)).status, 200);
    ASSERT_TRUE(gateway->wait_until_quiet());
    Request page;
    page.method = "GET";
    page.target = "/admin/limits";
    auto const rows = Json::parse(fetch(gateway->admin_port(), page).body)["limits"];
    for (auto const& row : rows) {
        if (row["limit"] == "tpm") {
            EXPECT_EQ(row["used"], 54) << row;
        }
        if (row["limit"] == "rpm") {
            EXPECT_EQ(row["used"], 3) << "the provider has counted each: " << row;
        }
        EXPECT_EQ(row.value("reserved", 0), 0) << row;
    }
    // Two more fit into the provider's five a minute, three do not.
    EXPECT_EQ(chat(asking(3, 20)).status, 429);
    for (int i = 0; i < 2; ++i) upstream.then(Reply::whole(200, message_answer("x")).tokens(11, 7));
    EXPECT_EQ(chat(asking(2, 20)).status, 200);
    EXPECT_EQ(upstream.request_count(), 5U);
}

}  // namespace
}  // namespace sluice::test
