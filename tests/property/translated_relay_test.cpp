// Answers of the other dialect through the running relay: however the provider's bytes are cut on
// their way, the caller gets the same bytes; and what was used is told and booked as it was.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>
#include <regex>

#include "support/gateway.hpp"

namespace sluice::test {
namespace {

using Json = nlohmann::json;

std::string event(std::string_view type, std::string_view rest = "") {
    return fmt::format("event: {0}\ndata: {{\"type\":\"{0}\"{1}}}\n\n", type, rest);
}

// Thoughts with a signature, escapes, two calls, one without arguments.
std::string const message_stream =
    event(
        "message_start",
        R"(,"message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"usage":{"input_tokens":12,"cache_read_input_tokens":3,"cache_creation_input_tokens":5,"output_tokens":1}})") +
    event("content_block_start",
          R"(,"index":0,"content_block":{"type":"thinking","thinking":"","signature":""})") +
    event("content_block_delta",
          R"(,"index":0,"delta":{"type":"thinking_delta","thinking":"h\nm"})") +
    event("content_block_delta",
          R"(,"index":0,"delta":{"type":"signature_delta","signature":"Eq"})") +
    event("content_block_stop", R"(,"index":0)") + event("ping") +
    event("content_block_start", R"(,"index":1,"content_block":{"type":"text","text":""})") +
    event("content_block_delta", R"(,"index":1,"delta":{"type":"text_delta","text":"é \"x\""})") +
    event("content_block_stop", R"(,"index":1)") +
    event("content_block_start",
          R"(,"index":2,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}})") +
    event("content_block_delta",
          R"(,"index":2,"delta":{"type":"input_json_delta","partial_json":"{\"q\":1}"})") +
    event("content_block_stop", R"(,"index":2)") +
    event("content_block_start",
          R"(,"index":3,"content_block":{"type":"tool_use","id":"t2","name":"g","input":{}})") +
    event("content_block_stop", R"(,"index":3)") +
    event(
        "message_delta",
        R"(,"delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":42})") +
    event("message_stop");

// Fragments of two calls are mixed.
std::string const chunk_stream =
    chat_frame(R"({"role":"assistant","content":""})") +
    chat_frame(R"({"reasoning_content":"hm"})") + chat_frame(R"({"content":"é \"x\""})") +
    chat_frame(
        R"({"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]})") +
    chat_frame(
        R"({"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":"{\"r"}}]})") +
    chat_frame(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"q\":1}"}}]})") +
    chat_frame(R"({"tool_calls":[{"index":1,"function":{"arguments":"\":2}"}}]})") +
    chat_frame("{}", "\"tool_calls\"") + usage_frame(20, 7) + done_frame;

std::string const short_message_stream =
    event("message_start", R"(,"message":{"id":"m","model":"c","content":[]})") +
    event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})") +
    event("content_block_delta", R"(,"index":0,"delta":{"type":"text_delta","text":"é\n"})") +
    event("message_delta", R"(,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2})") +
    event("message_stop");
std::string const short_chunk_stream =
    "data: "
    "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"é\\n\"}}]}"
    "\n\n"
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,"
    "\"completion_tokens\":2}}\n\n" +
    done_frame;

class TranslatedRelay : public testing::Test {
  protected:
    void SetUp() override {
        GatewayConfig config;
        config.defaults = "retry: {attempts_max: 1}, health: {failures_in_a_row: 0}";
        config.providers =
            provider_line("up", upstream.url()) +
            fmt::format(
                "  claude: {{kind: anthropic_compatible, base_url: \"{}\", keys: {{main: "
                "{{value: sk-claude-credential-1}}}}}}\n",
                upstream.url());
        config.routes = "  \"m-*\": up\n  \"c-*\": claude\n";
        gateway = std::make_unique<Gateway>(config, upstream);
    }
    void TearDown() override {
        EXPECT_TRUE(gateway->wait_until_quiet());
        gateway->stop();
        EXPECT_EQ(gateway->records().size(), sent);
        EXPECT_TRUE(upstream.wait_for_open(0));
    }

