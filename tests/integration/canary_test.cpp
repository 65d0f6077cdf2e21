// Canaries: a secret and a sentence go into every part of requests, keys and provider answers; no
// log, ledger, metric, trace, admin page or error of ours may hold one. What is recorded by design
// (the end user's name of `user`, tags, the model asked for) carries no canary here; see
// docs/guide/observe.md.
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include "base/log.hpp"
#include "integration/fixture.hpp"
#include "support/certificates.hpp"

namespace sluice::test {
namespace {

constexpr std::string_view secret = "sk-canary-4b1d97e2c0aa";
constexpr std::string_view sentence = "the heron counts nine copper bells";

std::string text_of(std::filesystem::path const& path) {
    std::ifstream in(path);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

// Standard error into a file while it lives, with the process log at its chattiest.
class CapturedLog {
  public:
    explicit CapturedLog(std::filesystem::path path) : path_(std::move(path)) {
        saved_ = ::dup(STDERR_FILENO);
        int const fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        ::dup2(fd, STDERR_FILENO);
        ::close(fd);
        log::start(log::Level::debug, true);
    }
    ~CapturedLog() { end(); }
    std::string end() {
        if (saved_ >= 0) {
            log::stop();
            ::dup2(saved_, STDERR_FILENO);
            ::close(std::exchange(saved_, -1));
        }
        return text_of(path_);
    }

  private:
    std::filesystem::path path_;
    int saved_ = -1;
};

class Canary : public Integration {
  protected:
    void SetUp() override {
        collector.answer_with([](Received const&) { return Reply::whole(200, "{}"); });
    }
    void TearDown() override {
        Integration::TearDown();
        std::error_code ignored;
        std::filesystem::remove_all(dir, ignored);
    }

    void start_with(std::string_view format) {
        GatewayConfig config;
        config.keys =
            fmt::format("  team:\n    keys: {{app: {{value: {}}}, marked: {{value: {}-caller}}}}\n",
                        test_key, secret);
        config.providers = provider_line("up", upstream.url(),
                                         fmt::format("headers: {{x-extra: \"{}-header\"}}", secret),
                                         fmt::format("{{main: {{value: {}-provider}}}}", secret));
        config.telemetry = fmt::format(
            "  access_log: {{format: {}, path: \"{}\"}}\n"
            "  traces: {{endpoint: \"http://127.0.0.1:{}\", propagate: true,\n"
            "            headers: {{authorization: \"Bearer {}-collector\"}}}}\n",
            format, (dir / "access.log").string(), collector.port(), secret);
        start(config);
    }

    // What may hold no canary: name -> content.
    void keep(std::string name, std::string content) {
        sinks.emplace_back(std::move(name), std::move(content));
    }
    // An answer that is ours: its head may hold none either.
    void keep(std::string name, Answer const& answer) {
        keep(std::move(name), answer.head + answer.body);
    }

    void walk_the_admin_pages() {
        for (auto const* path :
             {"/metrics", "/healthz", "/readyz", "/admin/routes", "/admin/config",
              "/admin/providers", "/admin/usage", "/admin/usage?by=user", "/admin/no-such"}) {
            keep(path, fetch(gateway->admin_port(), {"GET", path, {}, ""}));
        }
    }

    void search() {
        gateway->stop();
        for (auto const& entry : std::filesystem::recursive_directory_iterator(gateway->dir())) {
            // The configuration itself is no sink.
            if (entry.path() == gateway->config_path()) continue;
            if (entry.is_regular_file()) keep(entry.path().filename(), text_of(entry.path()));
        }
        auto const access = text_of(dir / "access.log");
        EXPECT_FALSE(access.empty());
        keep("access log", access);
        auto const process = captured.end();
        EXPECT_NE(process.find("request "), process.npos) << "the process log was not captured";
        keep("process log", process);
        EXPECT_GT(collector.request_count(), 0U);
        for (auto const& request : collector.requests()) keep("trace", request.body);
        for (auto const& [name, content] : sinks) {
            EXPECT_EQ(content.find(secret), content.npos) << "the secret is in: " << name;
            EXPECT_EQ(content.find(sentence), content.npos) << "the sentence is in: " << name;
        }
        EXPECT_GT(sinks.size(), 10U);
    }

    Answer say(std::string const& body, std::string_view key = test_key) {
        return ask({"POST", "/v1/chat/completions", with_key(key), body});
    }

    std::filesystem::path dir = make_temp_dir();
    FakeUpstream collector;
    CapturedLog captured{dir / "process.log"};
    std::vector<std::pair<std::string, std::string>> sinks;
};

std::string marked() { return fmt::format("{} {}", secret, sentence); }

// A request with canaries wherever text may stand.
std::string marked_body(std::string_view more = {}) {
    return fmt::format(
        R"({{"model":"m-1","messages":[{{"role":"system","content":"{0}"}},)"
        R"({{"role":"user","name":"a","content":[{{"type":"text","text":"{0}"}}]}},)"
        R"({{"role":"assistant","content":null,"tool_calls":[{{"id":"c1","type":"function",)"
        R"("function":{{"name":"look","arguments":"{{\"q\":\"{0}\"}}"}}}}]}},)"
        R"({{"role":"tool","tool_call_id":"c1","content":"{0}"}}],)"
        R"("tools":[{{"type":"function","function":{{"name":"look","description":"{0}",)"
        R"("parameters":{{"type":"object"}}}}}}],"stop":["{0}"],"user":"u-1"{1}}})",
        marked(), more);
}

