// Runs of plain bytes and short escapes: with vectors as without.
#include "codec/json_run.hpp"

#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

#include "codec/json_bytes.hpp"
#include "codec/json_walk.hpp"

namespace sluice::codec::json_bytes {
namespace {

std::vector<Vectors> widths() {
    std::vector<Vectors> out{Vectors::none};
    if (vectors() >= Vectors::avx2) out.push_back(Vectors::avx2);
    if (vectors() >= Vectors::avx512) out.push_back(Vectors::avx512);
    return out;
}

// How far a run may go, byte by byte, and how many escapes stand before `until`.
Run slow(char const* at, char const* end, char const* until) {
    Run run{at, 0};
    while (run.end < end && run.end < until) {
        if (*run.end != '\\') {
            if (is_special(*run.end)) break;
            ++run.end;
            continue;
        }
        if (end - run.end < 2 || !is_short_escape(run.end[1])) break;
        ++run.escapes;
        run.end += 2;
    }
    return run;
}

void expect_right(std::string const& text) {
    auto const* const end = text.data() + text.size();
    for (auto const width : widths()) {
        auto const run = skip_run(text.data(), end, width);
        auto const right = slow(text.data(), end, run.end);
        ASSERT_EQ(run.end - text.data(), right.end - text.data()) << text;
        ASSERT_EQ(run.escapes, right.escapes) << text;
        // Only what fills no block may be left where the run could go on.
        auto const furthest = slow(text.data(), end, end).end;
        ASSERT_LT(furthest - run.end, 65) << text;
    }
}

TEST(JsonRun, EndsWhereTheTextEndsOrAnEscapeIsNotShort) {
    for (std::size_t before = 0; before < 140; ++before) {
        std::string const plain(before, 'a');
        std::string const behind(140, 'b');
        for (auto const* const odd :
             {"\"", "\\u0041", "\\x", "\n", "\x1f", "\\\n", "\\\\\"", "\\\"", "\\\\\\\"",
              "\\n\\u0041", "\\\\\\\\", "\\\\u0041", "\xc3\xa9"}) {
            expect_right(plain + odd + behind);
        }
    }
}

TEST(JsonRun, RandomTextsEndAlikeWithAllVectors) {
    std::mt19937 random(7);
    constexpr std::string_view alphabet = "abn\\\\\\\"tu/ \xc3\xa9";
    for (int round = 0; round < 20'000; ++round) {
        std::string text(random() % 300, 'x');
        auto const odd = 1 + random() % 40;
        for (auto& c : text) {
            if (random() % odd == 0) c = alphabet[random() % alphabet.size()];
        }
        expect_right(text);
    }
}

TEST(JsonRun, AStringIsReadAlikeHoweverItsTextIsSkipped) {
    std::mt19937 random(11);
    for (int round = 0; round < 5'000; ++round) {
        std::string text = "\"";
        auto const units = 200 + random() % 300;
        for (std::size_t i = 0; i < units; ++i) {
            switch (random() % 24) {
                case 0:
                    text += "\\n";
                    break;
                case 1:
                    text += "\\\\";
                    break;
                case 2:
                    text += "\\\"";
                    break;
                case 3:
                    text += random() % 8 == 0 ? "\\u00e9" : "e";
                    break;
                default:
                    text += static_cast<char>('a' + random() % 26);
            }
        }
        auto const size = text.size() + 1;
        text += "\",\"another\" \\ and what follows it, long enough for a block of 64 bytes or so";
        JsonScanner scan(text);
        JsonString read;
        ASSERT_TRUE(scan.read_string(read)) << text;
        ASSERT_EQ(read.quoted.size(), size) << text;
    }
}

}  // namespace
}  // namespace sluice::codec::json_bytes
