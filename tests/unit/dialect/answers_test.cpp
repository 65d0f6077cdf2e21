// What answers say across dialects, word by word: stop reasons, tiers, sources, tool calls,
// thoughts.
#include "unit/dialect/translate.hpp"

namespace sluice::dialect {
namespace {

// Words, both ways ---------------------------------------------------------------------------

std::string whole_openai(std::string const& finish, std::string const& message) {
    return R"({"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":)" +
           message + R"(,"finish_reason":")" + finish + R"("}]})";
}
std::string whole_anthropic(std::string const& stop, std::string const& content = "[]") {
    return R"({"id":"msg_1","type":"message","role":"assistant","model":"c","content":)" + content +
           R"(,"stop_reason":")" + stop +
           R"(","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}})";
}

TEST(StopReasons, OfAnOpenaiProvider) {
    struct Row {
        char const* finish;
        char const* message;
        char const* told;
    };
    constexpr char plain[] = R"({"role":"assistant","content":"x"})";
    constexpr char call[] =
        R"({"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]})";
    constexpr char refusal[] = R"({"role":"assistant","content":null,"refusal":"I will not."})";
    for (auto const& row :
         {Row{"stop", plain, "end_turn"}, Row{"length", plain, "max_tokens"},
          Row{"tool_calls", call, "tool_use"}, Row{"function_call", call, "tool_use"},
          Row{"stop", call, "tool_use"}, Row{"content_filter", plain, "refusal"},
          Row{"stop", refusal, "refusal"}, Row{"something_new", plain, "end_turn"}}) {
        SCOPED_TRACE(row.finish);
        auto const body = whole_openai(row.finish, row.message);
        for (bool const to_stream : {false, true}) {
            auto const got =
                translate(openai_machines(), anthropic_machines(), false, to_stream, body);
            ASSERT_FALSE(got.error);
            EXPECT_NE(got.text.find(R"("stop_reason":")" + std::string{row.told} + '"'),
                      std::string::npos)
                << got.text;
        }
        auto delta = Json::parse(row.message);
        if (delta.contains("tool_calls")) delta["tool_calls"][0]["index"] = 0;
        auto const streamed =
            translate(openai_machines(), anthropic_machines(), true, true,
                      chunk(delta.dump()) + chunk("{}", '"' + std::string{row.finish} + '"') +
                          "data: [DONE]\n\n");
        EXPECT_NE(streamed.text.find(R"("stop_reason":")" + std::string{row.told} + '"'),
                  std::string::npos)
            << streamed.text;
    }
    auto const refused = translate(openai_machines(), anthropic_machines(), false, false,
                                   whole_openai("stop", refusal));
    EXPECT_EQ(Json::parse(refused.text).at("content"),
              Json::parse(R"([{"type":"text","text":"I will not."}])"));
}

TEST(StopReasons, OfAnAnthropicProvider) {
    for (auto const& [stop, told] : std::vector<std::pair<std::string, std::string>>{
             {"end_turn", "stop"},
             {"stop_sequence", "stop"},
             {"pause_turn", "stop"},
             {"max_tokens", "length"},
             {"model_context_window_exceeded", "length"},
             {"tool_use", "tool_calls"},
             {"refusal", "content_filter"},
             {"something_new", "stop"}}) {
        for (bool const to_stream : {false, true}) {
            auto const got = translate(anthropic_machines(), openai_machines(), false, to_stream,
                                       whole_anthropic(stop));
            ASSERT_FALSE(got.error);
            EXPECT_NE(got.text.find("\"finish_reason\":\"" + told + '"'), std::string::npos)
                << stop;
        }
    }
    // The sequence that stopped it goes through a stream of the same dialect's writer.
    auto const own = translate(
        anthropic_machines(), anthropic_machines(), false, true,
        R"({"id":"i","type":"message","model":"c","content":[],"stop_reason":"stop_sequence","stop_sequence":"END"})");
    EXPECT_NE(own.text.find(R"("stop_reason":"stop_sequence","stop_sequence":"END")"),
              std::string::npos);
}

