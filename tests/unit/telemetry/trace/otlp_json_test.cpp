// Spans as OTLP's JSON says: ids in hex, enums as numbers, 64-bit integers as texts.
#include "telemetry/trace/otlp_json.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <regex>

#include "../a_record.hpp"
#include "telemetry/trace/collector.hpp"

namespace sluice::telemetry {
namespace {

using Json = nlohmann::json;

UsageRecord a_traced_record() {
    auto record = a_record();
    record.trace.trace = {0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd,
                          0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c};
    record.trace.span = {0, 1, 2, 3, 4, 5, 6, 7};
    record.trace.parent = {0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31};
    record.trace.sampled = true;
    record.trace.state = "congo=t61";
    record.attempts[0].span = {1, 1, 1, 1, 1, 1, 1, 1};
    record.attempts[0].started = microseconds{100};
    record.attempts[1].span = {2, 2, 2, 2, 2, 2, 2, 2};
    record.attempts[1].started = microseconds{6'000};
    record.attempts[1].system = "openai";
    record.attempts[1].server_address = "api.example.com";
    record.attempts[1].server_port = 443;
    record.attempts[1].finish_reason = "stop";
    record.attempts[1].response_model = "qwen3-2026";
    record.attempts[1].cost = 7'000'000;
    return record;
}

Json export_of(UsageRecord const& record) {
    std::string spans;
    EXPECT_EQ(append_spans(spans, record), 1 + record.attempts.size());
    return Json::parse(to_export_request("sluice", {{"host.name", "a"}}, "0.1", spans));
}

Json spans_of(UsageRecord const& record) {
    return export_of(record).at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans");
}

// Name -> value object; every name once.
std::map<std::string, Json> attributes_of(Json const& holder) {
    std::map<std::string, Json> found;
    for (auto const& attribute : holder.at("attributes")) {
        EXPECT_EQ(attribute.size(), 2U);
        EXPECT_EQ(attribute.at("value").size(), 1U);
        auto const is_new =
            found.emplace(attribute.at("key").get<std::string>(), attribute.at("value")).second;
        EXPECT_TRUE(is_new) << attribute;
    }
    return found;
}

TEST(Otlp, ResourceAndScopeAreNamed) {
    auto const json = export_of(a_traced_record());
    auto const& of_resource = json.at("resourceSpans").at(0);
    auto const attributes = attributes_of(of_resource.at("resource"));
    EXPECT_EQ(attributes.at("service.name").at("stringValue"), "sluice");
    EXPECT_EQ(attributes.at("service.version").at("stringValue"), "0.1");
    EXPECT_EQ(attributes.at("host.name").at("stringValue"), "a");
    EXPECT_EQ(of_resource.at("scopeSpans").at(0).at("scope").at("name"), "sluice");
}

TEST(Otlp, EverySpanHasTheFormTheRulesAskFor) {
    for (auto const& span : spans_of(a_traced_record())) {
        EXPECT_TRUE(
            std::regex_match(span.at("traceId").get<std::string>(), std::regex("[0-9a-f]{32}")));
        EXPECT_TRUE(
            std::regex_match(span.at("spanId").get<std::string>(), std::regex("[0-9a-f]{16}")));
        EXPECT_TRUE(std::regex_match(span.at("startTimeUnixNano").get<std::string>(),
                                     std::regex("[0-9]{19}")));
        EXPECT_TRUE(std::regex_match(span.at("endTimeUnixNano").get<std::string>(),
                                     std::regex("[0-9]{19}")));
        EXPECT_TRUE(span.at("kind").is_number_integer());
        EXPECT_TRUE(span.at("status").at("code").is_number_integer());
        for (auto const& [name, value] : attributes_of(span)) {
            auto const only = value.begin();
            auto const kind = only.key();
            auto const& content = only.value();
            if (kind == "intValue") {
                EXPECT_TRUE(content.is_string()) << name;
            }
            if (kind == "doubleValue") {
                EXPECT_TRUE(content.is_number()) << name;
            }
        }
    }
}

TEST(Otlp, TheRequestIsAServerSpanBelowTheCallers) {
    auto const span = spans_of(a_traced_record()).at(0);
    EXPECT_EQ(span.at("name"), "POST /v1/chat/completions");
    EXPECT_EQ(span.at("kind"), 2);
    EXPECT_EQ(span.at("traceId"), "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(span.at("spanId"), "0001020304050607");
    EXPECT_EQ(span.at("parentSpanId"), "b7ad6b7169203331");
    EXPECT_EQ(span.at("traceState"), "congo=t61");
    EXPECT_EQ(span.at("status"), (Json{{"code", 0}}));
    EXPECT_EQ(span.at("startTimeUnixNano"), "1795350784123000000");
    EXPECT_EQ(span.at("endTimeUnixNano"), "1795350784579789000");
    auto const attributes = attributes_of(span);
    EXPECT_EQ(attributes.at("http.response.status_code").at("intValue"), "200");
    EXPECT_EQ(attributes.at("http.route").at("stringValue"), "/v1/chat/completions");
    EXPECT_EQ(attributes.at("sluice.team").at("stringValue"), "search");
    EXPECT_FALSE(attributes.contains("error.type"));
}

TEST(Otlp, EachAttemptIsAClientSpanBelowTheRequest) {
    auto const spans = spans_of(a_traced_record());
    ASSERT_EQ(spans.size(), 3U);
    for (std::size_t i = 1; i < 3; ++i) {
        EXPECT_EQ(spans[i].at("kind"), 3);
        EXPECT_EQ(spans[i].at("parentSpanId"), spans[0].at("spanId"));
        EXPECT_EQ(spans[i].at("traceId"), spans[0].at("traceId"));
    }
    auto const failed = attributes_of(spans[1]);
    EXPECT_EQ(spans[1].at("name"), "chat gpt-4o");
    EXPECT_EQ(spans[1].at("status"), (Json{{"code", 2}, {"message", "upstream_rate_limited"}}));
    EXPECT_EQ(failed.at("error.type").at("stringValue"), "upstream_rate_limited");
    EXPECT_EQ(failed.at("http.response.status_code").at("intValue"), "429");
    EXPECT_FALSE(failed.contains("gen_ai.response.finish_reasons"));

    EXPECT_EQ(spans[2].at("name"), "chat qwen3");
    EXPECT_EQ(spans[2].at("startTimeUnixNano"), "1795350784129000000");
    EXPECT_EQ(spans[2].at("endTimeUnixNano"), "1795350784579000000");
    EXPECT_EQ(spans[2].at("status"), (Json{{"code", 0}}));
    auto const answered = attributes_of(spans[2]);
    for (auto const& [name, value] : std::map<std::string, Json>{
             {"gen_ai.operation.name", {{"stringValue", "chat"}}},
             {"gen_ai.provider.name", {{"stringValue", "openai"}}},
             {"gen_ai.request.model", {{"stringValue", "qwen3"}}},
             {"gen_ai.request.stream", {{"boolValue", true}}},
             {"gen_ai.response.model", {{"stringValue", "qwen3-2026"}}},
             {"gen_ai.usage.input_tokens", {{"intValue", "100"}}},
             {"gen_ai.usage.output_tokens", {{"intValue", "20"}}},
             {"gen_ai.usage.cache_read.input_tokens", {{"intValue", "40"}}},
             {"gen_ai.usage.reasoning.output_tokens", {{"intValue", "5"}}},
             {"gen_ai.response.time_to_first_chunk", {{"doubleValue", 0.011}}},
             {"server.address", {{"stringValue", "api.example.com"}}},
             {"server.port", {{"intValue", "443"}}},
             {"sluice.provider", {{"stringValue", "local"}}},
             {"sluice.cost_pico_usd", {{"intValue", "7000000"}}}}) {
        ASSERT_TRUE(answered.contains(name)) << name;
        EXPECT_EQ(answered.at(name), value) << name;
    }
    auto const& reasons = answered.at("gen_ai.response.finish_reasons").at("arrayValue");
    EXPECT_EQ(reasons, (Json{{"values", Json::array({Json{{"stringValue", "stop"}}})}}));
}

TEST(Otlp, ARootHasNoParentAndNoState) {
    auto record = a_traced_record();
    record.trace.parent = {};
    record.trace.state.clear();
    auto const span = spans_of(record).at(0);
    EXPECT_FALSE(span.contains("parentSpanId"));
    EXPECT_FALSE(span.contains("traceState"));
}

TEST(Otlp, StatusIsAnErrorWhereTheGatewayOrTheProviderFailed) {
    struct Case {
        std::uint16_t status;
        char const* code;
        char const* origin;
        int span_status;
    };
    for (auto const& [status, code, origin, span_status] :
         {Case{401, "invalid_api_key", "client", 0}, Case{404, "model_not_found", "client", 0},
          Case{502, "upstream_connect", "upstream", 2}, Case{503, "overloaded", "gateway", 2},
          Case{200, "upstream_reset", "upstream", 2}}) {
        auto record = a_traced_record();
        record.status = status;
        record.error_code = code;
        record.error_origin = origin;
        auto const span = spans_of(record).at(0);
        EXPECT_EQ(span.at("status").at("code"), span_status) << code;
        EXPECT_EQ(attributes_of(span).at("error.type").at("stringValue"), code);
    }
}

TEST(Otlp, WhatACallerSentStaysOneText) {
    auto record = a_traced_record();
    record.model_asked = "x\",\"y\n" + std::string(5000, 'z');
    record.surface = "not.known";
    auto const span = spans_of(record).at(0);
    EXPECT_EQ(span.at("name"), "HTTP");
    auto const model = attributes_of(span).at("gen_ai.request.model").at("stringValue");
    EXPECT_EQ(model.get<std::string>().size(), 256U);
}

TEST(Otlp, TheEndUserIsNotInASpan) {
    EXPECT_EQ(export_of(a_traced_record()).dump().find("user"), std::string::npos);
}

TEST(Otlp, APartialSuccessIsCounted) {
    EXPECT_EQ(rejected_spans(R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"x"}})"), 3U);
    EXPECT_EQ(rejected_spans(R"({"partialSuccess":{"rejectedSpans":4}})"), 4U);
    for (char const* none : {"", "{}", "<html>", R"({"partialSuccess":{}})",
                             R"({"partialSuccess":{"rejectedSpans":"-3"}})",
                             R"({"partialSuccess":{"rejectedSpans":-3}})"}) {
        EXPECT_EQ(rejected_spans(none), 0U) << none;
    }
}

}  // namespace
}  // namespace sluice::telemetry
