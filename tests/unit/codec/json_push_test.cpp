// JSON in pieces agrees with the strict scanner on structure, in every split.
#include "codec/json_push.hpp"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace sluice::codec {
namespace {

struct Log {
    std::string text;
    void on_key(std::string_view name, std::size_t depth) {
        text += "k" + std::to_string(depth) + std::string{name} + " ";
    }
    void on_begin(JsonKind kind, std::size_t depth, char const*) {
        text += "b" + std::to_string(static_cast<int>(kind)) + std::to_string(depth) + " ";
    }
    void on_end(JsonKind, std::size_t depth, char const*) {
        text += "e" + std::to_string(depth) + " ";
    }
    void on_text(std::size_t raw_bytes) { text_bytes += raw_bytes; }
    std::size_t text_bytes = 0;
};

struct Read {
    std::string log;
    std::size_t text_bytes = 0;
    bool ok = false;
    bool operator==(Read const&) const = default;
};

Read read(std::vector<std::string_view> const& pieces) {
    Log log;
    JsonPush<Log> push(log);
    bool ok = true;
    for (auto const piece : pieces) {
        std::vector<char> const bytes(piece.begin(), piece.end());
        ok = push.feed({bytes.data(), bytes.size()}) && ok;
    }
    ok = push.finish() && ok;
    return {log.text, log.text_bytes, ok};
}

struct Row {
    std::string name;
    std::string text;
    bool ok;
};

class JsonPushReads : public testing::TestWithParam<Row> {};

TEST_P(JsonPushReads, TheSameInEverySplit) {
    std::string_view const text = GetParam().text;
    auto const whole = read({text});
    EXPECT_EQ(whole.ok, GetParam().ok);
    for (std::size_t at = 0; at <= text.size(); ++at) {
        auto const split = read({text.substr(0, at), text.substr(at)});
        EXPECT_EQ(split.ok, whole.ok) << at;
        if (whole.ok) {
            EXPECT_EQ(split, whole) << at;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Table, JsonPushReads,
    testing::Values(Row{"object", R"({"a":1,"b":[true,false,null],"c":{"d":"e\n\u00e9"}})", true},
                    Row{"spaced", " { \"a\" : [ 1 , 2 ] , \"b\" : [ ] , \"c\" : { } } \n", true},
                    Row{"mixed_array", R"([1, 2 , "x",3,{"y":4},[5],null , 6])", true},
                    Row{"vector", "[-0.0069292834,5.3e-05,1E+2,7,0.1234567890123456789]", true},
                    Row{"scalar_number", "12", true}, Row{"scalar_text", "\"x\"", true},
                    Row{"escaped_key", R"({"m\u006fdel":"x","\ud83d\ude00":1})", true},
                    Row{"trailing_comma_numbers", "[1,2,]", false},
                    Row{"trailing_comma", "[\"a\",]", false},
                    Row{"comma_object", R"({"a":1,})", false}, Row{"two_values", "{} {}", false},
                    Row{"bracket", "[}", false}, Row{"cut", R"({"a":[1,2)", false},
                    Row{"bad_literal", "[nul]", false}, Row{"bad_escape", R"(["\x"])", false},
                    Row{"short_hex", R"(["\u12"])", false}, Row{"control", "[\"a\nb\"]", false},
                    Row{"no_colon", R"({"a" 1})", false}, Row{"no_key", "{1:2}", false},
                    Row{"html", "<html>", false}, Row{"nothing", "", false},
                    Row{"too_deep", std::string(200, '['), false}),
    [](auto const& row) { return row.param.name; });

TEST(JsonPush, NamesAreDecoded) {
    EXPECT_EQ(read({R"({"m\u006fdel":{"x":1}})"}).log.find("k1model"), 4U);
}

}  // namespace
}  // namespace sluice::codec
