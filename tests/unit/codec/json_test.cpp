// The scanner against JSONTestSuite and its own bounds; the reader and writer of sluice/json.hpp.
#include "sluice/json.hpp"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "codec/base64.hpp"
#include "codec/json_walk.hpp"

namespace sluice::codec {
namespace {

std::string shared_data(std::string const& name) {
    if (auto const* const set = std::getenv("SLUICE_SHARED_DATA")) return set + ("/" + name);
    return std::string{SLUICE_SOURCE_DIR} + "/../shared/data/" + name;
}

// A copy of exact size on the heap: a sanitizer sees any read past the end.
JsonVerdict check(std::string_view text) {
    std::vector<char> const bytes(text.begin(), text.end());
    auto verdict = check_json({bytes.data(), bytes.size()});
    EXPECT_EQ(verdict.ok, verdict.reason.empty());
    return verdict;
}

TEST(JsonScanner, AgreesWithJsonTestSuite) {
    std::ifstream file(shared_data("jsontestsuite.jsonl"));
    if (!file) {
        std::cout << "NOTE: jsontestsuite.jsonl is not there; nothing was checked\n";
        GTEST_SKIP();
    }
    std::size_t checked = 0;
    for (std::string line; std::getline(file, line);) {
        auto const row = nlohmann::json::parse(line);
        auto const name = row.at("name").get<std::string>();
        auto const expect = row.at("expect").get<std::string>();
        auto const bytes = from_base64(row.at("b64").get<std::string>());
        ASSERT_TRUE(bytes) << name;
        auto const verdict = check(*bytes);
        if (expect != "either") {
            EXPECT_EQ(verdict.ok, expect == "accept") << name << ": " << verdict.reason;
        }
        // A whole read of what is accepted never fails either.
        if (verdict.ok) {
            EXPECT_TRUE(json::parse(*bytes)) << name;
        }
        ++checked;
    }
    EXPECT_GT(checked, 300U);
}

struct Row {
    std::string name;
    std::string text;
    bool ok;
};

class JsonText : public testing::TestWithParam<Row> {};

TEST_P(JsonText, IsJudged) { EXPECT_EQ(check(GetParam().text).ok, GetParam().ok); }

std::string nested(std::size_t depth) {
    return std::string(depth, '[') + "1" + std::string(depth, ']');
}

INSTANTIATE_TEST_SUITE_P(
    Table, JsonText,
    testing::Values(
        Row{"depth_128", nested(128), true}, Row{"depth_129", nested(129), false},
        Row{"open_100k", std::string(100000, '['), false},
        Row{"big_number", "[1e400, 123456789012345678901234567890, -0, 0.0e-7]", true},
        Row{"leading_zero", "01", false}, Row{"plus", "+1", false}, Row{"bare_minus", "-", false},
        Row{"dot_without_digits", "1.", false}, Row{"exponent_without_digits", "1e+", false},
        Row{"pair", R"("\ud83d\ude00")", true}, Row{"lone_high", R"("\ud83d")", false},
        Row{"lone_low", R"("\ude00")", false}, Row{"high_high", R"("\ud83d\ud83d")", false},
        Row{"high_then_text", R"("\ud83dxxxxxx")", false}, Row{"short_u", R"("\u12")", false},
        Row{"u_with_sign", R"("\u+123")", false}, Row{"unknown_escape", R"("\x41")", false},
        Row{"cut_escape", R"("\)", false}, Row{"control", "\"a\nb\"", false},
        Row{"delete_is_fine", "\"\x7f\"", true}, Row{"bad_utf8", "\"\xff\"", false},
        Row{"surrogate_in_utf8", "\"\xed\xa0\x80\"", false},
        Row{"overlong_utf8", "\"\xc0\xaf\"", false}, Row{"trailing_comma", "[1,]", false},
        Row{"trailing_comma_in_object", R"({"a":1,})", false}, Row{"two_values", "{} {}", false},
        Row{"nul_behind", std::string("{}\0", 3), false}, Row{"mark", "\xef\xbb\xbf{}", false},
        Row{"nothing", "", false}, Row{"space_only", "  ", false}, Row{"literal_cut", "tru", false},
        Row{"literal_long", "truee", false}, Row{"mismatched", "[}", false},
        Row{"colon_missing", R"({"a" 1})", false}, Row{"name_is_no_string", "{1:1}", false},
        Row{"string_of_31_plain_then_quote", "\"" + std::string(31, 'x') + "\"", true},
        Row{"control_at_17", "\"" + std::string(16, 'x') + "\x01\"", false}),
    [](auto const& row) { return row.param.name; });

TEST(JsonScanner, DecodesKeysBeforeComparing) {
    std::string const text = R"({"m\u006fdel":1})";
    JsonScanner scan(text);
    ASSERT_TRUE(scan.enter('{'));
    JsonString raw;
    bool first = true;
    ASSERT_TRUE(scan.next_key(raw, first));
    JsonKey key;
    key.set(raw);
    EXPECT_EQ(key.name(), "model");
}

TEST(JsonScanner, ALongEscapedNameIsNoName) {
    std::string const text = "\"\\n" + std::string(200, 'a') + "\"";
    JsonScanner scan(text);
    JsonString raw;
    ASSERT_TRUE(scan.read_string(raw));
    JsonKey key;
    key.set(raw);
    EXPECT_EQ(key.name().size(), 202U);
}

TEST(Json, ReadsValues) {
    std::string const text =
        R"( {"a":[1,"two",{"b":null}],"c":true,"d":-1.5e2,"e\n":"\u00e9\ud83d\ude00\"","f":9223372036854775808} )";
    auto const root = json::parse(text);
    ASSERT_TRUE(root);
    EXPECT_TRUE(root->is_object());
    EXPECT_EQ((*root)["a"].at(0).integer(), 1);
    EXPECT_EQ((*root)["a"].at(1).string(), "two");
    EXPECT_TRUE((*root)["a"].at(2)["b"].is_null());
    EXPECT_FALSE((*root)["a"].at(3).exists());
    EXPECT_FALSE((*root)["none"]["deeper"].exists());
    EXPECT_EQ((*root)["c"].boolean(), true);
    EXPECT_EQ((*root)["d"].number(), -150.0);
    EXPECT_FALSE((*root)["d"].integer());
    EXPECT_EQ((*root)["e\n"].string(), "\xc3\xa9\xf0\x9f\x98\x80\"");
    EXPECT_FALSE((*root)["f"].integer());
    EXPECT_FALSE((*root)["c"].string());
    EXPECT_EQ((*root)["a"].raw(), R"([1,"two",{"b":null}])");

    json::Members members(*root);
    std::string name;
    json::Value value;
    std::vector<std::string> names;
    while (members.next(name, value)) names.push_back(name);
    EXPECT_EQ(names, (std::vector<std::string>{"a", "c", "d", "e\n", "f"}));
}

