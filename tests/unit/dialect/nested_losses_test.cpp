// Members inside of messages, tools and settings that the other dialect has no place for: each is
// named, none is dropped silently; those that say nothing are not named.
#include <algorithm>

#include "dialect/anthropic/losses.hpp"
#include "dialect/openai_chat/losses.hpp"
#include "unit/dialect/translate.hpp"

namespace sluice::dialect {
namespace {

struct Row {
    char const* losses;
    char const* body;  // "@": the rest of a plain request
};

std::string whole(std::string_view row, std::string_view plain) {
    std::string body{row};
    auto const at = body.find('@');
    if (at != body.npos) body.replace(at, 1, plain);
    return body;
}

constexpr char from_anthropic[] = R"("model":"c","max_tokens":5)";

Row const anthropic_rows[] = {
    {"document.context",
     R"({@,"messages":[{"role":"user","content":[{"type":"document","context":"c","source":
        {"type":"base64","media_type":"application/pdf","data":"AA"}}]}]})"},
    {"document.title",
     R"({@,"messages":[{"role":"user","content":[{"type":"document","title":"t","source":
        {"type":"text","media_type":"text/plain","data":"x"}}]}]})"},
    {"source.content",
     R"({@,"messages":[{"role":"user","content":[{"type":"text","text":"q"},{"type":"document",
        "source":{"type":"content","content":"x"}}]}]})"},
    {"document.source.url",
     R"({@,"messages":[{"role":"user","content":[{"type":"document","source":
        {"type":"url","url":"https://x/y.pdf"}}]}]})"},
    {"image.source.file_id",
     R"({@,"messages":[{"role":"user","content":[{"type":"image","source":
        {"type":"file","file_id":"f"}}]}]})"},
    {"tools[].defer_loading, tools[].input_examples",
     R"({@,"messages":[],"tools":[{"name":"f","input_schema":{},"defer_loading":true,
        "input_examples":[{"a":1}]},{"name":"g","input_schema":{},"defer_loading":true}]})"},
    {"tools[].eager_input_streaming, tools[].allowed_callers",
     R"({@,"messages":[],"tools":[{"name":"f","eager_input_streaming":true,
        "allowed_callers":["code_execution_20250825"],"input_schema":{}}]})"},
    {"", R"({@,"messages":[],"tools":[{"type":"custom","name":"f","input_schema":{},
        "defer_loading":false,"input_examples":[],"eager_input_streaming":null}]})"},
    {"tools[] of the provider",
     R"({@,"messages":[],"tools":[{"type":"web_search_20260318","name":"w","max_uses":3}]})"},
    {"tool_use.caller",
     R"({@,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f",
        "input":{},"caller":{"type":"code_execution_20250825","tool_id":"x"}}]}]})"},
    {"", R"({@,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f",
        "input":{},"caller":{"type":"direct"}}]}]})"},
    {"messages[].content[]",
     R"({@,"messages":[{"role":"user","content":[{"type":"text","text":"q"},
        {"type":"search_result","source":"s","title":"t","content":[]}]}]})"},
    {"metadata.team", R"({@,"messages":[],"metadata":{"user_id":"u","team":"t"}})"},
    {"thinking.display", R"({@,"messages":[],"thinking":{"type":"adaptive","display":"omitted"}})"},
    {"thinking.type", R"({@,"messages":[],"thinking":{"type":"disabled"}})"},
    {"thinking.level", R"({@,"messages":[],"thinking":{"type":"adaptive","level":3}})"},
    {"output_config.task_budget",
     R"({@,"messages":[],"output_config":{"effort":"high","task_budget":{"type":"tokens"}}})"},
    {"tool_choice.limit", R"({@,"messages":[],"tool_choice":{"type":"auto","limit":2}})"},
    {"messages[].id", R"({@,"messages":[{"role":"user","content":"q","id":"m"}]})"},
    {"container", R"({@,"messages":[],"container":"c"})"},
};

TEST(NestedLosses, OfAnAnthropicRequest) {
    for (auto const& row : anthropic_rows) {
        auto const sent = to_openai(whole(row.body, from_anthropic));
        EXPECT_EQ(sent.error, "") << row.body;
        EXPECT_EQ(sent.losses, row.losses) << row.body;
    }
}

constexpr char from_openai[] = R"("model":"m")";

