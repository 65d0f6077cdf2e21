// The provider's usage object is known to be JSON only when it is: the ledger relies on it.
#include <gtest/gtest.h>

#include "codec/json_walk.hpp"
#include "dialect/anthropic/usage.hpp"
#include "dialect/openai_chat/usage.hpp"

namespace sluice::dialect {
namespace {

llm::RawUsage openai_raw(std::string const& object) {
    llm::Usage usage;
    openai::read_usage(object, usage);
    return usage.raw;
}

llm::RawUsage anthropic_raw(std::string const& object) {
    llm::Usage usage;
    anthropic::UsageReader().take(object, usage);
    return usage.raw;
}

// Whatever was kept: it is what came, and said to be walked when it is JSON but for its bytes above
// ASCII.
void expect_right(llm::RawUsage const& raw, std::string const& object) {
    if (raw.text().empty()) {
        EXPECT_FALSE(raw.is_walked());
        return;
    }
    EXPECT_EQ(raw.text(), object);
    if (codec::is_valid_utf8(object)) {
        EXPECT_EQ(raw.is_walked(), codec::is_json(object)) << object;
    }
}

// Both readers find counts in them.
constexpr std::string_view samples[] = {
    R"({"input_tokens":12,"completion_tokens":3,"total_tokens":15,"prompt_tokens_details":)"
    R"({"cached_tokens":0,"x":[1,-2.5e3,{}]},"y":"\u00e9\n","z":[true,false,null]})",
    R"({"input_tokens": 12, "output_tokens": 3, "cache_creation": {"ephemeral_1h_input_tokens": 0,)"
    R"("a": []}, "service_tier": "standard", "output_tokens_details": {"thinking_tokens": 1.0}})",
};

using namespace std::string_view_literals;
constexpr auto odd_bytes = "\0\x1f\"\\{}[],:0-.eua \n\x7f\x80\xff"sv;

TEST(RawUsage, IsKnownToBeJsonWhenItIs) {
    for (auto const& sample : samples) {
        std::string const object{sample};
        for (auto const& raw : {openai_raw(object), anthropic_raw(object)}) {
            EXPECT_EQ(raw.text(), object);
            EXPECT_TRUE(raw.is_walked());
        }
        for (auto const* const behind : {" ", "\n", "x", "}", ",", "{}", "\\"}) {
            expect_right(openai_raw(object + behind), object + behind);
            expect_right(anthropic_raw(object + behind), object + behind);
        }
    }
}

TEST(RawUsage, IsNotKnownToBeJsonWhereverItIsBroken) {
    auto const check = [](std::string const& object) {
        expect_right(openai_raw(object), object);
        expect_right(anthropic_raw(object), object);
    };
    for (auto const& sample : samples) {
        std::string const object{sample};
        for (std::size_t at = 0; at < object.size(); ++at) {
            check(object.substr(0, at));
            check(std::string{object}.erase(at, 1));
            for (auto const byte : odd_bytes) {
                auto other = object;
                other[at] = byte;
                check(other);
                check(std::string{object}.insert(at, 1, byte));
            }
        }
    }
}

// Walked on the way: what is let pass, how far, and what is taken is the same as in two walks.
void expect_one_walk_is_two(std::string const& text, std::size_t depth) {
    constexpr std::size_t bytes_max = 400;
    codec::JsonScanner two{text}, one{text};
    llm::Usage expected, usage;
    bool const is_right = two.skip_value(depth);
    auto const value = two.since(0);
    if (is_right && value.size() <= bytes_max && codec::is_valid_utf8(value)) {
        openai::read_usage(value, expected);
    }
    ASSERT_EQ(openai::walk_usage(one, depth, bytes_max, usage), is_right) << text;
    if (is_right) {
        ASSERT_EQ(one.offset(), two.offset()) << text;
    }
    ASSERT_EQ(usage.reported, expected.reported) << text;
    ASSERT_EQ(usage.input, expected.input) << text;
    ASSERT_EQ(usage.output, expected.output) << text;
    ASSERT_EQ(usage.cache_read, expected.cache_read) << text;
    ASSERT_EQ(usage.raw.text(), expected.raw.text()) << text;
    ASSERT_EQ(usage.raw.is_walked(), expected.raw.is_walked()) << text;
}

TEST(RawUsage, OneWalkIsAsStrictAsTwo) {
    for (auto const& sample : samples) {
        std::string const object{sample};
        for (std::size_t at = 0; at < object.size(); ++at) {
            expect_one_walk_is_two(object.substr(0, at), 1);
            expect_one_walk_is_two(std::string{object}.erase(at, 1), 1);
            for (auto const byte : odd_bytes) {
                auto other = object;
                other[at] = byte;
                expect_one_walk_is_two(other + ",\"more\":1}", 1);
                expect_one_walk_is_two(std::string{object}.insert(at, 1, byte), 1);
            }
        }
        expect_one_walk_is_two(object + std::string(300, ' '), 1);
        expect_one_walk_is_two(R"({"prompt_tokens":1,"x":")" + std::string(390, 'x') + "\"}", 1);
    }
    for (auto const* const value : {"null", "1", "\"x\"", "[1,{}]", "{}", "-", "", "nul"}) {
        expect_one_walk_is_two(value, 1);
    }
    for (std::size_t open = 120; open < 132; ++open) {
        auto const deep = std::string(open, '[') + std::string(open, ']');
        for (std::size_t depth = 0; depth < 3; ++depth) {
            expect_one_walk_is_two(R"({"prompt_tokens":1,"x":)" + deep + "}", depth);
            expect_one_walk_is_two(R"({"prompt_tokens_details":{"x":)" + deep + "}}", depth);
        }
    }
}

TEST(RawUsage, WhatIsTooLongIsNotKept) {
    auto const object =
        R"({"prompt_tokens":1,"input_tokens":1,"x":")" + std::string(9'000, 'x') + "\"}";
    llm::Usage usage;
    openai::read_usage(R"({"prompt_tokens":1})", usage);
    EXPECT_TRUE(usage.raw.is_walked());
    openai::read_usage(object, usage);
    EXPECT_EQ(usage.raw.text(), "");
    EXPECT_FALSE(usage.raw.is_walked());
    EXPECT_EQ(anthropic_raw(object).text(), "");
}

TEST(RawUsage, TextThatIsSetAnewIsNotTheTextThatWasWalked) {
    llm::RawUsage raw;
    raw.set_walked("{}");
    raw.set("{");
    EXPECT_FALSE(raw.is_walked());
    raw.set_walked("{}");
    raw.clear();
    EXPECT_FALSE(raw.is_walked());
    EXPECT_EQ(raw.text(), "");
}

}  // namespace
}  // namespace sluice::dialect
