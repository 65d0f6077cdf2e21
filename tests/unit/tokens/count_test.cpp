// The bounds of a token count, held against texts whose tokens were counted exactly.
#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>

#include "sluice/tokens.hpp"

namespace sluice::tokens {
namespace {

TEST(Count, an_empty_text_is_no_token) {
    auto const none = count("");
    EXPECT_TRUE(none.exact);
    EXPECT_EQ(none.upper, 0);
}

TEST(Count, the_bounds_are_in_order_for_any_bytes) {
    std::mt19937 dice(6);
    for (int round = 0; round < 2000; ++round) {
        std::string text(dice() % 600, ' ');
        for (auto& c : text) c = static_cast<char>(dice());
        auto const counted = count(text);
        ASSERT_LE(counted.lower, counted.estimate);
        ASSERT_LE(counted.estimate, counted.upper);
        ASSERT_EQ(counted.upper, static_cast<std::int64_t>(text.size()));
    }
}

// The blocks and the rest behind them are counted alike, and no lane overflows.
TEST(Count, every_length_counts_the_same_as_its_parts) {
    std::string const unit = "a\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80z";  // 1, 2, 3, 4, 1 bytes
    std::string text;
    for (int i = 0; i < 3000; ++i) text += unit;
    auto const whole = count(text);
    // 2 of ASCII, one of two bytes, one of three, one of four: 2 + 2 + 4 + 8 quarters.
    EXPECT_EQ(whole.estimate, 3000 * 16 / 4);
    for (std::size_t size = 0; size < 70; ++size) {
        std::string const ascii(size, 'x');
        EXPECT_EQ(count(ascii).estimate, static_cast<std::int64_t>((size + 3) / 4)) << size;
    }
}

// Runs of ASCII are passed over: what stands beside them, at any place, is counted all the same.
TEST(Count, what_is_rare_counts_wherever_it_stands) {
    std::string_view const letter = "\xE4\xBD\xA0";
    for (std::size_t size = 1; size < 200; ++size) {
        for (std::size_t at = 0; at <= size; ++at) {
            std::string text(size, 'x');
            text.insert(at, letter);
            ASSERT_EQ(count(text).estimate, static_cast<std::int64_t>((size + 4 + 3) / 4));
        }
    }
}

TEST(Count, a_denser_script_is_more_tokens_of_as_many_bytes) {
    std::string const ascii(120, 'a');
    std::string cyrillic, chinese;
    for (int i = 0; i < 60; ++i) cyrillic += "\xD0\xB6";
    for (int i = 0; i < 40; ++i) chinese += "\xE4\xBD\xA0";
    EXPECT_LT(count(ascii).estimate, count(chinese).estimate);
    EXPECT_EQ(count(cyrillic).estimate, 30);
    EXPECT_EQ(count(chinese).estimate, 40);
}

// ../shared/data/tokens-golden.jsonl when it is there: lines {"text", "o200k", "cl100k"}. A few of
// its texts stand here too, so that the test says something without it.
std::vector<nlohmann::json> golden() {
    std::vector<nlohmann::json> lines;
    for (auto const& [text, o200k, cl100k] :
         {std::tuple{"undefined", 1, 1}, {"(null)", 2, 2}, {"NIL", 2, 1}, {"True", 1, 1}}) {
        lines.push_back({{"text", text}, {"o200k", o200k}, {"cl100k", cl100k}});
    }
    std::ifstream file(std::string{SLUICE_SOURCE_DIR} + "/../shared/data/tokens-golden.jsonl");
    for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
}

TEST(Count, the_bounds_hold_for_texts_that_were_counted_exactly) {
    double error = 0;
    std::int64_t estimated = 0, exact = 0;
    auto const lines = golden();
    for (auto const& line : lines) {
        auto const text = line["text"].get<std::string>();
        auto const counted = count(text);
        for (auto const* vocabulary : {"o200k", "cl100k"}) {
            auto const real = line[vocabulary].get<std::int64_t>();
            ASSERT_LE(counted.lower, real) << vocabulary << ": " << text;
            ASSERT_GE(counted.upper, real) << vocabulary << ": " << text;
        }
        estimated += counted.estimate;
        exact += line["o200k"].get<std::int64_t>();
        error +=
            std::abs(static_cast<double>(counted.estimate - line["o200k"].get<std::int64_t>()));
    }
    RecordProperty("texts", static_cast<int>(lines.size()));
    RecordProperty("estimate_per_exact", std::to_string(static_cast<double>(estimated) / exact));
    EXPECT_LT(error / static_cast<double>(exact), 1.0);
}

}  // namespace
}  // namespace sluice::tokens
