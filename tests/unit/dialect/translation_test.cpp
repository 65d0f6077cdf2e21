// Requests and answers across dialects: what goes in and what must come out, by meaning; and the
// recorded answers of real providers through every translation.
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "dialect/common/collect.hpp"
#include "dialect/common/explode.hpp"
#include "dialect/common/grammar.hpp"
#include "unit/dialect/translate.hpp"

namespace sluice::dialect {
namespace {

TEST(OpenaiToAnthropic, AConversation) {
    auto const sent = to_anthropic(R"({"model":"m","messages":[
        {"role":"system","content":"Be brief."},{"role":"developer","content":"And kind."},
        {"role":"user","content":"Hi \"you\" é"},
        {"role":"assistant","content":"Hello"},
        {"role":"user","content":[{"type":"text","text":"What is it?","cache_control":{"type":"ephemeral"}},
          {"type":"image_url","image_url":{"url":"data:image/jpeg;base64,AAAA"}},
          {"type":"image_url","image_url":{"url":"https://x/y.png","detail":"low"}}]}],
        "max_completion_tokens":50,"temperature":0.5,"top_p":0.9,"stop":["END"," "],"user":"u1",
        "stream":true,"stream_options":{"include_usage":true}})");
    EXPECT_EQ(sent.body, Json::parse(R"({"model":"target","max_tokens":50,
        "system":[{"type":"text","text":"Be brief."},{"type":"text","text":"And kind."}],
        "messages":[{"role":"user","content":"Hi \"you\" é"},{"role":"assistant","content":"Hello"},
          {"role":"user","content":[{"type":"text","text":"What is it?","cache_control":{"type":"ephemeral"}},
            {"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"AAAA"}},
            {"type":"image","source":{"type":"url","url":"https://x/y.png"}}]}],
        "temperature":0.5,"top_p":0.9,"stop_sequences":["END"],"metadata":{"user_id":"u1"},
        "stream":true})"));
    EXPECT_EQ(sent.losses, "image_url.detail, stop");
}

TEST(OpenaiToAnthropic, ToolsInParallelAndTheirResults) {
    auto const sent = to_anthropic(R"({"model":"m","messages":[{"role":"user","content":"weather?"},
        {"role":"assistant","content":null,"tool_calls":[
          {"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":\"\\u00e9\"}"}},
          {"id":"call.2","type":"function","function":{"name":"g","arguments":""}}]},
        {"role":"tool","tool_call_id":"call_1","content":"one"},
        {"role":"tool","tool_call_id":"call.2","content":[{"type":"text","text":"two"}]},
        {"role":"user","content":"and?"}],
        "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}},
                 {"type":"function","function":{"name":"g"}}],
        "tool_choice":"required","parallel_tool_calls":false})");
    EXPECT_EQ(sent.body.at("messages"), Json::parse(R"([
        {"role":"user","content":"weather?"},
        {"role":"assistant","content":[{"type":"tool_use","id":"call_1","name":"f","input":{"a":"é"}},
          {"type":"tool_use","id":"call_2","name":"g","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":"one"},
          {"type":"tool_result","tool_use_id":"call_2","content":"two"},{"type":"text","text":"and?"}]}])"));
    EXPECT_EQ(sent.body.at("tools"), Json::parse(R"([
        {"name":"f","description":"d","input_schema":{"type":"object"},"strict":true},
        {"name":"g","input_schema":{"type":"object","properties":{}}}])"));
    EXPECT_EQ(sent.body.at("tool_choice"),
              Json::parse(R"({"type":"any","disable_parallel_tool_use":true})"));
    EXPECT_EQ(sent.losses, "");
}

