// References and secrets: where they resolve, when they are missed, that no message shows one.
#include <gmock/gmock.h>

#include "base/sha256.hpp"
#include "config/expand.hpp"
#include "unit/config/support.hpp"

namespace sluice::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Expand, replaces_references) {
    auto const env = lookup_in({{"A", "1"}, {"EMPTY", ""}, {"ODD", "${A} $$ file:/x"}});
    struct {
        char const* raw;
        char const* text;
    } const cases[] = {{"", ""},
                       {"plain", "plain"},
                       {"${A}", "1"},
                       {"x${A}y${A}", "x1y1"},
                       {"${A:-2}", "1"},
                       {"${NOPE:-2}", "2"},
                       {"${EMPTY:-2}", "2"},
                       {"${EMPTY}", ""},
                       {"${NOPE:-}", ""},
                       {"${NOPE:-a:-b/c}", "a:-b/c"},
                       {"$$", "$"},
                       {"$${A}", "${A}"},
                       {"${ODD}", "${A} $$ file:/x"}};  // what a variable holds is not read again
    for (auto const& [raw, text] : cases) {
        auto const out = expand(raw, env);
        EXPECT_EQ(out.text, text) << raw;
        EXPECT_EQ(out.error, "") << raw;
        EXPECT_THAT(out.missing, IsEmpty()) << raw;
    }
}

TEST(Expand, tells_what_is_missing_or_wrong) {
    auto const env = lookup_in({});
    EXPECT_THAT(expand("${A}${B:-x}", env).missing, ElementsAre("A"));
    for (char const* raw : {"$", "$A", "${A", "${}", "${1A}", "${A B}", "${A-x}", "a$b"}) {
        EXPECT_NE(expand(raw, env).error, "") << raw;
    }
}

TEST(Expand, works_in_numbers_and_words) {
    auto const loaded = load_text("server: {auth: \"${HOW}\", workers: \"${N:-3}\"}\n", "x.yaml",
                                  with({{"HOW", "none"}}));
    EXPECT_TRUE(loaded.ok()) << told(loaded);
    EXPECT_EQ(loaded.document.server.workers, 3);
    EXPECT_EQ(loaded.document.server.auth, Auth::none);
}

std::string provider_with(std::string const& value) {
    return "server: {auth: none}\nproviders: {openai: {keys: {a: " + value + "}}}\n";
}

TEST(Credential, knows_where_it_came_from) {
    auto const options = with({{"A", "sk-aaaaaaaaaaaa"}, {"DIR", "/run"}},
                              {{"/run/k", "sk-filefilefile\n"}, {"etc/k", "sk-relative1234"}});
    struct {
        char const* value;
        char const* secret;
        char const* source;
    } const cases[] = {{"\"${A}\"", "sk-aaaaaaaaaaaa", "A"},
                       {"\"${NOPE}\"", "", "NOPE"},
                       {"\"${NOPE:-sk-default}\"", "sk-default", "NOPE"},
                       {"sk-in-clear", "sk-in-clear", "in clear"},
                       {"\"file:/run/k\"", "sk-filefilefile", "file:/run/k"},
                       {"\"file:${DIR}/k\"", "sk-filefilefile", "file:/run/k"}};
    for (auto const& [value, secret, source] : cases) {
        auto const loaded = load_text(provider_with(value), "x.yaml", options);
        ASSERT_TRUE(loaded.ok()) << told(loaded);
        auto const& credential = loaded.document.providers.at(0).keys.at(0);
        EXPECT_EQ(credential.value.reveal(), secret);
        EXPECT_EQ(credential.source, source);
    }
    auto const relative = load_text(provider_with("\"file:k\""), "etc/x.yaml", options);
    EXPECT_EQ(relative.document.providers.at(0).keys.at(0).value.reveal(), "sk-relative1234");
}

TEST(Credential, wrong_ones_are_told_without_showing_them) {
    auto const options = with({{"SPLIT", "canary\r\nx-evil: 1"}}, {{"/empty", "\n"}});
    for (char const* value : {"\"file:/nope\"", "\"file:/empty\"", "\"${SPLIT}\"",
                              "\"canary with space\"", "\"\"", "\"canary$x\"", "[canary]",
                              "{value: canary, weight: 0}", "{weight: 1}", "\"can\u00e4ry\""}) {
        auto const loaded = load_text(provider_with(value), "x.yaml", options);
        EXPECT_FALSE(loaded.ok()) << value;
        EXPECT_THAT(told(loaded), Not(HasSubstr("canary"))) << value;
        EXPECT_THAT(told(loaded), HasSubstr("x.yaml:2:")) << value;
    }
}

