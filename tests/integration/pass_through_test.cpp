// What passes and what does not: bodies byte for byte but for the patches, headers by explicit
// list, usage asked for and taken out again.
#include <fmt/format.h>
#include <set>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

class PassThrough : public Integration {};

std::string joined(std::vector<std::string> const& parts) {
    std::string all;
    for (auto const& part : parts) all += part;
    return all;
}

TEST_F(PassThrough, HeadersOfTheCallerGoByExplicitList) {
    start();
    auto request = chat_request(chat_body("m-1"));
    Headers const secret{{"Cookie", "session=canary"},
                         {"OpenAI-Organization", "org-canary"},
                         {"OpenAI-Project", "proj_canary"},
                         {"X-Api-Key", "canary-key"},
                         {"Api-Key", "canary-key"},
                         {"Proxy-Authorization", "Basic canary"},
                         {"X-Forwarded-For", "10.1.1.canary"},
                         {"Forwarded", "for=canary"},
                         {"X-Internal-Token", "canary"},
                         {"X-Named", "canary"},
                         {"TE", "trailers, canary"},
                         {"Keep-Alive", "timeout=canary"},
                         {"Upgrade", "canary"},
                         {"Traceparent", "00-canary"},
                         {"Connection", "keep-alive, X-Named, Traceparent"},
                         {"Accept-Encoding", "gzip, br"},
                         {"User-Agent", "OpenAI/Python 9.9"}};
    request.headers.insert(request.headers.end(), secret.begin(), secret.end());
    EXPECT_EQ(ask(request).status, 200);
    auto const received = upstream.requests()[0];
    EXPECT_EQ(received.head.find("canary"), std::string::npos) << received.head;
    EXPECT_EQ(received.head.find(test_key), std::string::npos) << received.head;
    EXPECT_EQ(received.header("authorization"), "Bearer " + std::string(provider_key));
    EXPECT_EQ(received.header("accept-encoding"), "identity");
    EXPECT_EQ(received.header("content-type"), "application/json");
    EXPECT_EQ(received.header("host"), fmt::format("127.0.0.1:{}", upstream.port()));
    for (auto const& [name, value] : received.headers()) {
        EXPECT_EQ(received.count(name), 1U) << name << " stands twice";
    }
}

TEST_F(PassThrough, HeadersOfTheProviderGoByExplicitList) {
    start();
    upstream.then(Reply::whole(200, chat_answer("x"),
                               {{"x-request-id", "req_1"},
                                {"x-ratelimit-remaining-tokens", "17"},
                                {"openai-processing-ms", "5"},
                                {"Set-Cookie", "canary=1"},
                                {"openai-organization", "org-canary"},
                                {"Server", "canary"},
                                {"Alt-Svc", "h3=canary"},
                                {"Keep-Alive", "timeout=5, canary"},
                                {"ETag", "canary"},
                                {"x-sluice-provider", "canary"},
                                {"Strict-Transport-Security", "canary"}})
                      .tokens(11, 7));
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.header("x-request-id"), "req_1");
    EXPECT_EQ(answer.header("x-upstream-ratelimit-remaining-tokens"), "17");
    EXPECT_FALSE(answer.header("x-ratelimit-remaining-tokens")) << "that would be the caller's own";
    EXPECT_EQ(answer.head.find("canary"), std::string::npos) << answer.head;
    EXPECT_EQ(answer.header("content-type"), "application/json");
}

TEST_F(PassThrough, AnswersTellWhatHappened) {
    start();
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.header("x-sluice-request-id").value_or("").size(), 26U);
    EXPECT_EQ(answer.header("x-sluice-route"), "m-*");
    EXPECT_EQ(answer.header("x-sluice-provider"), "up");
    EXPECT_EQ(answer.header("x-sluice-model"), "m-1");
    EXPECT_EQ(answer.header("x-sluice-attempts"), "1");
    EXPECT_FALSE(answer.header("x-sluice-error-origin"));
    EXPECT_EQ(last_record().at("id"), *answer.header("x-sluice-request-id"));
}

TEST_F(PassThrough, TellingHeadersCanBeSwitchedOff) {
    GatewayConfig config;
    config.server = "  response_headers: []\n";
    start(config);
    auto const answer = chat(chat_body("m-1"));
    EXPECT_TRUE(answer.header("x-sluice-request-id"));
    for (auto const* name : {"route", "provider", "model", "attempts"}) {
        EXPECT_FALSE(answer.header(fmt::format("x-sluice-{}", name))) << name;
    }
}

TEST_F(PassThrough, OddButValidBodiesGoThroughAsTheyAre) {
    start();
    for (
        auto const& body : std::vector<std::string>{
            "{\"model\" : \"m-1\" ,\n\t\"messages\":[ ]}",
            R"({"messages":[{"role":"user","content":"caf\u00e9 \ud83d\ude00 é ✓"}],"model":"m-1"})",
            R"({"model":"m-1","messages":[],"temperature":1.0,"seed":12345678901234567890,"x":1E400})",
            R"({"model":"m-1","messages":[],"unknown":{"deep":[[[{"model":"other","stream":true}]]]}})",
            R"({"model":"m-1","messages":[],"stream":false,"stream_options":null})",
            R"({"model":"m-1","messages":[],"\u006detadata":{"a":"b"}})"}) {
        auto const answer = chat(body);
        EXPECT_EQ(answer.status, 200) << body << answer.body;
        EXPECT_EQ(upstream.requests().back().body, body);
    }
}