    // `to_anthropic`: the provider speaks it, the caller does not; or the other way round.
    Request request(bool to_anthropic, bool stream) {
        if (to_anthropic) {
            return chat_request(
                stream ? stream_body("c-1", R"(,"stream_options":{"include_usage":true})")
                       : chat_body("c-1"));
        }
        auto asked = chat_request(fmt::format(
            R"({{"model":"m-1","max_tokens":9,"messages":[{{"role":"user","content":"q"}}],"stream":{}}})",
            stream));
        asked.target = "/v1/messages";
        return asked;
    }

    // The body in transfer chunks of the given sizes (the last one repeats), written apart.
    std::string get(bool to_anthropic, bool stream, std::string_view body,
                    std::vector<std::size_t> const& sizes) {
        auto reply = Reply::chunked(200, {}, stream ? "text/event-stream" : "application/json");
        for (std::size_t n = 0; !body.empty(); ++n) {
            auto const size = std::min(body.size(), sizes[std::min(n, sizes.size() - 1)]);
            reply.chunk(body.substr(0, size));
            if (sizes.size() < 3 && size > 1) reply.pause(milliseconds{1});
            body.remove_prefix(size);
        }
        upstream.then(reply.in_pieces(1, std::size_t{1} << 20).last_chunk());
        ++sent;
        auto const answer = fetch(gateway->port(), request(to_anthropic, stream));
        EXPECT_EQ(answer.status, 200) << answer.body;
        EXPECT_TRUE(answer.complete);
        static std::regex const created("\"created\":[0-9]+");
        return std::regex_replace(answer.body, created, "\"created\":0");
    }

    FakeUpstream upstream;
    std::unique_ptr<Gateway> gateway;
    std::size_t sent = 0;
};

TEST_F(TranslatedRelay, StreamsAreTheSameByteByByteAndInRandomSplits) {
    std::mt19937 random(7);
    for (bool const to_anthropic : {true, false}) {
        SCOPED_TRACE(to_anthropic ? "anthropic provider" : "openai provider");
        auto const& body = to_anthropic ? message_stream : chunk_stream;
        auto const whole = get(to_anthropic, true, body, {body.size()});
        EXPECT_NE(whole.find(R"(é \"x\")"), whole.npos);
        EXPECT_NE(whole.find(to_anthropic ? "[DONE]" : "message_stop"), whole.npos);
        ASSERT_EQ(get(to_anthropic, true, body, {1}), whole);
        for (int round = 0; round < 200; ++round) {
            std::vector<std::size_t> sizes(3 + random() % 12);
            for (auto& size : sizes) size = 1 + random() % (body.size() / 3);
            ASSERT_EQ(get(to_anthropic, true, body, sizes), whole) << "round " << round;
        }
    }
}

TEST_F(TranslatedRelay, ShortStreamsAreTheSameInEveryTwoWaySplit) {
    for (bool const to_anthropic : {true, false}) {
        auto const& body = to_anthropic ? short_message_stream : short_chunk_stream;
        auto const whole = get(to_anthropic, true, body, {body.size()});
        for (std::size_t cut = 1; cut < body.size(); ++cut) {
            ASSERT_EQ(get(to_anthropic, true, body, {cut, body.size()}), whole) << "cut at " << cut;
        }
    }
}

TEST_F(TranslatedRelay, WholeAnswersAreTheSameByteByByteAndInRandomSplits) {
    std::string const message =
        R"({"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"é\n"},{"type":"tool_use","id":"t","name":"f","input":{"a":[1]}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":4}})";
    std::mt19937 random(9);
    for (bool const to_anthropic : {true, false}) {
        auto const body = to_anthropic ? message : chat_answer("é");
        auto const whole = get(to_anthropic, false, body, {body.size()});
        EXPECT_TRUE(Json::accept(whole)) << whole;
        ASSERT_EQ(get(to_anthropic, false, body, {1}), whole);
        for (int round = 0; round < 50; ++round) {
            std::vector<std::size_t> sizes(3 + random() % 12);
            for (auto& size : sizes) size = 1 + random() % (body.size() / 3);
            ASSERT_EQ(get(to_anthropic, false, body, sizes), whole) << "round " << round;
        }
    }
}

