// JSON escaping: what comes out parses, and parses to what went in.
#include "base/json_text.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sluice {
namespace {

std::string to_json(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

TEST(JsonText, EveryAsciiByteRoundTrips) {
    std::string all;
    for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
    EXPECT_EQ(nlohmann::json::parse(to_json(all)).get<std::string>(), all);
    EXPECT_EQ(to_json("a\"b\\c\n\x01"), R"("a\"b\\c\n\u0001")");
}

// Texts are looked at by vectors, words and bytes: each byte at each place of each length.
TEST(JsonText, EveryByteIsSeenWhereverItStands) {
    for (std::size_t size = 1; size < 40; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            for (int c = 0; c < 128; ++c) {
                std::string text(size, 'x');
                text[at] = static_cast<char>(c);
                auto const out = to_json(text);
                bool const is_plain = c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
                ASSERT_EQ(out == '"' + text + '"', is_plain) << size << ' ' << at << ' ' << c;
                if (!is_plain) {
                    ASSERT_EQ(nlohmann::json::parse(out).get<std::string>(), text);
                }
            }
        }
    }
}

TEST(CopyIfPlain, EveryByteIsSeenWhereverItStandsAndNoneBeyond) {
    for (std::size_t size = 0; size < 70; ++size) {
        std::string text(size, 'x');
        for (std::size_t at = 0; at < size; ++at) text[at] = static_cast<char>('a' + at % 26);
        std::string to(size + 2, '#');
        ASSERT_TRUE(copy_if_plain(to.data() + 1, text)) << size;
        ASSERT_EQ(to, '#' + text + '#') << size;
        for (std::size_t at = 0; at < size; ++at) {
            for (int c = 0; c < 256; ++c) {
                auto other = text;
                other[at] = static_cast<char>(c);
                bool const is_plain = c >= 0x20 && c != '"' && c != '\\' && c < 0x7f;
                ASSERT_EQ(copy_if_plain(to.data() + 1, other), is_plain)
                    << size << ' ' << at << ' ' << c;
                ASSERT_EQ(to.front() == '#' && to.back() == '#', true) << size;
            }
        }
    }
}

TEST(JsonText, WellFormedUtf8PassesAsItIs) {
    std::string const text = "d\xc3\xa9j\xc3\xa0 \xe2\x82\xac \xf0\x9f\x98\x80 \xef\xbf\xbf";
    EXPECT_EQ(to_json(text), "\"" + text + "\"");
}

TEST(JsonText, IllFormedUtf8BecomesReplacementCharacters) {
    for (std::string_view const bad :
         {"\x80", "\xc3", "\xc0\xaf", "\xe2\x82", "\xed\xa0\x80", "\xf5\x80\x80\x80",
          "\xf4\x90\x80\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xff"}) {
        auto const out = to_json(bad);
        EXPECT_TRUE(nlohmann::json::accept(out)) << out;
        EXPECT_NE(out.find("\xef\xbf\xbd"), std::string::npos);
    }
    EXPECT_EQ(to_json("a\xff z"), "\"a\xef\xbf\xbd z\"");
}

TEST(AppendNumber, Extremes) {
    std::string out;
    append_number(out, std::numeric_limits<std::int64_t>::min());
    out += ' ';
    append_number(out, std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(out, "-9223372036854775808 18446744073709551615");
}

}  // namespace
}  // namespace sluice