TEST(ServiceTiers, OfRequestsAndAnswers) {
    struct Asked {
        char const* openai;
        char const* anthropic;  // "" = lost
    };
    for (auto const& row : {Asked{"auto", "auto"}, Asked{"default", "standard_only"},
                            Asked{"flex", ""}, Asked{"priority", ""}}) {
        auto const sent = to_anthropic(R"({"model":"m","messages":[],"service_tier":")" +
                                       std::string{row.openai} + "\"}");
        EXPECT_EQ(sent.body.value("service_tier", ""), row.anthropic);
        EXPECT_EQ(sent.losses, *row.anthropic ? "" : "service_tier");
    }
    for (auto const& [anthropic, openai] : std::vector<std::pair<std::string, std::string>>{
             {"auto", "auto"}, {"standard_only", "default"}}) {
        auto const sent = to_openai(
            R"({"model":"c","max_tokens":1,"messages":[],"service_tier":")" + anthropic + "\"}");
        EXPECT_EQ(sent.body.value("service_tier", ""), openai);
    }
    for (auto const& [used, told] : std::vector<std::pair<std::string, std::string>>{
             {"standard", "default"}, {"priority", "priority"}, {"batch", ""}}) {
        std::string const body =
            R"({"id":"i","type":"message","model":"c","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1,"service_tier":")" +
            used + "\"}}";
        auto const whole = translate(anthropic_machines(), openai_machines(), false, false, body);
        EXPECT_EQ(Json::parse(whole.text).value("service_tier", ""), told);
        auto const stream = translate(anthropic_machines(), openai_machines(), false, true, body);
        EXPECT_EQ(data_of(stream.text).back().value("service_tier", ""), told);
    }
    for (auto const& [used, told] : std::vector<std::pair<std::string, std::string>>{
             {"default", "standard"}, {"priority", "priority"}, {"flex", ""}}) {
        auto body = Json::parse(whole_openai("stop", R"({"role":"assistant","content":"x"})"));
        body["service_tier"] = used;
        body["usage"] = {{"prompt_tokens", 1}, {"completion_tokens", 1}, {"total_tokens", 2}};
        auto const whole =
            translate(openai_machines(), anthropic_machines(), false, false, body.dump());
        EXPECT_EQ(Json::parse(whole.text).at("usage").value("service_tier", ""), told);
    }
}

TEST(Logprobs, AreLostToAnAnthropicCallerAndKeptByTheModel) {
    std::string const logprobs =
        R"({"content":[{"token":"x","logprob":-0.5,"bytes":[120],"top_logprobs":[]}],"refusal":null})";
    auto body = Json::parse(whole_openai("stop", R"({"role":"assistant","content":"x"})"));
    body["choices"][0]["logprobs"] = Json::parse(logprobs);
    auto const lost = translate(openai_machines(), anthropic_machines(), false, false, body.dump());
    EXPECT_EQ(lost.losses, "choices[].logprobs");
    auto const kept = translate(openai_machines(), openai_machines(), false, false, body.dump());
    EXPECT_EQ(Json::parse(kept.text).at("choices").at(0).at("logprobs"), Json::parse(logprobs));
    // A stream tells them in pieces; put together they are one list.
    std::string stream;
    for (auto const* token : {"a", "b"}) {
        stream += R"(data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":")" +
                  std::string{token} + R"("},"logprobs":{"content":[{"token":")" + token +
                  R"("}],"refusal":null},"finish_reason":null}]})" + "\n\n";
    }
    stream += chunk("{}", "\"stop\"") + "data: [DONE]\n\n";
    auto const whole = translate(openai_machines(), openai_machines(), true, false, stream);
    EXPECT_EQ(Json::parse(whole.text).at("choices").at(0).at("logprobs"),
              Json::parse(R"({"content":[{"token":"a"},{"token":"b"}],"refusal":null})"));
    auto const again = translate(openai_machines(), openai_machines(), true, true, stream);
    std::string tokens;
    for (auto const& event : data_of(again.text)) {
        if (event.at("choices").empty()) continue;
        auto const& told = event.at("choices").at(0).value("logprobs", Json{});
        if (told.is_object()) tokens += told.at("content").at(0).at("token");
    }
    EXPECT_EQ(tokens, "ab");
}

// Citations ----------------------------------------------------------------------------------