TEST(Json, RefusesWithPlaceAndReason) {
    auto const bad = json::parse("{\"a\":1,}");
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code, ErrorCode::invalid_json);
    EXPECT_NE(bad.error().message.find("byte 7"), std::string::npos) << bad.error().message;
}

TEST(Json, WritesWhatNlohmannReadsBack) {
    json::Writer w;
    w.begin_object()
        .member("text", std::string_view{"q\" b\\ \n\r\t\x01 \xc3\xa9", 13})
        .member("n", 42)
        .member("x", 0.1)
        .member("inf", std::numeric_limits<double>::infinity())
        .member("yes", true)
        .key("list")
        .begin_array()
        .integer(-1)
        .null()
        .begin_object()
        .end_object()
        .end_array()
        .key("raw")
        .raw("[1]")
        .end_object();
    auto const back = nlohmann::json::parse(w.view());
    EXPECT_EQ(back.at("text"), "q\" b\\ \n\r\t\x01 \xc3\xa9");
    EXPECT_EQ(back.at("n"), 42);
    EXPECT_EQ(back.at("x"), 0.1);
    EXPECT_TRUE(back.at("inf").is_null());
    EXPECT_EQ(back.at("list").dump(), "[-1,null,{}]");
    EXPECT_EQ(back.at("raw").dump(), "[1]");
}

TEST(Json, RepairsBytesThatAreNoUtf8) {
    std::string out;
    json::append_string(out, "a\xff\"\xc3\xa9\xc3");
    EXPECT_EQ(out, "\"a\xef\xbf\xbd\\\"\xc3\xa9\xef\xbf\xbd\"");
}

TEST(JsonScanner, AKnownValueIsSkippedAsFarAsAStrictOne) {
    for (std::string_view const value :
         {R"("a \" b")", "12.5e3", "-0", "true", "null", "{}", "[]",
          R"({"a":{"b":[1,{"c":"}]"}]}})", R"([ "[", {"\"":"\\"} , [[]] ])", "[1,2,3]"}) {
        for (std::string_view const behind : {"", ",", "}", " ]"}) {
            auto const text = std::string{value} + std::string{behind};
            JsonScanner strict(text), known(text);
            ASSERT_TRUE(strict.skip_value(0)) << text;
            ASSERT_TRUE(known.skip_known_value()) << text;
            EXPECT_EQ(known.offset(), strict.offset()) << text;
        }
    }
}

TEST(JsonScanner, AKnownValueThatIsCutIsTold) {
    for (std::string_view const text : {"", "{", "[1,", R"({"a")", R"(["a)", "tru"}) {
        JsonScanner scan(text);
        EXPECT_FALSE(scan.skip_known_value()) << text;
        EXPECT_TRUE(scan.failed()) << text;
    }
}

TEST(Base64, MatchesRfc4648) {
    std::vector<std::pair<std::string, std::string>> const rows{{"", ""},
                                                                {"f", "Zg=="},
                                                                {"fo", "Zm8="},
                                                                {"foo", "Zm9v"},
                                                                {"foob", "Zm9vYg=="},
                                                                {"fooba", "Zm9vYmE="},
                                                                {"foobar", "Zm9vYmFy"}};
    for (auto const& [plain, coded] : rows) {
        EXPECT_EQ(to_base64(plain), coded);
        EXPECT_EQ(from_base64(coded), plain);
    }
    for (auto const* bad : {"Zg=", "Zg", "Z===", "Zh==", "Zm9=", "Zm 8", "====", "Zg==Zg=="}) {
        EXPECT_FALSE(from_base64(bad)) << bad;
    }
}

}  // namespace
}  // namespace sluice::codec