Row const openai_rows[] = {
    {"messages[].audio", R"({@,"messages":[{"role":"user","content":"q"},
        {"role":"assistant","content":"a","audio":{"id":"x"}}]})"},
    {"messages[].annotations, messages[].citation_details",
     R"({@,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a",
        "annotations":[{"type":"url_citation"}],"citation_details":[{"a":1}]}]})"},
    {"", R"({@,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a",
        "annotations":[],"audio":null,"function_call":null,"refusal":null}]})"},
    {"messages[].name", R"({@,"messages":[{"role":"tool","tool_call_id":"t","name":"f",
        "content":"r"}]})"},
    {"tool_choice.allowed_tools",
     R"({@,"messages":[],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":
        {"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[]}}})"},
    {"tool_choice.custom", R"({@,"messages":[],"tool_choice":{"type":"custom","custom":
        {"name":"f"}}})"},
    {"tool_calls[].custom", R"({@,"messages":[{"role":"assistant","tool_calls":[{"id":"t",
        "type":"custom","index":0,"custom":{"name":"f","input":"x"}}]}]})"},
    {"tools[].type", R"({@,"messages":[],"tools":[{"type":"custom","custom":{"name":"f"}}]})"},
    {"tools[].function.output_schema",
     R"({@,"messages":[],"tools":[{"type":"function","function":{"name":"f",
        "output_schema":{"type":"object"}}}]})"},
    {"response_format.json_schema.description",
     R"({@,"messages":[],"response_format":{"type":"json_schema","json_schema":{"name":"n",
        "description":"d","schema":{"type":"object"}}}})"},
    {"stream_options.include_obfuscation",
     R"({@,"messages":[],"stream":true,"stream_options":{"include_obfuscation":true}})"},
    {"", R"({@,"messages":[],"stream":true,"stream_options":{"include_obfuscation":false}})"},
    {"safety_identifier", R"({@,"messages":[],"user":"u","safety_identifier":"s"})"},
    {"safety_identifier", R"({@,"messages":[],"safety_identifier":"s","user":"u"})"},
    {"", R"({@,"messages":[],"safety_identifier":"s"})"},
    {"image_url.crop", R"({@,"messages":[{"role":"user","content":[{"type":"image_url",
        "image_url":{"url":"https://x/y.png","crop":[1]}}]}]})"},
    {"prompt_cache_key, metadata",
     R"({@,"messages":[],"prompt_cache_key":"k","metadata":{"a":"b"}})"},
};

TEST(NestedLosses, OfAnOpenaiRequest) {
    for (auto const& row : openai_rows) {
        auto const sent = to_anthropic(whole(row.body, from_openai));
        EXPECT_EQ(sent.error, "") << row.body;
        EXPECT_EQ(sent.losses, row.losses) << row.body;
    }
}

TEST(NestedLosses, TheTablesAreWhatIsNamed) {
    auto const check = [](std::span<LossRule const> rules, std::span<Row const> rows) {
        EXPECT_FALSE(rules.empty());
        for (auto const& rule : rules) {
            EXPECT_TRUE(std::any_of(rows.begin(), rows.end(), [&](Row const& row) {
                return std::string_view{row.losses}.find(rule.field) != std::string_view::npos;
            })) << rule.field;
        }
    };
    check(anthropic::nested_losses(), anthropic_rows);
    check(openai::nested_losses(), openai_rows);
}

// What can be told in other words is no loss.
TEST(NestedLosses, MarksForTheCacheAreTold) {
    auto const sent = to_anthropic(R"({"model":"m","messages":[{"role":"user","content":[
        {"type":"text","text":"q","prompt_cache_breakpoint":{"mode":"explicit"}}]}]})");
    EXPECT_EQ(sent.losses, "");
    EXPECT_EQ(sent.body["messages"][0]["content"][0]["cache_control"],
              Json::parse(R"({"type":"ephemeral"})"));
}

TEST(NestedLosses, AModelThatDoesNotThinkIsNotTold) {
    llm::ModelRules rules;
    rules.thinking = llm::ThinkingStyle::none;
    auto const effort = send(anthropic_messages(), openai_chat(),
                             R"({"model":"c","max_tokens":5,"messages":[],
        "output_config":{"effort":"high"}})",
                             &rules);
    EXPECT_EQ(effort.losses, "output_config.effort");
    EXPECT_FALSE(effort.body.contains("reasoning_effort"));
    auto const off = send(anthropic_messages(), openai_chat(),
                          R"({"model":"c","max_tokens":5,"messages":[],
        "thinking":{"type":"disabled"}})",
                          &rules);
    EXPECT_EQ(off.losses, "") << "it does not think: that is what was asked for";
}

}  // namespace
}  // namespace sluice::dialect
