// Callers and providers of different dialects, through the whole gateway: what the provider
// receives, what the caller gets, what the record says.
#include <chrono>
#include <fmt/format.h>
#include <thread>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

using Json = nlohmann::json;

std::string message_answer(std::string_view text = "hi", std::string_view model = "claude-x") {
    return fmt::format(
        R"({{"id":"msg_1","type":"message","role":"assistant","model":"{}","content":[)"
        R"({{"type":"text","text":"{}"}}],"stop_reason":"end_turn","stop_sequence":null,)"
        R"("usage":{{"input_tokens":8,"cache_read_input_tokens":3,"output_tokens":7}}}})",
        model, text);
}

std::string event(std::string_view type, std::string_view rest = "") {
    return fmt::format("event: {0}\ndata: {{\"type\":\"{0}\"{1}}}\n\n", type, rest);
}

std::vector<std::string> message_stream() {
    return {
        event(
            "message_start",
            R"(,"message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"usage":{"input_tokens":11,"output_tokens":1}})"),
        event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})"),
        event("ping"),
        event("content_block_delta", R"(,"index":0,"delta":{"type":"text_delta","text":"one "})"),
        event("content_block_delta", R"(,"index":0,"delta":{"type":"text_delta","text":"two"})"),
        event("content_block_stop", R"(,"index":0)"),
        event(
            "message_delta",
            R"(,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7})"),
        event("message_stop"),
    };
}

std::string message_body(std::string_view model, std::string_view more = "") {
    return fmt::format(
        R"({{"model":"{}","max_tokens":50,"messages":[{{"role":"user","content":"hello"}}]{}}})",
        model, more);
}

class Dialects : public Integration {
  protected:
    void start_with(std::string const& routes = "", std::string const& providers = "",
                    std::string const& server = "") {
        GatewayConfig config;
        config.server = server;
        config.providers =
            provider_line("up", upstream.url()) +
            fmt::format(
                "  claude: {{kind: anthropic_compatible, base_url: \"{}\", keys: {{main: "
                "{{value: sk-claude-credential-1}}}}}}\n",
                upstream.url()) +
            providers;
        config.routes = routes.empty() ? "  \"m-*\": up\n  \"c-*\": claude\n" : routes;
        start(config);
    }
    Answer message(std::string_view body, Headers const& more = {},
                   std::string_view path = "/v1/messages") {
        auto request = chat_request(body);
        request.target = path;
        request.headers.emplace_back("anthropic-version", "2023-06-01");
        for (auto const& field : more) request.headers.push_back(field);
        return ask(request);
    }
    Json received() { return Json::parse(upstream.requests().back().body); }
};