TEST_F(Canary, InRequestsAndAnswers) {
    start_with("json");
    upstream.then(Reply::whole(200, chat_answer(marked()), {{"x-request-id", "r"}}));
    EXPECT_NE(say(marked_body()).body.find(sentence), std::string::npos) << "the answer is theirs";
    auto frames = chat_stream(3);
    frames.insert(frames.begin() + 1, text_frame(marked()));
    upstream.then(Reply::events(frames).tokens(11, 7));
    EXPECT_EQ(say(marked_body(R"(,"stream":true)")).status, 200);
    walk_the_admin_pages();
    compare_tokens = false;
    search();
}

TEST_F(Canary, InWhatAProviderSaysWhenItFails) {
    start_with("text");
    Headers const headers = {{"x-debug", marked()}, {"www-authenticate", marked()}};
    // Each is tried, and tried again: the caller gets an error of ours.
    for (int const status : {500, 503, 429, 401, 403}) {
        upstream.answer_with(
            [&, status](Received const&) { return Reply::error(status, "x", marked(), headers); });
        keep(fmt::format("error after {}", status), say(marked_body()));
    }
    for (auto const* broken : {"garbage", R"({"error":{"message":")", R"({"choices":[)"}) {
        upstream.answer_with([&, broken](Received const&) {
            return Reply::whole(200, std::string(broken) + marked());
        });
        keep("garbage", say(marked_body()));
    }
    upstream.answer_with(
        [&](Received const&) { return Reply::raw("HTTP/1.1 200 OK\r\n" + marked() + "\r\n\r\n"); });
    keep("broken head", say(marked_body()));
    walk_the_admin_pages();
    compare_tokens = false;
    search();
}

// A provider's refusal of this very request goes to this caller as it came, and nowhere else.
TEST_F(Canary, InARefusalThatIsPassedOn) {
    start_with("json");
    upstream.then(Reply::error(400, "context_length_exceeded", marked()));
    auto const answer = say(marked_body());
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.body.find(sentence), std::string::npos);
    auto frames = chat_stream(2, false);
    frames[2] = "data: {\"error\":{\"message\":\"" + marked() + "\"}}\n\n";
    upstream.then(Reply::events(frames));
    EXPECT_EQ(say(marked_body(R"(,"stream":true)")).status, 200);
    walk_the_admin_pages();
    compare_tokens = false;
    search();
}

TEST_F(Canary, InKeysRightAndWrong) {
    start_with("json");
    EXPECT_EQ(say(chat_body("m-1"), std::string(secret) + "-caller").status, 200);
    keep("wrong key", say(marked_body(), std::string(secret) + "-wrong"));
    for (auto const* name : {"x-api-key", "api-key", "Cookie", "Authorization"}) {
        keep(name, ask({"POST",
                        "/v1/chat/completions",
                        {{name, marked()}, {"Content-Type", "application/json"}},
                        marked_body()}));
    }
    // In a place that is no header of ours, and in one that is not well formed.
    keep("query", ask({"POST",
                       fmt::format("/v1/chat/completions?key={}", secret),
                       {{"Content-Type", "application/json"}},
                       marked_body()}));
    keep("traceparent", ask({"POST",
                             "/v1/chat/completions",
                             {{"Authorization", std::string("Bearer ") + test_key},
                              {"Content-Type", "application/json"},
                              {"traceparent", marked()},
                              {"tracestate", marked()},
                              {"x-request-id", marked()}},
                             "{\"model\":\"m-1\",\"messages\":[" + marked()}));
    walk_the_admin_pages();
    search();
}

TEST_F(Canary, InBodiesThatAreRefused) {
    start_with("text");
    for (auto const& body : {"{\"model\":\"m-1\",\"messages\":\"" + marked() + "\"}", marked(),
                             "{\"model\":\"m-1\",\"model\":\"" + marked() + "\"}",
                             "{\"model\":{\"x\":\"" + marked() + "\"}}",
                             "{\"model\":\"m-1\",\"messages\":[],\"n\":\"" + marked() + "\"}",
                             "{\"" + marked() + "\":1}"}) {
        auto const answer = say(body);
        if (answer.status != 200) keep("refusal", answer);
    }
    auto typed = chat_request(marked_body());
    typed.headers = {{"Authorization", std::string("Bearer ") + test_key},
                     {"Content-Type", "text/" + std::string(secret)}};
    keep("type", ask(typed));
    typed.headers[1] = {"Content-Encoding", std::string(secret)};
    keep("encoding", ask(typed));
    walk_the_admin_pages();
    compare_tokens = false;
    search();
}

}  // namespace
}  // namespace sluice::test