TEST(Citations, OfAnAnthropicProviderBecomeAnnotations) {
    std::string const web =
        R"({"type":"web_search_result_location","url":"https://x/y","title":"T","encrypted_index":"E","cited_text":"c"})";
    std::string const place =
        R"({"type":"char_location","document_index":0,"document_title":"D","start_char_index":3,"end_char_index":9,"cited_text":"q"})";
    auto const body = whole_anthropic(
        "end_turn",
        R"([{"type":"text","text":"Él \ud83d\ude00 "},{"type":"text","text":"says so.","citations":[)" +
            web + "," + place + "]}]");
    auto const expected_links = Json::parse(
        R"([{"type":"url_citation","url_citation":{"start_index":5,"end_index":13,"url":"https://x/y","title":"T"}}])");
    auto const expected_details = Json::parse(
        R"([{"start_index":5,"end_index":13,"format":"anthropic","citation":)" + web +
        R"(},{"start_index":5,"end_index":13,"format":"anthropic","citation":)" + place + "}]");
    auto const whole = translate(anthropic_machines(), openai_machines(), false, false, body);
    EXPECT_EQ(whole.losses, "");
    auto const message = Json::parse(whole.text).at("choices").at(0).at("message");
    EXPECT_EQ(message.at("annotations"), expected_links);
    EXPECT_EQ(message.at("citation_details"), expected_details);
    auto const stream = translate(anthropic_machines(), openai_machines(), false, true, body);
    Json links, details;
    for (auto const& event : data_of(stream.text)) {
        if (event.at("choices").empty()) continue;
        auto const& delta = event.at("choices").at(0).at("delta");
        if (delta.contains("annotations")) links = delta.at("annotations");
        if (delta.contains("citation_details")) details = delta.at("citation_details");
    }
    EXPECT_EQ(links, expected_links);
    EXPECT_EQ(details, expected_details);
}

TEST(Citations, OfAnOpenaiProviderNameThePage) {
    std::string const message =
        R"({"role":"assistant","content":"see","annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":3,"url":"https://x","title":"T"}}]})";
    auto const expected = Json::parse(
        R"([{"type":"web_search_result_location","url":"https://x","title":"T","encrypted_index":"","cited_text":""}])");
    auto const whole = translate(openai_machines(), anthropic_machines(), false, false,
                                 whole_openai("stop", message));
    EXPECT_EQ(whole.losses, "");
    EXPECT_EQ(Json::parse(whole.text).at("content").at(0).at("citations"), expected);
    auto const stream = translate(openai_machines(), anthropic_machines(), true, true,
                                  chunk(message) + chunk("{}", "\"stop\"") + "data: [DONE]\n\n");
    Json told;
    for (auto const& event : data_of(stream.text)) {
        if (event.at("type") == "content_block_delta" &&
            event.at("delta").at("type") == "citations_delta") {
            told.push_back(event.at("delta").at("citation"));
        }
    }
    EXPECT_EQ(told, expected);
    auto const nameless = translate(
        openai_machines(), anthropic_machines(), false, false,
        whole_openai("stop",
                     R"({"role":"assistant","content":"x","annotations":[{"type":"new_kind"}]})"));
    EXPECT_EQ(nameless.losses, "annotations");
}

// Tool calls ---------------------------------------------------------------------------------

std::string call_chunk(int index, std::string const& arguments, std::string const& id = {},
                       std::string const& name = {}) {
    Json call{{"index", index}, {"function", {{"arguments", arguments}}}};
    if (!id.empty()) call["id"] = id;
    if (!name.empty()) call["function"]["name"] = name;
    return chunk(Json{{"tool_calls", Json::array({call})}}.dump());
}

Json content_of_stream(std::string const& stream) {
    auto const got = translate(openai_machines(), anthropic_machines(), true, false,
                               stream + chunk("{}", "\"tool_calls\"") + "data: [DONE]\n\n");
    EXPECT_FALSE(got.error) << got.error->message;
    return got.error ? Json{} : Json::parse(got.text).at("content");
}

TEST(ToolCalls, WhoseFragmentsAreMixedAreToldOneAfterTheOther) {
    auto const mixed = call_chunk(0, "", "a", "f") + call_chunk(1, "", "b", "g") +
                       call_chunk(0, "{\"s\":\"}") + call_chunk(1, "{\"q\":") +
                       call_chunk(0, "\\\"\"}") + call_chunk(1, "2}");
    EXPECT_EQ(content_of_stream(mixed), Json::parse(R"([
        {"type":"tool_use","id":"a","name":"f","input":{"s":"}\""}},
        {"type":"tool_use","id":"b","name":"g","input":{"q":2}}])"));
    // As a stream: the first call is not held up, the second follows when the first is whole.
    auto const got = translate(openai_machines(), anthropic_machines(), true, true,
                               mixed + chunk("{}", "\"tool_calls\"") + "data: [DONE]\n\n");
    std::vector<std::string> steps;
    for (auto const& event : data_of(got.text)) {
        if (!event.contains("index")) continue;
        steps.push_back(event.at("type").get<std::string>().substr(14) +
                        std::to_string(event.at("index").get<int>()));
    }
    EXPECT_EQ(steps, (std::vector<std::string>{"start0", "delta0", "delta0", "stop0", "start1",
                                               "delta1", "delta1", "stop1"}));
}

TEST(ToolCalls, ThatProvidersNumberInTheirOwnWay) {
    auto const expected = Json::parse(R"([
        {"type":"tool_use","id":"a","name":"f","input":{"x":1}},
        {"type":"tool_use","id":"b","name":"g","input":{}}])");
    // One index for all of them; the id at each fragment; none at all.
    EXPECT_EQ(
        content_of_stream(call_chunk(0, "{\"x\":1}", "a", "f") + call_chunk(0, "{}", "b", "g")),
        expected);
    EXPECT_EQ(content_of_stream(call_chunk(0, "{\"x\"", "a", "f") + call_chunk(0, ":1}", "a") +
                                call_chunk(1, "{}", "b", "g")),
              expected);
    EXPECT_EQ(
        content_of_stream(
            chunk(
                R"({"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]})") +
            chunk(R"({"tool_calls":[{"id":"b","function":{"name":"g","arguments":""}}]})")),
        expected);
    // Announced together, then written one after the other.
    EXPECT_EQ(content_of_stream(call_chunk(0, "", "a", "f") + call_chunk(1, "", "b", "g") +
                                call_chunk(0, "{\"x\":1}")),
              expected);
}