// An answer that has to be whole before it can be told counts like a body that came.
TEST_F(Dialects, AnAnswerHeldWholeCountsAgainstTheBound) {
    start_with("", "", "  limits: {body_bytes_in_flight_max: 1048576, body_bytes_max: 1048576}\n");
    compare_tokens = false;  // it was not read to its end
    upstream.then(Reply::whole(200, message_answer(std::string(1'100'000, 'x'))));
    auto const answer = chat(chat_body("c-1"));
    EXPECT_EQ(answer.status, 503) << answer.body.substr(0, 200);
    EXPECT_EQ(error_code(answer), "server_is_overloaded");
    EXPECT_TRUE(answer.header("retry-after"));
    // It is given back when the exchange is over, and that is after its answer; another worker may
    // be the one that is asked next.
    EXPECT_TRUE(gateway->wait_until_quiet());
    upstream.then(Reply::whole(200, message_answer(std::string(900'000, 'x'))));
    EXPECT_EQ(chat(chat_body("c-1")).status, 200) << "what was held was not given back";
}

TEST_F(Dialects, AnAnthropicCallerOnAnAnthropicProviderKeepsItsLane) {
    start_with();
    upstream.then(Reply::whole(200, message_answer()).tokens(11, 7));
    auto const body = message_body("c-1", R"(,"context_management":{"edits":[1]},"unknown":"x")");
    auto const answer = message(body, {{"anthropic-beta", "a-1,b-2"}}, "/v1/messages?beta=true");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, message_answer());
    auto const got = upstream.requests().back();
    EXPECT_EQ(got.body, body);
    EXPECT_EQ(got.target(), "/v1/messages?beta=true");
    EXPECT_EQ(got.header("anthropic-beta"), "a-1,b-2");
    EXPECT_EQ(got.header("anthropic-version"), "2023-06-01");
    EXPECT_EQ(got.header("x-api-key"), "sk-claude-credential-1");
    EXPECT_FALSE(got.header("authorization"));
    auto const record = last_record();
    EXPECT_EQ(record.at("surface"), "messages");
    EXPECT_EQ(record.at("usage").at("input"), 11);
    EXPECT_EQ(record.at("usage").at("cache_read"), 3);
    EXPECT_EQ(record.at("attempts").at(0).at("finish_reason"), "end_turn");
}

TEST_F(Dialects, AnAnthropicStreamPassesByteForByte) {
    start_with();
    std::string whole;
    for (auto const& frame : message_stream()) whole += frame;
    upstream.then(Reply::events(message_stream()).tokens(11, 7));
    auto const answer = message(message_body("c-1", R"(,"stream":true)"));
    EXPECT_EQ(answer.body, whole);
    EXPECT_EQ(last_record().at("usage").at("output"), 7);
}

TEST_F(Dialects, AnOpenaiCallerOnAnAnthropicProvider) {
    start_with();
    upstream.then(Reply::whole(200, message_answer("said")).tokens(11, 7));
    auto const answer = chat(chat_body("c-1", R"(,"seed":1)"));
    ASSERT_EQ(answer.status, 200);
    auto const body = Json::parse(answer.body);
    EXPECT_EQ(body.at("object"), "chat.completion");
    EXPECT_EQ(body.at("choices").at(0).at("message").at("content"), "said");
    EXPECT_EQ(body.at("choices").at(0).at("finish_reason"), "stop");
    EXPECT_EQ(body.at("usage").at("prompt_tokens"), 11);
    EXPECT_EQ(answer.header("content-type"), "application/json");
    EXPECT_EQ(answer.header("x-sluice-losses"), "seed");
    auto const got = upstream.requests().back();
    EXPECT_EQ(got.target(), "/v1/messages");
    EXPECT_EQ(got.header("anthropic-version"), "2023-06-01");
    EXPECT_EQ(received().at("model"), "c-1");
    EXPECT_TRUE(received().contains("max_tokens"));
}

TEST_F(Dialects, AnOpenaiCallersStreamFromAnAnthropicProvider) {
    start_with();
    upstream.then(Reply::events(message_stream()).tokens(11, 7));
    auto const answer = chat(stream_body("c-1", R"(,"stream_options":{"include_usage":true})"));
    ASSERT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.body.ends_with("data: [DONE]\n\n")) << answer.body;
    EXPECT_NE(answer.body.find(R"("content":"one ")"), std::string::npos);
    EXPECT_NE(answer.body.find(R"("finish_reason":"stop")"), std::string::npos);
    EXPECT_NE(answer.body.find(R"("prompt_tokens":11)"), std::string::npos);
    EXPECT_EQ(last_record().at("usage").at("output"), 7);
}

TEST_F(Dialects, AnAnthropicCallerOnAnOpenaiProvider) {
    start_with();
    auto const answer = message(message_body("m-1"));
    ASSERT_EQ(answer.status, 200);
    auto const body = Json::parse(answer.body);
    EXPECT_EQ(body.at("type"), "message");
    EXPECT_EQ(body.at("stop_reason"), "end_turn");
    EXPECT_EQ(body.at("usage").at("input_tokens"), 11);
    EXPECT_EQ(received().at("max_tokens"), 50);
    EXPECT_EQ(upstream.requests().back().target(), "/v1/chat/completions");
    EXPECT_FALSE(upstream.requests().back().header("anthropic-version"));
}

TEST_F(Dialects, AnAnthropicCallersStreamFromAnOpenaiProvider) {
    start_with();
    auto const answer = message(message_body("m-1", R"(,"stream":true)"));
    ASSERT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.body.starts_with("event: message_start\n")) << answer.body;
    EXPECT_TRUE(answer.body.ends_with("data: {\"type\":\"message_stop\"}\n\n"));
    EXPECT_EQ(received().at("stream_options").at("include_usage"), true);
    EXPECT_TRUE(answer.header("content-type")->starts_with("text/event-stream"));
}

TEST_F(Dialects, ErrorsComeInTheCallersDialect) {
    start_with();
    upstream.then(Reply::whole(
        400, R"({"type":"error","error":{"type":"invalid_request_error","message":"bad thing"}})"));
    auto answer = chat(chat_body("c-1"));
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(error_message(answer), "bad thing");
    upstream.then(Reply::error(400, "invalid_value", "other thing"));
    answer = message(message_body("m-1"));
    EXPECT_EQ(answer.status, 400);
    auto const body = Json::parse(answer.body);
    EXPECT_EQ(body.at("type"), "error");
    EXPECT_EQ(body.at("error").at("type"), "invalid_request_error");
    EXPECT_EQ(body.at("error").at("message"), "other thing");
    // Raised before there is a route, and by sluice itself.
    EXPECT_EQ(Json::parse(message("{").body).at("type"), "error");
    EXPECT_EQ(Json::parse(message(message_body("nope")).body).at("error").at("type"),
              "not_found_error");
    EXPECT_EQ(Json::parse(message("{}", {}, "/v1/messagez").body).at("type"), "error");
}

TEST_F(Dialects, AFaultInMidStreamEndsInTheCallersDialect) {
    start_with();
    compare_tokens = false;
    auto frames = message_stream();
    frames.resize(4);
    frames.push_back(
        event("error", R"(,"error":{"type":"overloaded_error","message":"Overloaded"})"));
    upstream.then(Reply::events(frames));
    auto const answer = chat(stream_body("c-1"));
    EXPECT_NE(answer.body.find("\"error\""), std::string::npos);
    EXPECT_EQ(answer.body.find("[DONE]"), std::string::npos);
    EXPECT_FALSE(last_record().at("completed").get<bool>());
}

// A stream tells at its start what was read, and only at its end what was written.
TEST_F(Dialects, UsageOfAStreamThatBrokeOffIsAnEstimate) {
    start_with();
    compare_tokens = false;
    for (bool const is_own : {true, false}) {
        auto frames = message_stream();
        frames.resize(4);
        frames.push_back(event(
            "content_block_delta",
            R"(,"index":0,"delta":{"type":"text_delta","text":"many words, which cost many tokens"})"));
        upstream.then(Reply::events(frames));
        is_own ? message(message_body("c-1", R"(,"stream":true)")) : chat(stream_body("c-1"));
        auto const attempt = last_record().at("attempts").at(0);
        EXPECT_TRUE(attempt.at("estimated").get<bool>());
        EXPECT_EQ(attempt.at("usage").at("input"), 11) << "as the provider said";
        EXPECT_GT(attempt.at("usage").at("output"), 5) << "more than the 1 of message_start";
    }
}

TEST_F(Dialects, OverloadIsToldAsTheCallersDialectTellsIt) {
    start_with();
    auto const overloaded = [] {
        return Reply::whole(
            529, R"({"type":"error","error":{"type":"overloaded_error","message":"o"}})");
    };
    for (int i = 0; i < 6; ++i) upstream.then(overloaded());
    auto answer = message(message_body("c-1"));
    EXPECT_EQ(answer.status, 529);
    EXPECT_EQ(Json::parse(answer.body).at("error").at("type"), "overloaded_error");
    answer = chat(chat_body("c-2"));
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(Json::parse(answer.body).at("error").at("type"), "service_unavailable_error");
}

TEST_F(Dialects, FailoverCrossesDialects) {
    start_with("  both: {tiers: [claude/c-1, up/m-1]}\n");
    upstream.then(
        Reply::whole(529, R"({"type":"error","error":{"type":"overloaded_error","message":"o"}})"));
    auto const answer = message(message_body("both"));
    ASSERT_EQ(answer.status, 200);
    EXPECT_EQ(Json::parse(answer.body).at("type"), "message");
    EXPECT_EQ(last_record().at("attempts").size(), 2U);
}

TEST_F(Dialects, LossesAreRefusedWhereTheRouteSaysSo) {
    start_with(
        "  strict: {tiers: [claude/c-1], on_loss: reject}\n"
        "  spare: {tiers: [claude/c-1, up/m-1], on_loss: reject}\n");
    auto answer = chat(chat_body("strict", R"(,"logit_bias":{"1":2})"));
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(error_message(answer).find("logit_bias"), std::string::npos);
    EXPECT_EQ(upstream.request_count(), 0U);
    EXPECT_EQ(chat(chat_body("spare", R"(,"logit_bias":{"1":2})")).status, 200);
    EXPECT_EQ(upstream.requests().back().target(), "/v1/chat/completions");
}

TEST_F(Dialects, TokensAreCountedByTheProviderOrEstimated) {
    start_with();
    auto const body = R"({"model":"c-1","messages":[{"role":"user","content":"hello"}]})";
    upstream.then(Reply::whole(200, R"({"input_tokens":42})"));
    auto answer = message(body, {}, "/v1/messages/count_tokens");
    EXPECT_EQ(answer.body, R"({"input_tokens":42})");
    EXPECT_EQ(upstream.requests().back().target(), "/v1/messages/count_tokens");
    auto const record = last_record();
    EXPECT_EQ(record.at("surface"), "count_tokens");
    EXPECT_EQ(record.at("usage").at("input"), 0) << "counting is not using";
    answer = message(R"({"model":"m-1","messages":[{"role":"user","content":"hello"}]})", {},
                     "/v1/messages/count_tokens");
    EXPECT_EQ(answer.status, 200);
    EXPECT_GT(Json::parse(answer.body).at("input_tokens"), 5);
    EXPECT_EQ(answer.header("x-sluice-estimated"), "true");
    EXPECT_EQ(upstream.request_count(), 1U);
}

TEST_F(Dialects, TheMockSpeaksBoth) {
    start_with("  \"c-*\": {tiers: [mocked], allow_mock: true}\n",
               "  mocked: {kind: mock, mock: {dialect: anthropic}}\n");
    compare_tokens = false;
    auto answer = message(message_body("c-1"));
    ASSERT_EQ(answer.status, 200) << answer.body;
    auto const whole = Json::parse(answer.body);
    EXPECT_EQ(whole.at("type"), "message");
    EXPECT_GT(whole.at("usage").at("output_tokens"), 0);
    answer = message(message_body("c-1", R"(,"stream":true)"));
    EXPECT_TRUE(answer.body.ends_with("{\"type\":\"message_stop\"}\n\n")) << answer.body;
    EXPECT_EQ(chat(chat_body("c-1")).status, 200);
    answer = message(message_body("c-1"), {{"x-sluice-mock", "status=529"}});
    EXPECT_EQ(Json::parse(answer.body).at("type"), "error");
}

TEST_F(Dialects, RequestsAreShapedForTheirProvider) {
    start_with("  \"s-*\": shaped\n  \"c-*\": narrow\n",
               fmt::format("  shaped:\n    kind: openai_compatible\n    base_url: \"{0}\"\n"
                           "    keys: {{main: {{value: sk-shaped-credential}}}}\n    shape:\n"
                           "      - {{drop: [seed], rename: {{max_tokens: max_completion_tokens}}, "
                           "default: {{top_p: 0.5}}}}\n"
                           "      - {{models: [s-2], clamp: {{temperature: {{min: 0, max: 1}}}}, "
                           "map: {{service_tier: {{auto: default}}}}}}\n"
                           "  narrow: {{kind: anthropic_compatible, base_url: \"{0}\", shape: "
                           "[{{drop: [metadata]}}]}}\n",
                           upstream.url()));
    auto const more = R"(,"seed":1,"max_tokens":5,"temperature":1.5,"service_tier":"auto")";
    EXPECT_EQ(chat(chat_body("s-1", more)).status, 200);
    EXPECT_FALSE(received().contains("seed"));
    EXPECT_EQ(received().at("max_completion_tokens"), 5);
    EXPECT_EQ(received().at("top_p"), 0.5);
    EXPECT_EQ(received().at("temperature"), 1.5);
    EXPECT_EQ(chat(chat_body("s-2", more)).status, 200);
    EXPECT_EQ(received().at("temperature"), 1);
    EXPECT_EQ(received().at("service_tier"), "default");
    upstream.then(Reply::whole(200, message_answer()).tokens(11, 7));
    EXPECT_EQ(chat(chat_body("c-1", R"(,"user":"u")")).status, 200);
    EXPECT_FALSE(received().contains("metadata"));
}

// The caller's body and the one made of it are held at once; both are given back.
TEST_F(Dialects, ATranslatedBodyCountsAgainstTheBound) {
    start_with("", "", "  limits: {body_bytes_in_flight_max: 1048576, body_bytes_max: 1048576}\n");
    auto const text = std::string(600'000, 'x');
    auto const body =
        R"({"model":"%","max_tokens":5,"messages":[{"role":"user","content":")" + text + "\"}]}";
    auto const asking = [&](std::string const& model) {
        auto named = body;
        return named.replace(named.find('%'), 1, model);
    };
    for (int round = 0; round < 2; ++round) {
        auto const refused = chat(asking("c-1"));
        EXPECT_EQ(refused.status, 503) << refused.body;
        EXPECT_EQ(Json::parse(refused.body).at("error").at("code"), "server_is_overloaded");
    }
    EXPECT_EQ(upstream.request_count(), 0U);
    // What a refused one held is let go after its answer was sent.
    auto fits = chat(asking("m-1"));
    for (int i = 0; i < 200 && fits.status == 503; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        fits = chat(asking("m-1"));
    }
    EXPECT_EQ(fits.status, 200) << "as it is, it fits: " << fits.body;
}

TEST_F(Dialects, ModelsAreListedInTheFormTheCallerShows) {
    start_with("  \"m-1\": up\n  \"c-1\": claude\n  \"x-*\": up\n");
    auto headers = with_key();
    auto const plain = Json::parse(ask({"GET", "/v1/models", headers, ""}).body);
    EXPECT_EQ(plain.at("object"), "list");
    EXPECT_EQ(plain.at("data").at(0).at("object"), "model");
    headers.emplace_back("anthropic-version", "2023-06-01");
    auto const shown = Json::parse(ask({"GET", "/v1/models", headers, ""}).body);
    ASSERT_EQ(shown.at("data").size(), 2U);
    EXPECT_EQ(shown.at("data").at(0).at("type"), "model");
    EXPECT_EQ(shown.at("data").at(0).at("created_at").get<std::string>().size(), 24U);
    EXPECT_EQ(shown.at("has_more"), false);
    EXPECT_EQ(shown.at("first_id"), shown.at("data").at(0).at("id"));
    EXPECT_EQ(shown.at("last_id"), shown.at("data").at(1).at("id"));
    auto const one = Json::parse(ask({"GET", "/v1/models/c-1", headers, ""}).body);
    EXPECT_EQ(one.at("type"), "model");
    EXPECT_EQ(one.at("id"), "c-1");
    auto const none = ask({"GET", "/v1/models/nope", headers, ""});
    EXPECT_EQ(none.status, 404);
    EXPECT_EQ(Json::parse(none.body).at("type"), "error");
}

// "n" goes to the target that has it; where none has, the caller is told what to do.
TEST_F(Dialects, ManyChoicesAreRefusedWhereNoTargetHasThem) {
    start_with("  \"c-*\": claude\n  \"b-*\": {tiers: [claude, up]}\n");
    compare_tokens = false;
    auto const refused = chat(chat_body("c-1", R"(,"n":2)"));
    EXPECT_EQ(refused.status, 400);
    EXPECT_NE(refused.body.find("send n separate requests"), std::string::npos) << refused.body;
    EXPECT_EQ(upstream.request_count(), 0U);
    EXPECT_EQ(chat(chat_body("b-1", R"(,"n":2)")).status, 200);
    EXPECT_EQ(upstream.requests().back().target(), "/v1/chat/completions");
    EXPECT_EQ(received().at("n"), 2);
}

TEST_F(Dialects, LogprobsPassAsTheyCameInTheirOwnDialect) {
    start_with();
    compare_tokens = false;
    std::string const body =
        R"({"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"x"},)"
        R"("logprobs":{"content":[{"token":"x", "logprob":-1e-05,"bytes":[120],"top_logprobs":[]}]},"finish_reason":"stop"}]})";
    upstream.then(Reply::whole(200, body));
    EXPECT_EQ(chat(chat_body("m-1", R"(,"logprobs":true,"top_logprobs":2)")).body, body);
    upstream.then(Reply::whole(200, body));
    auto const lost = message(message_body("m-1"));
    EXPECT_EQ(lost.header("x-sluice-losses"), "choices[].logprobs");
}