TEST(OpenaiToAnthropic, ThoughtsComeBackWithTheirSignatures) {
    auto const sent = to_anthropic(R"({"model":"m","messages":[{"role":"user","content":"q"},
        {"role":"assistant","content":"a","reasoning_content":"hm","reasoning_details":[
          {"type":"reasoning.text","text":"h","format":"anthropic","index":0},
          {"type":"reasoning.text","text":"m","format":"anthropic","index":0},
          {"type":"reasoning.text","signature":"SIG==","format":"anthropic","index":0},
          {"type":"reasoning.encrypted","data":"RED","format":"anthropic","index":1}]},
        {"role":"user","content":"more"}],"reasoning_effort":"high"})");
    EXPECT_EQ(sent.body.at("messages").at(1).at("content"), Json::parse(R"([
        {"type":"thinking","thinking":"hm","signature":"SIG=="},
        {"type":"redacted_thinking","data":"RED"},{"type":"text","text":"a"}])"));
    EXPECT_EQ(sent.body.at("thinking"),
              Json::parse(R"({"type":"adaptive","display":"summarized"})"));
    EXPECT_EQ(sent.body.at("output_config"), Json::parse(R"({"effort":"high"})"));
    EXPECT_EQ(sent.losses, "");
}

TEST(OpenaiToAnthropic, WhatCannotBeCarriedIsNamed) {
    auto const sent =
        to_anthropic(R"({"model":"m","messages":[{"role":"user","name":"bob","content":[
        {"type":"text","text":"x"},{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}],
        "seed":1,"logit_bias":{"1":2},"presence_penalty":0,"temperature":1.5,"logprobs":true})");
    EXPECT_EQ(sent.losses, "messages[].name, input_audio, temperature, seed, logit_bias, logprobs");
    EXPECT_EQ(sent.body.at("temperature"), 1);
    EXPECT_NE(to_anthropic(R"({"model":"m","messages":[],"n":2})").error, "");
}

TEST(OpenaiToAnthropic, AModelsRulesHold) {
    llm::ModelRules rules;
    rules.takes_sampling = false;
    rules.takes_prefill = false;
    rules.output_tokens_max = 64'000;
    auto const sent = to_anthropic(R"({"model":"m","messages":[{"role":"user","content":"q"},
        {"role":"assistant","content":"{"}],"temperature":0.2})",
                                   &rules);
    EXPECT_EQ(sent.body.at("max_tokens"), 64'000);
    EXPECT_FALSE(sent.body.contains("temperature"));
    EXPECT_EQ(sent.body.at("messages").size(), 1U);
    EXPECT_EQ(sent.losses, "messages[] ending with the assistant, temperature");
}

TEST(OpenaiToAnthropic, StructuredOutput) {
    auto const sent = to_anthropic(R"({"model":"m","messages":[{"role":"user","content":"q"}],
        "response_format":{"type":"json_schema","json_schema":{"name":"a","strict":true,"schema":
        {"type":"object","properties":{"pattern":{"type":"string","minLength":1,"format":"uri"},
          "n":{"oneOf":[{"type":"integer","minimum":0},{"type":"null"}]}},"required":["n"]}}}})");
    EXPECT_EQ(sent.body.at("output_config").at("format"),
              Json::parse(R"({"type":"json_schema","schema":
        {"type":"object","properties":{"pattern":{"type":"string","format":"uri"},
          "n":{"anyOf":[{"type":"integer"},{"type":"null"}]}},"required":["n"],
          "additionalProperties":false}})"));
    EXPECT_EQ(sent.losses, "response_format.json_schema.schema");
}

TEST(AnthropicToOpenai, AConversation) {
    auto const sent = to_openai(R"({"model":"c","max_tokens":100,
        "system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],
        "messages":[{"role":"user","content":"hi"},
          {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},
            {"type":"text","text":"let me see"},{"type":"tool_use","id":"toolu_1","name":"f","input":{"q":1}}]},
          {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":[
             {"type":"text","text":"bad"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}}]},
             {"type":"text","text":"go on"}]}],
        "tools":[{"name":"f","description":"d","input_schema":{"type":"object"}}],
        "tool_choice":{"type":"any","disable_parallel_tool_use":true},
        "stop_sequences":["X"],"top_k":5,"metadata":{"user_id":"u"},"stream":true,
        "thinking":{"type":"enabled","budget_tokens":2000}})");
    EXPECT_EQ(sent.body, Json::parse(R"({"model":"target","max_tokens":100,"messages":[
        {"role":"system","content":"Be brief."},{"role":"user","content":"hi"},
        {"role":"assistant","content":"let me see","tool_calls":[
          {"id":"toolu_1","type":"function","function":{"name":"f","arguments":"{\"q\":1}"}}]},
        {"role":"tool","tool_call_id":"toolu_1","content":"bad"},
        {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}},
          {"type":"text","text":"go on"}]}],
        "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}],
        "tool_choice":"required","parallel_tool_calls":false,"stop":["X"],"user":"u",
        "reasoning_effort":"low","stream":true,"stream_options":{"include_usage":true}})"));
    EXPECT_EQ(sent.losses, "cache_control, thinking, tool_result.is_error, top_k");
}