TEST(ToolCalls, WhatIsNoObjectIsKeptAsOneText) {
    EXPECT_EQ(content_of_stream(call_chunk(0, "{\"x\":", "a", "f")).at(0).at("input"),
              Json::parse(R"({"arguments":"{\"x\":"})"));
    EXPECT_EQ(content_of_stream(call_chunk(0, "[1]", "a", "f")).at(0).at("input"),
              Json::parse(R"({"arguments":"[1]"})"));
}

TEST(ToolCalls, ThatGoOnAfterTheirEndAreAnError) {
    auto const got = translate(
        openai_machines(), anthropic_machines(), true, true,
        call_chunk(0, "{}", "a", "f") + call_chunk(1, "{}", "b", "g") + call_chunk(0, "more"));
    ASSERT_TRUE(got.error);
    EXPECT_EQ(got.error->code, ErrorCode::upstream_bad_response);
}

TEST(Thoughts, OfAnOpenaiProviderKeepTheirSignatures) {
    std::string const message =
        R"({"role":"assistant","content":"a","reasoning_content":"hm","reasoning_details":[
          {"type":"reasoning.text","text":"hm","signature":"SIG","format":"anthropic-claude-v1","index":0},
          {"type":"reasoning.encrypted","data":"RED","format":"anthropic","index":0}]})";
    auto const expected = Json::parse(R"([{"type":"thinking","thinking":"hm","signature":"SIG"},
        {"type":"redacted_thinking","data":"RED"},{"type":"text","text":"a"}])");
    auto const whole = translate(openai_machines(), anthropic_machines(), false, false,
                                 whole_openai("stop", message));
    EXPECT_EQ(Json::parse(whole.text).at("content"), expected);
    auto const stream = translate(
        openai_machines(), anthropic_machines(), true, false,
        chunk(Json::parse(message).dump()) + chunk("{}", "\"stop\"") + "data: [DONE]\n\n");
    EXPECT_EQ(Json::parse(stream.text).at("content"), expected);
}

