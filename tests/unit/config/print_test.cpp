// A loaded configuration written out: complete, without a secret, and read back as the same.
#include "config/print.hpp"

#include <gmock/gmock.h>

#include "config/describe.hpp"
#include "unit/config/examples.hpp"

namespace sluice::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

// What may be missing: settings that say nothing where they were not set.
void expect_whole(Shape const& shape, Json const& printed, std::string const& path,
                  std::vector<std::string>& missing) {
    if (shape.type == Shape::Type::object) {
        if (!printed.is_object()) return;  // not set
        for (auto const& field : shape.fields) {
            auto const below = path + "." + field.name;
            if (!printed.contains(field.name)) {
                missing.push_back(below);
            } else {
                expect_whole(field.shape, printed[field.name], below, missing);
            }
        }
    } else if (shape.type == Shape::Type::map || shape.type == Shape::Type::list) {
        for (auto const& entry : printed) expect_whole(shape.parts[0], entry, path, missing);
    }
}

TEST(Print, EverySettingIsThere) {
    auto const printed = to_json(load_text("", "x.yaml", with()).document);
    std::vector<std::string> missing;
    expect_whole(document_description().shape, printed, "", missing);
    EXPECT_THAT(missing, ElementsAre());
}

TEST(Print, EveryExampleIsReadBackAsTheSame) {
    for (auto const& example : examples()) {
        auto const loaded = load_document(example.path, with_everything());
        ASSERT_TRUE(loaded.ok()) << told(loaded);
        auto json = to_json(loaded.document);
        EXPECT_THAT(to_yaml(json), Not(HasSubstr(canary))) << example.path;
        // Hashes of keys are cut short and header values hidden; the rest can be read again.
        json.erase("keys");
        auto const again = load_text(to_yaml(json), "again.yaml", with_everything());
        ASSERT_TRUE(again.ok()) << example.path << "\n" << told(again) << to_yaml(json);
        auto second = to_json(again.document);
        second.erase("keys");
        EXPECT_EQ(json.dump(1), second.dump(1)) << example.path;
    }
}

TEST(Print, SecretsAreMaskedAndReferencesNamed) {
    auto options = with_everything();
    auto const loaded = load_text(
        "admin: {token: \"${TOKEN}\"}\n"
        "providers:\n"
        "  openai:\n"
        "    keys:\n"
        "      a: \"${OPENAI_KEY_1}\"\n"
        "      b: {value: \"file:/run/secrets/b\", weight: 3}\n"
        "      c: sk-in-clear-0001\n"
        "    headers: {x-org: secret-org}\n"
        "    egress_proxy: \"http://user:hunter22@proxy:3128\"\n"
        "routes: {\"*\": openai}\n"
        "keys:\n  t:\n    keys:\n      k: {value: sk-some-client-key}\n",
        "x.yaml", options);
    ASSERT_TRUE(loaded.ok()) << told(loaded);
    auto const printed = to_json(loaded.document);
    EXPECT_EQ(printed["admin"]["token"], hidden);
    auto const& openai = printed["providers"]["openai"];
    EXPECT_EQ(openai["keys"]["a"]["value"], "${OPENAI_KEY_1}");
    EXPECT_EQ(openai["keys"]["b"]["value"], "file:/run/secrets/b");
    EXPECT_EQ(openai["keys"]["c"]["value"], hidden);
    EXPECT_EQ(openai["headers"]["x-org"], hidden);
    auto const all = to_yaml(printed);
    for (auto const* secret :
         {"sk-in-clear-0001", "secret-org", "hunter22", "sk-some-client-key", canary}) {
        EXPECT_THAT(all, Not(HasSubstr(secret)));
    }
    EXPECT_THAT(all, HasSubstr("sha256:"));
}

std::vector<std::string> changes(std::string const& before, std::string const& after) {
    auto options = with();
    auto const a = load_text(before, "x.yaml", options);
    auto const b = load_text(after, "x.yaml", options);
    EXPECT_TRUE(a.ok()) << told(a);
    EXPECT_TRUE(b.ok()) << told(b);
    return changed_paths(a.document, b.document);
}

std::string with_key(std::string const& value, std::string const& more = "") {
    return "providers:\n  up: {kind: openai_compatible, base_url: \"http://h/v1\", keys: {k: " +
           value + "}" + more +
           "}\nroutes: {\"*\": up}\nkeys:\n  t:\n    keys:\n      k: {value: sk-some-client-key}\n";
}

TEST(Print, WhatChangedIsNamedByPath) {
    auto const base = with_key("sk-up-0001");
    EXPECT_THAT(changes(base, base), ElementsAre());
    EXPECT_THAT(changes(base, "server: {drain_ms: 5}\n" + base), ElementsAre("server.drain_ms"));
    EXPECT_THAT(changes(base, with_key("sk-up-0002")), ElementsAre("providers.up.keys.k"));
    EXPECT_THAT(changes(with_key("a-0001", ", headers: {x-a: one}"),
                        with_key("a-0001", ", headers: {x-a: two}")),
                ElementsAre("providers.up.headers.x-a"));
    EXPECT_THAT(changes("server: {listeners: [{address: \"127.0.0.1:1\"}]}\n" + base,
                        "server: {listeners: [{address: \"127.0.0.1:2\"}]}\n" + base),
                ElementsAre("server.listeners[0].address"));
    EXPECT_THAT(changes(base, base + "  new:\n    keys:\n      k: {value: sk-other-client-key}\n"),
                ElementsAre("keys.new"));
}

}  // namespace
}  // namespace sluice::config