TEST(AnthropicRequests, ThatAreWrongSayWhatToChange) {
    EXPECT_EQ(to_openai(R"({"model":"c","messages":[]})").error,
              "max_tokens: is missing; say how long the answer may be");
    EXPECT_EQ(to_openai(R"({"model":"c","max_tokens":1})").error, "messages: is missing");
    EXPECT_EQ(to_openai(R"({"max_tokens":1,"messages":[]})").error, "model: is missing");
    EXPECT_NE(to_openai(R"({"model":"c","model":"d","max_tokens":1,"messages":[]})").error, "");
}

// A same-dialect round trip through the model loses nothing.
TEST(RoundTrip, ReadAndWriteIsTheIdentity) {
    std::string const openai = R"({"model":"target","messages":[
        {"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"a"},
          {"type":"image_url","image_url":{"url":"data:image/png;base64,AA","detail":"low"}},
          {"type":"input_audio","input_audio":{"data":"AA","format":"wav"}},
          {"type":"file","file":{"filename":"x.pdf","file_data":"data:application/pdf;base64,AA"}}]},
        {"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},
        {"role":"tool","tool_call_id":"1","content":"r"}],
        "max_tokens":5,"temperature":0.1,"stop":["x"],"user":"u","n":2,
        "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"},"strict":true}}],
        "tool_choice":{"type":"function","function":{"name":"f"}}})";
    auto const back = send(openai_chat(), openai_chat(), openai);
    EXPECT_EQ(back.body, Json::parse(openai));
    EXPECT_EQ(back.losses, "");
    std::string const anthropic =
        R"({"model":"target","max_tokens":9000,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],
        "messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA"},"title":"t"},
          {"type":"text","text":"a"}]},
          {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"tool_use","id":"i","name":"n","input":{}}]},
          {"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":[{"type":"image","source":{"type":"url","url":"u"}}],"is_error":true}]}],
        "tools":[{"type":"web_search_20250305","name":"web_search"},{"name":"n","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],
        "thinking":{"type":"enabled","budget_tokens":1024},"container":"c","stream":true})";
    auto back2 = send(anthropic_messages(), anthropic_messages(), anthropic);
    auto expected = Json::parse(anthropic);
    EXPECT_EQ(back2.body.at("messages"), expected.at("messages"));
    EXPECT_EQ(back2.body.at("tools"), expected.at("tools"));
    EXPECT_EQ(back2.body.at("system"), expected.at("system"));
    EXPECT_EQ(back2.body.at("container"), "c");
    EXPECT_EQ(back2.losses, "");
}

// Answers ------------------------------------------------------------------------------------

std::string const anthropic_stream =
    "event: message_start\n"
    R"(data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"usage":{"input_tokens":12,"cache_read_input_tokens":3,"cache_creation_input_tokens":5,"output_tokens":1}}})"
    "\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\nevent: content_block_start\n"
    R"(data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}})"
    "\n\nevent: content_block_delta\n"
    R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}})"
    "\n\nevent: content_block_delta\n"
    R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"Eq=="}})"
    "\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: content_block_start\n"
    R"(data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}})"
    "\n\nevent: content_block_delta\n"
    R"(data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi \"é\""}})"
    "\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
    "event: content_block_start\n"
    R"(data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}})"
    "\n\nevent: content_block_delta\n"
    R"(data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"q\":"}})"
    "\n\nevent: content_block_delta\n"
    R"(data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"1}"}})"
    "\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n"
    "event: content_block_start\n"
    R"(data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_2","name":"g","input":{}}})"
    "\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":3}\n\n"
    "event: message_delta\n"
    R"(data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":42}})"
    "\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