TEST(AnthropicStream, ThatForgetsFramesIsReadAllTheSame) {
    auto const event = [](std::string const& type, std::string const& rest) {
        return "event: " + type + "\ndata: {\"type\":\"" + type + "\"" + rest + "}\n\n";
    };
    auto const got = translate(
        anthropic_machines(), openai_machines(), true, false,
        event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":"a"})") +
            event("content_block_start",
                  R"(,"index":1,"content_block":{"type":"text","text":"b"})") +
            event("message_stop", ""));
    ASSERT_FALSE(got.error);
    EXPECT_EQ(Json::parse(got.text).at("choices").at(0).at("message").at("content"), "ab");
    auto const lost = translate(
        anthropic_machines(), openai_machines(), true, true,
        event("content_block_delta", R"(,"index":0,"delta":{"type":"text_delta","text":"x"})"));
    ASSERT_TRUE(lost.error);
    EXPECT_EQ(lost.error->code, ErrorCode::upstream_bad_response);
    // Nor is what does not fit its block.
    for (auto const& [block, delta] : std::vector<std::pair<std::string, std::string>>{
             {R"({"type":"redacted_thinking","data":"R"})", R"({"type":"text_delta","text":"x"})"},
             {R"({"type":"tool_use","id":"i","name":"f"})", R"({"type":"text_delta","text":"x"})"},
             {R"({"type":"text","text":""})",
              R"({"type":"input_json_delta","partial_json":"{}"})"}}) {
        auto const odd =
            translate(anthropic_machines(), openai_machines(), true, true,
                      event("content_block_start", ",\"index\":0,\"content_block\":" + block) +
                          event("content_block_delta", ",\"index\":0,\"delta\":" + delta));
        ASSERT_TRUE(odd.error) << block;
        EXPECT_EQ(odd.error->code, ErrorCode::upstream_bad_response);
    }
}

TEST(Overload, OfAProviderIsToldInTheCallersWords) {
    for (auto const* dialect : {&openai_chat(), &anthropic_messages()}) {
        auto const error = dialect->read_error(
            529, R"({"type":"error","error":{"type":"overloaded_error","message":"x"}})");
        EXPECT_EQ(error.http_status, 529);  // to be told as the caller's overloaded_status
        EXPECT_EQ(error.retry, Retry::same);
    }
    EXPECT_EQ(openai_chat().overloaded_status, 503);
    EXPECT_EQ(anthropic_messages().overloaded_status, 529);
    auto const error = openai_chat().read_error(529, "");
    EXPECT_EQ(Json::parse(anthropic_messages().write_error(error, "r")).at("error").at("type"),
              "overloaded_error");
    EXPECT_EQ(Json::parse(openai_chat().write_error(error, "r")).at("error").at("type"),
              "service_unavailable_error");
}

// A provider's figures may not add up; ours do, or a price could become negative.
TEST(Usage, PartsNeverExceedTheirTotals) {
    auto const of = [](std::string const& usage) {
        return translate(anthropic_machines(), openai_machines(), false, false,
                         R"({"type":"message","content":[],"stop_reason":"end_turn","usage":)" +
                             usage + "}")
            .usage;
    };
    auto const thoughts =
        of(R"({"input_tokens":1,"output_tokens":5,"output_tokens_details":{"thinking_tokens":9}})");
    EXPECT_EQ(thoughts.output, 14);
    EXPECT_EQ(thoughts.reasoning, 9);
    auto const kept = of(
        R"({"input_tokens":1,"output_tokens":5,"cache_creation_input_tokens":3,"cache_creation":{"ephemeral_1h_input_tokens":7}})");
    EXPECT_EQ(kept.input, 4);
    EXPECT_EQ(kept.cache_write_1h, 3);
    auto const apart = translate(
        openai_machines(), anthropic_machines(), false, false,
        R"({"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":8,"cache_write_tokens":6}}})");
    EXPECT_EQ(apart.usage.input, 16);
}

TEST(Losses, NameMembersAndQuoteNobody) {
    Losses losses;
    losses.add("logit_bias");
    losses.add("messages[].content[]");
    losses.add("a\r\nx: y");
    losses.add(std::string(65, 'a'));
    EXPECT_EQ(losses.joined(), "logit_bias, messages[].content[], other members");
}

}  // namespace
}  // namespace sluice::dialect