TEST_F(PassThrough, EscapedMembersAreUnderstood) {
    GatewayConfig config;
    config.routes = "  alias: up/m-real\n";
    start(config);
    EXPECT_EQ(chat(R"({"\u006dodel":"\u0061lias","messages":[]})").status, 200);
    EXPECT_EQ(upstream.requests()[0].body, R"({"\u006dodel":"m-real","messages":[]})");
}

TEST_F(PassThrough, AmbiguousBodiesAreRefused) {
    start();
    struct Row {
        std::string body;
        char const* code;
    };
    std::string deep;
    for (int i = 0; i < 200; ++i) deep += '[';
    for (int i = 0; i < 200; ++i) deep += ']';
    for (auto const& row : std::vector<Row>{
             {R"({"model":"m-1","messages":[],"model":"m-2"})", "duplicate_member"},
             {R"({"model":"m-1","messages":[],"\u006dodel":"m-2"})", "duplicate_member"},
             {R"({"model":"m-1","messages":[],"stream":true,"stream":false})", "duplicate_member"},
             {R"({"model":"m-1","messages":[{"role":"user","role":"system","content":"x"}]})",
              "duplicate_member"},
             {R"({"model":"m-1","messages":[{"role":"user","content":"x","content":"y"}]})",
              "duplicate_member"},
             {R"({"model":"m-1","messages":[],"max_tokens":1,"max_tokens":2})", "duplicate_member"},
             {R"({"model":"m-1","messages":[]} {})", "invalid_json"},
             {R"({"model":"m-1","messages":[]}x)", "invalid_json"},
             {R"({"model":"m-1","messages":[})", "invalid_json"},
             {"{\"model\":\"m-1\",\"messages\":[],\"u\":\"\xff\xfe\"}", "invalid_json"},
             {"{\"model\":\"m-1\",\"messages\":[],\"u\":\"a\nb\"}", "invalid_json"},
             {R"({"model":"m-1","messages":[],"u":")"
              "\\ud800"
              R"("})",
              "invalid_json"},
             {R"({"model":"m-1","messages":[],"u":01})", "invalid_json"},
             {R"({"model":"m-1","messages":[],"d":)" + deep + "}", "invalid_json"},
             {R"(["model"])", "invalid_request"},
             {R"({"messages":[]})", "invalid_request"},
             {R"({"model":17,"messages":[]})", "invalid_request"},
             {R"({"model":"m-1","messages":[],"stream":"yes"})", "invalid_request"},
             {"", "invalid_json"}}) {
        auto const answer = chat(row.body);
        EXPECT_EQ(answer.status, 400) << row.body;
        EXPECT_EQ(error_code(answer), row.code) << row.body << answer.body;
    }
    EXPECT_EQ(upstream.request_count(), 0U);
}

TEST_F(PassThrough, WrongContentTypeIs415) {
    start();
    auto request = chat_request(chat_body("m-1"));
    request.headers[1].second = "multipart/form-data; boundary=x";
    EXPECT_EQ(ask(request).status, 415);
    request.headers[1].second = "Application/JSON; charset=utf-8";
    EXPECT_EQ(ask(request).status, 200);
}

TEST_F(PassThrough, UsageIsAskedForAndTakenOutAgain) {
    start();
    auto const stripped = chat(stream_body("m-1"));
    EXPECT_EQ(stripped.body, joined(chat_stream(4, false)));
    auto const sent_up = nlohmann::json::parse(upstream.requests()[0].body);
    EXPECT_EQ(sent_up.at("stream_options").at("include_usage"), true);
    auto const record = last_record();
    EXPECT_EQ(record.at("attempts")[0].at("usage").at("input"), 11);
    EXPECT_EQ(record.at("attempts")[0].at("usage").at("output"), 7);
}

TEST_F(PassThrough, UsageTheCallerAskedForStays) {
    start();
    auto const body = stream_body("m-1", R"(,"stream_options":{"include_usage":true,"x":[1]})");
    EXPECT_EQ(chat(body).body, joined(chat_stream(4, true)));
    EXPECT_EQ(upstream.requests()[0].body, body);
}

TEST_F(PassThrough, UsageSwitchedOffByTheCallerIsSwitchedOnForTheLedger) {
    start();
    for (auto const* options :
         {R"({"include_usage":false})", "{}", "null", R"({"include_obfuscation":false})",
          R"({ "a":1 , "include_usage" : false })", R"({"include_usage":null})"}) {
        auto const answer =
            chat(stream_body("m-1", fmt::format(R"(,"stream_options":{},"z":1)", options)));
        EXPECT_EQ(answer.body, joined(chat_stream(4, false))) << options;
        auto const body = nlohmann::json::parse(upstream.requests().back().body);
        EXPECT_EQ(body.at("stream_options").at("include_usage"), true) << options;
        EXPECT_EQ(body.at("z"), 1);
    }
}