TEST(AnthropicStream, AsOpenaiStream) {
    auto const got =
        translate(anthropic_machines(), openai_machines(), true, true, anthropic_stream);
    ASSERT_FALSE(got.error);
    auto const chunks = data_of(got.text);
    EXPECT_TRUE(got.text.ends_with("data: [DONE]\n\n"));
    std::string content, reasoning, signature, finish;
    std::map<int, std::pair<std::string, std::string>> calls;
    for (auto const& chunk : chunks) {
        EXPECT_EQ(chunk.at("id"), "msg_1");
        EXPECT_EQ(chunk.at("object"), "chat.completion.chunk");
        for (auto const& choice : chunk.at("choices")) {
            auto const& delta = choice.at("delta");
            if (delta.contains("content") && delta["content"].is_string())
                content += delta["content"];
            if (delta.contains("reasoning_content")) reasoning += delta["reasoning_content"];
            if (delta.contains("reasoning_details")) {
                auto const& detail = delta["reasoning_details"][0];
                if (detail.contains("signature")) signature = detail["signature"];
                EXPECT_EQ(detail.at("format"), "anthropic");
            }
            if (delta.contains("tool_calls")) {
                for (auto const& call : delta["tool_calls"]) {
                    auto& known = calls[call.at("index").get<int>()];
                    if (call.contains("id")) known.first = call["id"];
                    known.second += call.at("function").value("arguments", "");
                }
            }
            if (choice.at("finish_reason").is_string()) finish = choice["finish_reason"];
        }
    }
    EXPECT_EQ(content, "Hi \"é\"");
    EXPECT_EQ(reasoning, "hm");
    EXPECT_EQ(signature, "Eq==");
    EXPECT_EQ(finish, "tool_calls");
    ASSERT_EQ(calls.size(), 2U);
    EXPECT_EQ(calls[0], std::make_pair(std::string{"toolu_1"}, std::string{"{\"q\":1}"}));
    EXPECT_EQ(calls[1], std::make_pair(std::string{"toolu_2"}, std::string{"{}"}));
    auto const& usage = chunks.back().at("usage");
    EXPECT_EQ(usage.at("prompt_tokens"), 20);
    EXPECT_EQ(usage.at("completion_tokens"), 42);
    EXPECT_EQ(usage.at("prompt_tokens_details").at("cached_tokens"), 3);
    EXPECT_EQ(got.usage.input, 20);
    EXPECT_EQ(got.usage.cache_write, 5);
}

TEST(AnthropicStream, IsTheSameInEverySplit) {
    auto const whole =
        translate(anthropic_machines(), openai_machines(), true, true, anthropic_stream).text;
    for (std::size_t cut = 1; cut < anthropic_stream.size(); ++cut) {
        auto const got =
            translate(anthropic_machines(), openai_machines(), true, true, anthropic_stream, {cut});
        ASSERT_EQ(got.text, whole) << "cut at " << cut;
    }
}

TEST(AnthropicStream, AsWholeOpenaiAnswer) {
    auto const got =
        translate(anthropic_machines(), openai_machines(), true, false, anthropic_stream);
    ASSERT_FALSE(got.error);
    auto const answer = Json::parse(got.text);
    auto const& message = answer.at("choices").at(0).at("message");
    EXPECT_EQ(message.at("content"), "Hi \"é\"");
    EXPECT_EQ(message.at("reasoning_content"), "hm");
    EXPECT_EQ(message.at("reasoning_details").at(0).at("signature"), "Eq==");
    EXPECT_EQ(message.at("tool_calls").at(0).at("function").at("arguments"), "{\"q\":1}");
    EXPECT_EQ(message.at("tool_calls").at(1).at("function").at("arguments"), "{}");
    EXPECT_EQ(answer.at("usage").at("total_tokens"), 62);
}

std::string const openai_stream =
    chunk(R"({"role":"assistant","content":""})") + chunk(R"({"reasoning_content":"hm"})") +
    chunk(R"({"content":"Hi"})") + chunk(R"({"content":" \"you\""})") +
    chunk(
        R"({"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]})") +
    chunk(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"q\":"}}]})") +
    chunk(R"({"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]})") +
    chunk(
        R"({"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"g","arguments":"{}"}}]})") +
    chunk("{}", "\"tool_calls\"") +
    "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":7,"
    "\"total_tokens\":27,\"prompt_tokens_details\":{\"cached_tokens\":8}}}\n\ndata: [DONE]\n\n";