// Both conventions: OpenAI's totals hold what was cached, Anthropic's do not.
struct Used {
    std::int64_t plain, cache_read, cache_write, output, thinking;
    [[nodiscard]] std::int64_t input() const { return plain + cache_read + cache_write; }
    [[nodiscard]] Json anthropic() const {
        return {{"input_tokens", plain},
                {"cache_read_input_tokens", cache_read},
                {"cache_creation_input_tokens", cache_write},
                {"output_tokens", output},
                {"output_tokens_details", {{"thinking_tokens", thinking}}}};
    }
    [[nodiscard]] Json openai() const {
        return {{"prompt_tokens", input()},
                {"completion_tokens", output},
                {"total_tokens", input() + output},
                {"prompt_tokens_details",
                 {{"cached_tokens", cache_read}, {"cache_write_tokens", cache_write}}},
                {"completion_tokens_details", {{"reasoning_tokens", thinking}}}};
    }
};

TEST_F(TranslatedRelay, UsageInIsUsageOut) {
    std::mt19937 random(3);
    auto const any = [&random](unsigned most) {
        return static_cast<std::int64_t>(random() % most);
    };
    std::vector<Used> rows{{1, 0, 0, 0, 0}, {0, 100, 0, 1, 0}, {7, 3, 5, 42, 40}};
    for (int n = 0; n < 20; ++n) {
        auto const output = any(5000);
        rows.push_back({any(100'000), any(100'000), any(9000), output,
                        output == 0 ? 0 : any(static_cast<unsigned>(output))});
    }
    for (auto const& used : rows) {
        for (bool const to_anthropic : {true, false}) {
            for (bool const stream : {true, false}) {
                auto const told = to_anthropic ? used.anthropic() : used.openai();
                std::string body;
                if (to_anthropic && stream) {
                    body = event("message_start", R"(,"message":{"id":"m","model":"c"})") +
                           event("message_delta",
                                 R"(,"delta":{"stop_reason":"end_turn"},"usage":)" + told.dump()) +
                           event("message_stop");
                } else if (to_anthropic) {
                    body = R"({"type":"message","content":[],"stop_reason":"end_turn","usage":)" +
                           told.dump() + "}";
                } else if (stream) {
                    body = chat_frame("{}", "\"stop\"") +
                           "data: {\"choices\":[],\"usage\":" + told.dump() + "}\n\n" + done_frame;
                } else {
                    body =
                        R"({"choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}],"usage":)" +
                        told.dump() + "}";
                }
                auto const answer = get(to_anthropic, stream, body, {body.size()});
                SCOPED_TRACE(answer);
                auto const at = answer.rfind("\"usage\":{");
                ASSERT_NE(at, answer.npos);
                auto const from = at + 8;
                int depth = 0;
                auto end = from;
                do {
                    depth += answer[end] == '{' ? 1 : answer[end] == '}' ? -1 : 0;
                } while (depth > 0 && ++end < answer.size());
                auto const got = Json::parse(answer.substr(from, end + 1 - from));
                auto const wanted = to_anthropic ? used.openai() : used.anthropic();
                for (auto const& [name, value] : wanted.items()) {
                    if (value.is_number()) {
                        EXPECT_EQ(got.at(name), value) << name;
                        continue;
                    }
                    for (auto const& [inner, count] : value.items()) {
                        EXPECT_EQ(got.value(name, Json::object()).value(inner, 0), count) << inner;
                    }
                }
                auto const record = gateway->wait_for_records(sent).back().at("usage");
                EXPECT_EQ(record.at("input"), used.input());
                EXPECT_EQ(record.at("output"), used.output);
                EXPECT_EQ(record.at("cache_read"), used.cache_read);
                EXPECT_EQ(record.at("cache_write"), used.cache_write);
                if (HasFailure()) return;
            }
        }
    }
}

}  // namespace
}  // namespace sluice::test