// The head of a stream goes out before its answer is known; record and metric know better.
TEST_F(Dialects, LossesOfAStreamedAnswerAreRecordedAndCounted) {
    start_with();
    compare_tokens = false;
    // The first `n` frames, and the others when the caller has seen `mark`.
    auto const ask_in_two = [&](std::vector<std::string> const& frames, std::size_t n,
                                Request const& request, std::string_view mark) {
        auto const seen = std::make_shared<Event>();
        auto reply = Reply::chunked();
        for (std::size_t i = 0; i < frames.size(); ++i) {
            if (i == n) reply.wait(seen);
            reply.chunk(frames[i]);
        }
        upstream.then(reply.last_chunk());
        auto const client = begin(request);
        EXPECT_TRUE(client->read_until(mark));
        seen->raise();
        return client->read_answer();
    };
    std::string const lead = R"(data: {"id":"c","model":"m","choices":[)";
    auto request = chat_request(message_body("m-1", R"(,"stream":true,"top_k":3)"));
    request.target = "/v1/messages";
    auto answer =
        ask_in_two({lead + R"({"index":0,"delta":{"role":"assistant","content":"x"}}]})"
                           "\n\n",
                    lead + R"({"index":0,"delta":{"content":"y"},"logprobs":{"content":[]}}]})"
                           "\n\n",
                    lead + R"({"index":1,"delta":{"content":"z"}}]})"
                           "\n\n",
                    lead + R"({"index":0,"delta":{},"finish_reason":"stop"},)"
                           R"({"index":1,"delta":{},"finish_reason":"stop"}]})"
                           "\n\n",
                    done_frame},
                   1, request, "text_delta");
    EXPECT_EQ(answer.header("x-sluice-losses"), "top_k");
    EXPECT_TRUE(answer.body.ends_with("data: {\"type\":\"message_stop\"}\n\n")) << answer.body;
    EXPECT_EQ(last_record().at("losses"),
              Json::parse(R"(["top_k","choices[].logprobs","choices[1..]"])"));
    auto frames = message_stream();
    frames.insert(frames.end() - 2,
                  {event("content_block_start",
                         R"(,"index":1,"content_block":{"type":"server_tool_use","id":"s",)"
                         R"("name":"web_search","input":{}})"),
                   event("content_block_stop", R"(,"index":1)")});
    answer = ask_in_two(frames, 4, chat_request(stream_body("c-1")), "one");
    EXPECT_FALSE(answer.header("x-sluice-losses"));
    EXPECT_TRUE(answer.body.ends_with(done_frame)) << answer.body;
    EXPECT_EQ(last_record().at("losses"), Json::parse(R"(["content[]"])"));
    auto const page = fetch(gateway->admin_port(), {"GET", "/metrics", {}, ""}).body;
    EXPECT_NE(page.find("sluice_losses_total{route=\"m-*\"} 3"), std::string::npos) << page;
    EXPECT_NE(page.find("sluice_losses_total{route=\"c-*\"} 1"), std::string::npos);
}

}  // namespace
}  // namespace sluice::test
