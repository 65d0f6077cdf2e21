// A text in a JSON string is read once, and becomes what two readings of it make.
#include "guard/normalise.hpp"

#include <gtest/gtest.h>
#include <random>

namespace sluice::guard {
namespace {

std::size_t below(std::mt19937& random, std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most - 1)(random);
}

std::string escaped(std::string_view text, std::mt19937& random) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (char const c : text) {
        auto const byte = static_cast<unsigned char>(c);
        bool const must = c == '"' || c == '\\' || byte < 0x20;
        if (byte < 0x80 && (must || below(random, 4) == 0)) {
            if (must && byte >= 0x20 && below(random, 2) == 0) {
                out.append("\\").append(1, c);
            } else {
                out.append("\\u00").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
            }
        } else {
            out += c;
        }
    }
    return out;
}

std::string random_inside(std::mt19937& random) {
    static constexpr std::string_view pieces[] = {"Dr. Who, 4 May 2024, ",
                                                  "50% of it",
                                                  "%41",
                                                  "%4",
                                                  "%",
                                                  "&#64;",
                                                  "&#x40;",
                                                  "&commat;",
                                                  "&ZeroWidthSpace;",
                                                  "&#x000000A0;",
                                                  "&",
                                                  "&#",
                                                  "\\u0041",
                                                  "\\u00e9",
                                                  "\\ud83d",
                                                  "\\n",
                                                  "\\\\u0041",
                                                  "\\",
                                                  "u0041",
                                                  "C:\\users\\u",
                                                  "\xc3\xa9",
                                                  "\xe2\x80\x91",
                                                  "\xe2\x80\x8b",
                                                  "\xef\xbc\xa1",
                                                  "\xf0\x9f\x98\x80",
                                                  "\xc2\xa0",
                                                  "\"",
                                                  "\n",
                                                  "\t",
                                                  "a",
                                                  "1"};
    static constexpr std::string_view raw[] = {"\\ud83d\\ude00", "\\ud83d", "\\u200b", "\\u2011",
                                               "\\uff21",        "\\/",     "\\b",     "\\u00e9",
                                               "\\udc00"};
    std::string out;
    for (auto count = 1 + below(random, 12); count > 0; --count) {
        if (below(random, 4) == 0) {
            out += raw[below(random, std::size(raw))];
            continue;
        }
        auto const piece = pieces[below(random, std::size(pieces))];
        out += escaped(piece.substr(0, 1 + below(random, piece.size())), random);
    }
    return out;
}

// A cut in a character is no JSON text: such bytes may come from pieces, and are read all the same.
TEST(Normalise, AQuotedTextIsReadAtOnceAsItIsInTwoSteps) {
    std::mt19937 random(3);
    std::size_t odd = 0;
    for (int round = 0; round < 100'000; ++round) {
        auto const inside = random_inside(random);
        Normalised decoded, twice, once;
        std::size_t at = 0;
        decode_json(inside, at, inside.size(), decoded);
        JsonState state;
        at = 0;
        ASSERT_TRUE(normalise(decoded.text, at, true, Syntax::text, state, twice));
        for (at = 0; at < inside.size();) {
            normalise_quoted(inside, at, at + 1 + below(random, 40), once);
        }
        ASSERT_EQ(at, inside.size());
        ASSERT_EQ(once.text, twice.text) << inside;
        for (std::size_t i = 0; i < once.text.size(); ++i) {
            ASSERT_EQ(once.source_begin(i), decoded.source_begin(twice.source_begin(i)))
                << inside << " at " << i;
            ASSERT_EQ(once.source_end(i), decoded.source_end(twice.source_end(i) - 1))
                << inside << " at " << i;
        }
        at = 0;
        if (is_normal(inside, at, inside.size(), Syntax::quoted)) {
            ASSERT_EQ(std::string_view{once.text}, inside);
        } else {
            ++odd;
            ASSERT_LT(at, inside.size());
            ASSERT_EQ(std::string_view{once.text}.substr(0, at), inside.substr(0, at));
        }
    }
    EXPECT_GT(odd, 1000U);
    EXPECT_LT(odd, 99'000U);
}

}  // namespace
}  // namespace sluice::guard