TEST(Secrets, pasted_in_the_wrong_place_are_not_shown) {
    char const* const key = "sk-proj-9f8e7d6c5b4a39281706";
    std::string const texts[] = {std::string("providers: {openai: {keys: {") + key + ": [1]}}\n",
                                 std::string("providers: {openai: {") + key + ": 1}}\n",
                                 std::string("providers: {a: {kind: ") + key + "}}\n",
                                 std::string("routes: {a: ") + key + "}\n",
                                 std::string("routes: {a: {tiers: [{") + key + ": x}]}}\n",
                                 std::string("keys: {t: {models: [") + key + "], keys: {}}}\n",
                                 std::string("keys: {t: {keys: {k: {hash: ") + key + "}}}}\n",
                                 std::string("server: {auth: ") + key + ", workers: " + key + "}\n",
                                 std::string("server: {listeners: [{address: ") + key + "}]}\n",
                                 std::string("{") + key + ": 1, " + key + ": 2}\n",
                                 std::string("a: *") + key + "\n",
                                 std::string("admin: {token: ${") + key + "}}\n",
                                 std::string("storage: {dir: \"${") + key + "}\"}\n"};
    for (auto const& text : texts) {
        auto const loaded = load_text(text, "x.yaml", with());
        EXPECT_FALSE(loaded.ok()) << text;
        EXPECT_THAT(told(loaded), Not(HasSubstr("9f8e7d6c"))) << text;
    }
}

TEST(Secrets, a_variable_in_a_name_is_not_shown) {
    auto const options = with({{"X", "canary"}, {"Y", "canary-2"}});
    for (char const* text :
         {"routes: {a: \"${X}/gpt-4o\"}\n", "routes: {a: {tiers: [\"${X}\"]}}\n",
          "keys: {t: {models: [\"${X}\"], keys: {}}}\n", "storage: {dir: [\"${X}\"]}\n",
          "providers: {a: {kind: \"${X}\"}}\n", "server: {auth: \"${X}\"}\n",
          "keys: {t: {keys: {k: {value: \"file:/${X}\"}}}}\n"}) {
        auto const loaded = load_text(text, "x.yaml", options);
        EXPECT_FALSE(loaded.ok()) << text;
        EXPECT_THAT(told(loaded), Not(HasSubstr("canary"))) << text;
    }
    auto const narrowed = load_and_tell(
        "providers: {mock: }\nroutes: {\"*\": mock}\nkeys: {t: {models: [a], keys: {k: {value: "
        "client-key-0123456789, models: [\"${X}\"]}}}}\n",
        options);
    EXPECT_THAT(narrowed, HasSubstr("narrows its team"));
    EXPECT_THAT(narrowed, Not(HasSubstr("canary")));
}

TEST(ClientKey, value_arrives_hashed) {
    auto const loaded = load_text(
        "providers: {mock: }\nkeys: {t: {keys: {a: {value: \"file:/k\"}, b: {value: \"${K}\"}}}}\n",
        "x.yaml", with({{"K", "key-of-somebody"}}, {{"/k", "key-of-a-file\n"}}));
    ASSERT_TRUE(loaded.ok()) << told(loaded);
    auto const& keys = loaded.document.teams.at(0).keys;
    EXPECT_THAT(keys.at(0).hashes, ElementsAre(sha256_hex("key-of-a-file")));
    EXPECT_THAT(keys.at(1).hashes, ElementsAre(sha256_hex("key-of-somebody")));
    EXPECT_FALSE(keys.at(0).is_trial);
}

TEST(ClientKey, must_be_there) {
    EXPECT_THAT(load_and_tell("keys: {t: {keys: {a: {value: \"${NOPE}\"}}}}\n"),
                HasSubstr("x.yaml:1:30: error: keys.t.keys.a.value needs the environment variable "
                          "NOPE, which is not set"));
    EXPECT_THAT(load_and_tell("keys: {t: {keys: {a: {value: \"file:/nope\"}}}}\n"),
                HasSubstr("names a file that cannot be read: \"/nope\""));
}

TEST(EgressProxy, keeps_its_password_apart) {
    auto const loaded = load_text(
        "server: {auth: none}\nproviders:\n  openai: {egress_proxy: "
        "\"http://u:${P}@proxy:3128/\"}\n"
        "  groq: {egress_proxy: \"http://proxy:3128\"}\n  xai: {egress_proxy: none}\n",
        "x.yaml", with({{"P", "pass"}}));
    EXPECT_TRUE(loaded.ok()) << told(loaded);
    auto const& providers = loaded.document.providers;
    EXPECT_EQ(providers.at(0).egress_proxy, "http://proxy:3128");
    EXPECT_EQ(providers.at(0).egress_proxy_secret.reveal(), "http://u:pass@proxy:3128/");
    EXPECT_EQ(providers.at(1).egress_proxy, "http://proxy:3128");
    EXPECT_TRUE(providers.at(1).egress_proxy_secret.empty());
    EXPECT_EQ(providers.at(2).egress_proxy, "none");
}

}  // namespace
}  // namespace sluice::config