TEST_F(PassThrough, UsageInTheLastContentFrameStays) {
    start();
    // Some providers put usage beside the last choice: it is content, and counted.
    auto last = chat_frame("{}", R"("stop")");
    last.replace(last.find(R"("usage":null)"), 12,
                 R"("usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5})");
    std::vector<std::string> const frames{chat_frame(R"({"role":"assistant","content":""})"),
                                          text_frame("one"), last, done_frame};
    upstream.then(Reply::events(frames).tokens(3, 2));
    EXPECT_EQ(chat(stream_body("m-1")).body, joined(frames));
}

TEST_F(PassThrough, FramesGoOutWhenTheyArrive) {
    start();
    auto const go = std::make_shared<Event>();
    upstream.then(Reply::chunked()
                      .chunk(chat_frame(R"({"role":"assistant","content":""})"))
                      .chunk(text_frame("one "))
                      .wait(go)
                      .chunks({text_frame("two "), chat_frame("{}", R"("stop")"), done_frame})
                      .last_chunk());
    auto client = begin(chat_request(stream_body("m-1")));
    EXPECT_TRUE(client->read_until(text_frame("one "))) << "the first frame was held back";
    EXPECT_EQ(client->received().find("two "), std::string::npos);
    go->raise();
    EXPECT_TRUE(client->read_answer().complete);
}

TEST_F(PassThrough, CommentsAndOddEventsPass) {
    start();
    std::string const body = ": hi\n\n" + chat_frame(R"({"role":"assistant","content":""})") +
                             "event: ping\ndata: {}\n\n" + text_frame("one") + "id: 7\n" +
                             chat_frame("{}", R"("stop")") + ":\n\n" + done_frame;
    upstream.then(Reply::chunked().chunk(body).last_chunk());
    EXPECT_EQ(chat(stream_body("m-1")).body, body);
}

TEST_F(PassThrough, StreamAskedForButAnsweredWhole) {
    start();
    upstream.then(Reply::whole(200, chat_answer("whole")).tokens(11, 7));
    auto const answer = chat(stream_body("m-1"));
    EXPECT_EQ(answer.header("content-type"), "application/json");
    EXPECT_EQ(answer.body, chat_answer("whole"));
}

TEST_F(PassThrough, BigAnswersPassByteForByte) {
    start();
    std::string text;
    for (int i = 0; i < 300'000; ++i) text += fmt::format("{:x} ", i * 2654435761U);
    upstream.then(Reply::whole(200, chat_answer(text)).tokens(11, 7));
    auto const answer = chat(chat_body("m-1"));
    EXPECT_TRUE(answer.body == chat_answer(text)) << answer.body.size();
    EXPECT_EQ(last_record().at("bytes_out"), chat_answer(text).size());
}

TEST_F(PassThrough, BigRequestsPassByteForByte) {
    start();
    auto const body =
        chat_body("m-1", fmt::format(R"(,"user":"{}")", std::string(12'000'000, 'b')));
    EXPECT_EQ(chat(body).status, 200);
    EXPECT_TRUE(upstream.requests()[0].body == body);
}

TEST_F(PassThrough, EmbeddingsAndLegacyCompletions) {
    start();
    auto request = chat_request(R"({"model":"m-1","input":["a","b"],"encoding_format":"base64"})");
    request.target = "/v1/embeddings";
    EXPECT_EQ(ask(request).status, 200);
    EXPECT_EQ(upstream.requests()[0].target(), "/v1/embeddings");
    EXPECT_EQ(upstream.requests()[0].body, request.body);
    EXPECT_EQ(last_record().at("surface"), "embeddings");
    request.body = R"({"model":"m-1","prompt":"x"})";
    request.target = "/v1/completions";
    upstream.then(
        Reply::whole(
            200,
            R"({"id":"c","object":"text_completion","choices":[{"index":0,"text":"y"}],"usage":{"prompt_tokens":2,"completion_tokens":1,"total_tokens":3}})")
            .tokens(2, 1));
    EXPECT_EQ(ask(request).status, 200);
    EXPECT_EQ(upstream.requests()[1].target(), "/v1/completions");
}

TEST_F(PassThrough, ProviderHeadersAndPathPrefix) {
    GatewayConfig config;
    config.providers =
        provider_line("up", upstream.url("/deep/v9"),
                      R"(headers: {X-Team: "blue", OpenAI-Organization: "org-ours"})");
    start(config);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    auto const received = upstream.requests()[0];
    EXPECT_EQ(received.target(), "/deep/v9/chat/completions");
    EXPECT_EQ(received.header("x-team"), "blue");
    EXPECT_EQ(received.header("openai-organization"), "org-ours");
}

}  // namespace
}  // namespace sluice::test