TEST(OpenaiStream, AsAnthropicStream) {
    auto const got = translate(openai_machines(), anthropic_machines(), true, true, openai_stream);
    ASSERT_FALSE(got.error);
    auto const events = data_of(got.text);
    std::vector<std::string> types;
    for (auto const& event : events) types.push_back(event.at("type"));
    EXPECT_EQ(types, (std::vector<std::string>{
                         "message_start", "content_block_start", "content_block_delta",
                         "content_block_stop", "content_block_start", "content_block_delta",
                         "content_block_delta", "content_block_stop", "content_block_start",
                         "content_block_delta", "content_block_delta", "content_block_stop",
                         "content_block_start", "content_block_delta", "content_block_stop",
                         "message_delta", "message_stop"}));
    EXPECT_EQ(events[1].at("content_block").at("type"), "thinking");
    EXPECT_EQ(events[8].at("content_block"),
              Json::parse(R"({"type":"tool_use","id":"call_1","name":"f","input":{}})"));
    EXPECT_EQ(events[9].at("delta").at("partial_json"), "{\"q\":");
    EXPECT_EQ(events[15].at("delta").at("stop_reason"), "tool_use");
    EXPECT_EQ(events[15].at("usage").at("input_tokens"), 12);
    EXPECT_EQ(events[15].at("usage").at("cache_read_input_tokens"), 8);
    EXPECT_EQ(events[15].at("usage").at("output_tokens"), 7);
    for (std::size_t cut = 1; cut < openai_stream.size(); ++cut) {
        ASSERT_EQ(
            translate(openai_machines(), anthropic_machines(), true, true, openai_stream, {cut})
                .text,
            got.text)
            << "cut at " << cut;
    }
}

TEST(OpenaiStream, CutOrFaultyIsAnError) {
    auto const cut = openai_stream.substr(
        0, openai_stream.find("data: "
                              "{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,"
                              "\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},"));
    auto const got = translate(openai_machines(), anthropic_machines(), true, true, cut);
    ASSERT_TRUE(got.error);
    EXPECT_EQ(got.error->code, ErrorCode::upstream_reset);
    auto const faulty =
        chunk(R"({"content":"x"})") +
        "data: "
        "{\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"code\":null}}\n\n";
    auto const fault = translate(openai_machines(), anthropic_machines(), true, true, faulty);
    ASSERT_TRUE(fault.error);
    EXPECT_EQ(fault.error->code, ErrorCode::upstream_server_error);
    EXPECT_NE(fault.text.find("event: error\n"), std::string::npos);
    EXPECT_EQ(fault.text.find("message_stop"), std::string::npos);
}

TEST(WholeAnswers, BothWays) {
    std::string const anthropic = R"({"id":"msg_1","type":"message","role":"assistant","model":"c",
        "content":[{"type":"thinking","thinking":"t","signature":"S"},{"type":"text","text":"a"},{"type":"text","text":"b"},
        {"type":"tool_use","id":"toolu_1","name":"f","input":{"x":[1,2]}}],"stop_reason":"tool_use","stop_sequence":null,
        "usage":{"input_tokens":1,"cache_read_input_tokens":2,"output_tokens":3}})";
    auto const got = translate(anthropic_machines(), openai_machines(), false, false, anthropic);
    ASSERT_FALSE(got.error);
    auto const answer = Json::parse(got.text);
    EXPECT_EQ(answer.at("choices").at(0).at("message").at("content"), "ab");
    EXPECT_EQ(answer.at("choices").at(0).at("finish_reason"), "tool_calls");
    EXPECT_EQ(Json::parse(answer.at("choices")
                              .at(0)
                              .at("message")
                              .at("tool_calls")
                              .at(0)
                              .at("function")
                              .at("arguments")
                              .get<std::string>()),
              Json::parse(R"({"x":[1,2]})"));
    EXPECT_EQ(answer.at("usage").at("prompt_tokens"), 3);
    auto const back = translate(openai_machines(), anthropic_machines(), false, false, got.text);
    ASSERT_FALSE(back.error);
    auto const again = Json::parse(back.text);
    EXPECT_EQ(again.at("stop_reason"), "tool_use");
    EXPECT_EQ(again.at("usage").at("input_tokens"), 1);
    EXPECT_EQ(again.at("usage").at("cache_read_input_tokens"), 2);
    auto const streamed =
        translate(anthropic_machines(), openai_machines(), false, true, anthropic);
    EXPECT_TRUE(streamed.text.ends_with("data: [DONE]\n\n"));
}

