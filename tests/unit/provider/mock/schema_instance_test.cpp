// Instances of schemas: checked against what each schema says, and bounded for hostile ones.
#include "provider/mock/schema_instance.hpp"

#include <gtest/gtest.h>

namespace sluice::provider::mock {
namespace {

using nlohmann::json;

json make(char const* schema) { return instance_of(json::parse(schema), "mock"); }

TEST(SchemaInstance, Table) {
    struct Case {
        char const* schema;
        char const* instance;
    };
    for (
        auto const& [schema, instance] : {
            Case{
                R"({"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":3},"unit":{"enum":["c","f"]}},"required":["city","days","unit"]})",
                R"({"city":"mock","days":3,"unit":"c"})"},
            Case{R"({"type":"object","properties":{"a":{"type":"boolean"}}})", R"({"a":true})"},
            Case{R"({"type":"object","properties":{}})", R"({})"},
            Case{R"({})", R"({})"},
            Case{R"({"type":"object","required":["x"]})", R"({"x":"mock"})"},
            Case{R"({"type":"array","items":{"type":"number"},"minItems":2})", R"([1.0,1.0])"},
            Case{R"({"type":"array","items":{"type":"string"},"maxItems":0})", R"([])"},
            Case{R"({"type":["null","integer"],"exclusiveMinimum":4})", R"(5)"},
            Case{R"({"type":"integer","maximum":-7})", R"(-7)"},
            Case{R"({"type":"integer","minimum":5,"multipleOf":4})", R"(8)"},
            Case{R"({"type":"number","exclusiveMaximum":1})", R"(0.5)"},
            Case{R"({"const":{"a":[1]}})", R"({"a":[1]})"},
            Case{R"({"type":"string","minLength":6})", R"("mock..")"},
            Case{R"({"type":"string","maxLength":2})", R"("mo")"},
            Case{R"({"type":"string","format":"date"})", R"("2026-01-31")"},
            Case{R"({"anyOf":[{"type":"null"},{"type":"boolean"}]})", R"(true)"},
            Case{
                R"({"allOf":[{"properties":{"a":{"type":"boolean"}},"required":["a"]},{"properties":{"b":{"type":"integer"}},"required":["b"]}]})",
                R"({"a":true,"b":1})"},
            Case{
                R"({"type":"object","properties":{"p":{"$ref":"#/$defs/P"}},"required":["p"],"$defs":{"P":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}}})",
                R"({"p":{"n":1}})"},
        }) {
        EXPECT_EQ(make(schema), json::parse(instance)) << schema;
    }
}

TEST(SchemaInstance, AListThatHoldsItselfEnds) {
    auto const made = make(
        R"({"type":"object","properties":{"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]},"kids":{"type":"array","items":{"$ref":"#"}}},"required":["kids"]})");
    EXPECT_TRUE(made["kids"].is_array());
    EXPECT_LT(made.dump().size(), 1000u);
}

TEST(SchemaInstance, ASchemaThatFansOutIsBounded) {
    json schema = {{"type", "object"}, {"properties", json::object()}, {"required", json::array()}};
    for (int i = 0; i < 20; ++i) {
        auto const name = "p" + std::to_string(i);
        schema["properties"][name] = {{"$ref", "#"}};
        schema["required"].push_back(name);
    }
    EXPECT_LT(instance_of(schema, "mock").dump().size(), 2'000'000u);
}

TEST(SchemaInstance, NonsenseIsSurvived) {
    for (char const* schema :
         {R"({"$ref":"#/nowhere"})", R"({"$ref":"#/a~9"})", R"({"type":7})", R"({"enum":[]})",
          R"({"type":"integer","multipleOf":0})", R"({"type":"integer","minimum":1e300})"}) {
        EXPECT_NO_THROW(make(schema)) << schema;
    }
    EXPECT_EQ(instance_of(json{}, "mock"), json::object());
}

}  // namespace
}  // namespace sluice::provider::mock
