// YAML as strictly as it is read: what is refused, and where.
#include "config/tree.hpp"

#include "config/prose.hpp"
#include "unit/config/support.hpp"

namespace sluice::config {
namespace {

std::string first_problem(std::string const& text) {
    auto const parsed = parse_yaml(text, "f");
    return parsed.problems.empty() ? "" : to_text(parsed.problems.front());
}

struct Refused {
    char const* name;
    std::string text;
    std::string starts;
};

class RefusedYaml : public testing::TestWithParam<Refused> {};

TEST_P(RefusedYaml, is_told_with_its_place) {
    auto const told = first_problem(GetParam().text);
    EXPECT_TRUE(told.starts_with(GetParam().starts)) << told;
}

INSTANTIATE_TEST_SUITE_P(
    Tree, RefusedYaml,
    testing::Values(
        Refused{"duplicate", "a: 1\nb: 2\na: 3\n", "f:3:1: error: the key \"a\" stands here twice"},
        Refused{"duplicate_quoted", "{a: 1,\n 'a': 2}", "f:2:2: error: the key \"a\" stands here"},
        Refused{"merge", "x: &x {a: 1}\ny:\n  <<: *x\n", "f:3:3: error: merge keys (<<)"},
        Refused{"tag", "a: !!str 1\n", "f:1:4: error: YAML tags"},
        Refused{"tag_on_map", "a: !x {b: 1}\n", "f:1:4: error: YAML tags"},
        Refused{"list_as_key", "? [a]\n: 1\n", "f:1:3: error: a map key must be"},
        Refused{"map_as_key", "{{a: b}: 1}\n", "f:1:2: error: a map key must be"},
        Refused{"second_document", "a: 1\n---\nb: 2\n", "f:2:1: error: a second YAML document"},
        Refused{"tab", "a:\n\tb: 1\n", "f:2:1: error: a tab in the indentation"},
        Refused{"tab_after_spaces", "a:\n  \tb: 1\n", "f:2:3: error: a tab in the indentation"},
        Refused{"latin1", "a: caf\xE9\n", "f:1:7: error: not UTF-8"},
        Refused{"overlong", "a: \xC0\xAF\n", "f:1:4: error: not UTF-8"},
        Refused{"surrogate", "a: \xED\xA0\x80\n", "f:1:4: error: not UTF-8"},
        Refused{"zero", std::string("a: b\0c\n", 7), "f:1:5: error: a control character"},
        Refused{"own_alias", "a: &a [*a]\n", "f:1:8: error: an alias (*) inside its own anchor"},
        Refused{"unknown_alias", "a: *b\n", "f:1:4: error: not YAML: "},
        Refused{"colon", "a: b: c\n", "f:1:5: error: not YAML: "},
        Refused{"open_bracket", "a: [1\nb: 2\n",
                "f:1:4: error: not YAML: what [ begins here is not closed; at line 2, column 2 a "
                "comma or ] is due"},
        Refused{"open_brace", "x: [1, 2]\na:\n  b: {c: 1, d: {e: 2}\nf: 3\n",
                "f:3:6: error: not YAML: what { begins here is not closed; at line "},
        Refused{"missing_comma", "a: {b: \"x\" c: 1}\n",
                "f:1:4: error: not YAML: what { begins here is not closed; at line 1, column 12 "},
        Refused{"open_quote", "a: \"b\nc: d\n", "f:1:4: error: a quote that is never closed"},
        Refused{"open_single_quote", "é: 1\nb: 'it''s\n", "f:2:4: error: a quote that is never"},
        Refused{"too_deep", "a: " + std::string(40, '[') + std::string(40, ']'),
                "f:1:35: error: nested deeper than 32"},
        Refused{"too_large", std::string(file_bytes_max + 1, '#'), "f:1:1: error: larger than"}),
    [](auto const& param) { return std::string(param.param.name); });

TEST(Tree, billion_laughs_stop_early) {
    std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
        auto const last = "*a" + std::to_string(i - 1);
        text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
        for (int k = 0; k < 9; ++k) text += ", " + last;
        text += "]\n";
    }
    EXPECT_NE(first_problem(text).find("too much: over 50000 values"), std::string::npos);
}

TEST(Tree, plain_aliases_are_fine) {
    auto const parsed = parse_yaml("a: &x {k: v}\nb: *x\n", "f");
    ASSERT_TRUE(parsed.problems.empty());
    EXPECT_EQ(parsed.root->find("b")->value->find("k")->value->text, "v");
}

TEST(Tree, byte_order_mark_and_crlf_are_fine) {
    auto const parsed = parse_yaml(
        "\xEF\xBB\xBF"
        "a: \"1\"\r\nb: 'x'\r\n",
        "f");
    ASSERT_TRUE(parsed.problems.empty()) << to_text(parsed.problems[0]);
    EXPECT_EQ(parsed.root->find("b")->value->text, "x");
}

TEST(Tree, a_hash_sign_or_quote_inside_a_comment_or_text_is_not_an_open_quote) {
    for (char const* text :
         {"a: 1 # it's\n", "a: it's\n", "a: \"x\\\"y\"\n", "a: 'it''s'\n", "a: |\n  don't \"\n"}) {
        EXPECT_EQ(first_problem(text), "") << text;
    }
}

TEST(Tree, nothing_is_a_document) {
    for (char const* text : {"", "# only words\n", "---\n"}) {
        auto const parsed = parse_yaml(text, "f");
        ASSERT_TRUE(parsed.root) << text;
        EXPECT_EQ(parsed.root->kind, Node::Kind::null) << text;
        EXPECT_TRUE(parsed.problems.empty());
    }
}

}  // namespace
}  // namespace sluice::config
