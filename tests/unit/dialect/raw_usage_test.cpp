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
    using namespace std::string_view_literals;
    constexpr auto bytes = "\0\x1f\"\\{}[],:0-.eua \n\x7f\x80\xff"sv;
    auto const check = [](std::string const& object) {
        expect_right(openai_raw(object), object);
        expect_right(anthropic_raw(object), object);
    };
    for (auto const& sample : samples) {
        std::string const object{sample};
        for (std::size_t at = 0; at < object.size(); ++at) {
            check(object.substr(0, at));
            check(std::string{object}.erase(at, 1));
            for (auto const byte : bytes) {
                auto other = object;
                other[at] = byte;
                check(other);
                check(std::string{object}.insert(at, 1, byte));
            }
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