// Recorded ------------------------------------------------------------------------------------

struct Recorded {
    std::string provider, file, body;
    bool stream = false;
};

// From ../shared/data, unpacked by python when present.
std::vector<Recorded> recorded() {
    std::vector<Recorded> all;
    auto const* given = std::getenv("SLUICE_SHARED_DATA");
    std::string const dir = given ? given : std::string{SLUICE_SOURCE_DIR} + "/../shared/data";
    auto const path = dir + "/provider-responses-vercel.jsonl.gz";
    if (!std::ifstream(path).good()) return all;
    auto* pipe = ::popen(("gzip -dc '" + path + "'").c_str(), "r");
    if (!pipe) return all;
    std::string text;
    std::array<char, 65536> buffer{};
    for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
        text.append(buffer.data(), n);
    }
    ::pclose(pipe);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        auto const row = Json::parse(line);
        all.push_back({row.at("provider"), row.at("file"), row.at("body"), row.at("stream")});
    }
    return all;
}

// The recordings hold one event's data a line.
std::string framed(std::string const& body, bool named) {
    std::istringstream lines(body);
    std::string out;
    for (std::string line; std::getline(lines, line);) {
        if (line.empty()) continue;
        if (named && Json::accept(line)) {
            out += "event: " + Json::parse(line).value("type", "") + "\n";
        }
        out += "data: " + line + "\n\n";
    }
    return out;
}

TEST(Recordings, ComeThroughEveryTranslationWellFormed) {
    auto const all = recorded();
    if (all.empty()) GTEST_SKIP() << "no shared data here";
    std::size_t seen = 0;
    for (auto const& row : all) {
        bool const is_anthropic = row.provider == "anthropic";
        bool const is_openai = row.provider == "deepseek" || row.provider == "groq" ||
                               row.provider == "moonshotai" || row.provider == "alibaba" ||
                               row.provider == "openai-compatible" || row.provider == "perplexity";
        if (!is_anthropic && !is_openai) continue;
        SCOPED_TRACE(row.file);
        auto const& from = is_anthropic ? anthropic_machines() : openai_machines();
        auto const& to = is_anthropic ? openai_machines() : anthropic_machines();
        auto const body = row.stream ? framed(row.body, is_anthropic) : row.body;
        for (bool const to_stream : {false, true}) {
            auto const got = translate(from, to, row.stream, to_stream, body);
            if (got.error) {
                EXPECT_EQ(got.error->origin, Origin::upstream) << got.error->message;
                continue;
            }
            ++seen;
            if (to_stream) {
                EXPECT_FALSE(data_of(got.text).empty());
            } else {
                EXPECT_TRUE(Json::accept(got.text)) << got.text;
            }
        }
        if (row.stream) {
            GrammarCheck check;
            auto const events = from.open_events(1 << 20);
            (void)events->feed(body, check);
            if (events->finish(check) && !events->fault()) check.finish();
            EXPECT_EQ(check.breach(), "");
        }
    }
    EXPECT_GT(seen, 60U);
}

TEST(ExplodeAndCollect, AreInverse) {
    auto const got =
        translate(anthropic_machines(), anthropic_machines(), true, false, anthropic_stream);
    auto answer = anthropic_machines().read_answer(got.text);
    ASSERT_TRUE(answer);
    Collector collector(1 << 20);
    GrammarCheck check(&collector);
    explode(*answer, check);
    check.finish();
    EXPECT_EQ(check.breach(), "");
    Losses losses;
    EXPECT_EQ(anthropic_machines().write_answer(collector.take(), {}, losses),
              anthropic_machines().write_answer(*answer, {}, losses));
}

}  // namespace
}  // namespace sluice::dialect
