// Parameter shaping: each rule, their order, and bodies that stay as they are.
#include "dialect/common/shape.hpp"

#include <gtest/gtest.h>

namespace sluice::dialect {
namespace {

std::string shaped(std::string_view body, ShapeRule const& rule, std::string_view model = "m") {
    return shape(body, {rule}, model).value_or("(same)");
}

TEST(Shape, DropsMembers) {
    ShapeRule rule;
    rule.drop = {"seed", "nope"};
    EXPECT_EQ(shaped(R"({"model":"m", "seed":1,"a":[1, 2]})", rule), R"({"model":"m","a":[1, 2]})");
    EXPECT_EQ(shaped(R"({"model":"m"})", rule), "(same)");
}

TEST(Shape, RenamesAndTheNewNameHolds) {
    ShapeRule rule;
    rule.rename = {{"max_tokens", "max_completion_tokens"}};
    EXPECT_EQ(shaped(R"({"max_tokens":5})", rule), R"({"max_completion_tokens":5})");
    EXPECT_EQ(shaped(R"({"max_tokens":5,"max_completion_tokens":6})", rule),
              R"({"max_completion_tokens":6})");
}

TEST(Shape, ClampsNumbers) {
    ShapeRule rule;
    rule.clamp["temperature"] = {0.0, 1.0, "0", "1"};
    EXPECT_EQ(shaped(R"({"temperature":1.5})", rule), R"({"temperature":1})");
    EXPECT_EQ(shaped(R"({"temperature":-1})", rule), R"({"temperature":0})");
    EXPECT_EQ(shaped(R"({"temperature":0.7})", rule), "(same)");
    EXPECT_EQ(shaped(R"({"temperature":"hot"})", rule), "(same)") << "the provider's to refuse";
}

TEST(Shape, MapsValuesAndAddsDefaults) {
    ShapeRule rule;
    rule.map["service_tier"] = {{"\"auto\"", "\"default\""}};
    rule.defaults = {{"max_tokens", "100"}, {"service_tier", "\"flex\""}};
    EXPECT_EQ(shaped(R"({"service_tier":"auto"})", rule),
              R"({"service_tier":"default","max_tokens":100})");
    EXPECT_EQ(shaped("{}", rule), R"({"max_tokens":100,"service_tier":"flex"})");
}

TEST(Shape, ConcernsTheModelsItNames) {
    ShapeRule rule;
    rule.models = {"o1*"};
    rule.drop = {"temperature"};
    EXPECT_EQ(shaped(R"({"temperature":1})", rule, "o1-mini"), "{}");
    EXPECT_EQ(shaped(R"({"temperature":1})", rule, "gpt-4o"), "(same)");
}

TEST(Shape, RulesApplyInTheirOrder) {
    ShapeRule first, second;
    first.rename = {{"a", "b"}};
    second.drop = {"b"};
    EXPECT_EQ(shape(R"({"a":1,"c":2})", {first, second}, "m"), R"({"c":2})");
}

}  // namespace
}  // namespace sluice::dialect
