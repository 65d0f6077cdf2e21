// Rules across settings: references, ties, loopback, the trial, the mock's place, overrides.
#include <gmock/gmock.h>

#include "base/sha256.hpp"
#include "unit/config/support.hpp"

namespace sluice::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// What every table below adds to: a real provider with its credential, a caller.
std::string const base = R"(providers:
  openai: {keys: {main: sk-abcdefgh12345}}
  mock: {kind: mock}
keys: {t: {keys: {k: {value: "client-key-0123456789"}}}}
)";

struct Rule {
    char const* name;
    std::string text;
    std::string expected;  // the one problem; "" = none
};

class Rules : public testing::TestWithParam<Rule> {};

// The texts leave out the routes where they are not about them.
std::string beside_missing_routes(std::string told) {
    auto const at = told.find("warning: there are no routes, ");
    if (at == told.npos) return told;
    auto const begin = told.rfind('\n', at) + 1;  // npos + 1 is the beginning
    return told.erase(begin, told.find('\n', at) + 1 - begin);
}

TEST_P(Rules, tell_one_problem) {
    auto const told = beside_missing_routes(load_and_tell(GetParam().text));
    if (GetParam().expected.empty()) {
        EXPECT_EQ(told, "");
    } else {
        EXPECT_TRUE(told.starts_with(GetParam().expected)) << told;
        EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
    }
}

std::string names(Rule const& rule) { return rule.name; }

INSTANTIATE_TEST_SUITE_P(
    References, Rules,
    testing::Values(
        Rule{"provider", base + "routes: {a: opena/x}\n",
             "x.yaml:5:13: error: routes.a names the provider \"opena\", which is not defined; did "
             "you mean \"openai\"?"},
        Rule{
            "provider_in_tier", base + "routes: {a: {tiers: [{openai/x: 1, nope: 2}]}}\n",
            "x.yaml:5:36: error: routes.a names the provider \"nope\", which is not defined; known "
            "here: openai, mock"},
        Rule{
            "model_of_key",
            "providers: {openai: {keys: {main: sk-abcdefgh12345}}}\nroutes: {chat-fast: openai}\n"
            "keys:\n  t:\n    models: [chat-fats]\n    keys: {k: {value: client-key-0123456789}}\n",
            "x.yaml:5:14: error: keys.t.models[0] names the model \"chat-fats\", which no route "
            "matches; did you mean \"chat-fast\"?"},
        Rule{"model_through_glob",
             "providers: {openai: {keys: {main: sk-abcdefgh12345}}}\nroutes: {\"gpt-*\": openai}\n"
             "keys: {t: {models: [gpt-4o, \"gpt-4*\", \"*\"], keys: {k: {value: "
             "client-key-0123456789}}}}\n",
             ""},
        Rule{"key_wider_than_team",
             "providers: {openai: {keys: {main: sk-abcdefgh12345}}}\nroutes: {a: openai, b: "
             "openai}\n"
             "keys:\n  t:\n    models: [a]\n    keys:\n      k: {value: client-key-0123456789, "
             "models: [b]}\n",
             "x.yaml:7:7: warning: keys.t.keys.k lists \"b\", which its team may not use"},
        Rule{"unknown_kind",
             "providers: {groc: }\nkeys: {t: {keys: {k: {value: client-key-0123456789}}}}\n",
             "x.yaml:1:13: error: providers.groc is of no known kind; did you mean \"groq\"?"}),
    [](auto const& param) { return names(param.param); });

INSTANTIATE_TEST_SUITE_P(
    Patterns, Rules,
    testing::Values(
        Rule{"glob_tie", base + "routes:\n  \"gpt-*\": openai\n  \"gpt-*-mini\": openai\n",
             "x.yaml:7:3: error: the routes \"gpt-*-mini\" and \"gpt-*\" (x.yaml:6:3) match the "
             "same names"},
        Rule{"longer_text_wins",
             base + "routes: {\"gpt-*\": openai, \"gpt-4*\": openai, gpt-4o: "
                    "openai, \"*\": openai}\n",
             ""},
        Rule{"same_text_other_end", base + "routes: {\"a*x\": openai, \"a*y\": openai}\n", ""},
        Rule{"two_stars", base + "routes: {\"a*b*\": openai}\n",
             "x.yaml:5:10: error: routes.a*b* has more than one '*'; at most one is allowed"},
        Rule{"space", base + "routes: {\"a b\": openai}\n",
             "x.yaml:5:10: error: routes.a b is not a usable model name"},
        Rule{"empty_model", base + "routes: {a: openai/}\n",
             "x.yaml:5:13: error: routes.a must be a provider, or provider/model"},
        Rule{"no_tiers", base + "routes: {a: {tiers: []}}\n",
             "x.yaml:5:21: error: routes.a.tiers must have 1 to 20 entries"},
        Rule{"twice_in_a_tier", base + "routes: {a: {tiers: [[openai/x, openai/x]]}}\n",
             "x.yaml:5:33: error: routes.a.tiers[0] names a target that this tier has already"}),
    [](auto const& param) { return names(param.param); });

INSTANTIATE_TEST_SUITE_P(
    MockPlace, Rules,
    testing::Values(
        Rule{"behind_a_real_one", base + "routes: {a: {tiers: [openai, mock]}}\n",
             "x.yaml:5:10: error: routes.a mixes the mock with a real provider"},
        Rule{"beside_a_real_one", base + "routes: {a: mock, b: openai}\n",
             "x.yaml:5:10: error: routes.a goes to the mock while real providers are there"},
        Rule{"allowed", base + "routes: {a: {tiers: [openai, mock], allow_mock: true}}\n", ""},
        Rule{"mixed_in_a_trial",
             "providers: {openai: , mock: {kind: mock}}\nroutes: {a: {tiers: [openai, mock]}}\n"
             "keys: {t: {keys: {k: {value: client-key-0123456789}}}}\n",
             "x.yaml:2:10: error: routes.a mixes the mock with a real provider"},
        Rule{"alone",
             "providers: {mock: }\nroutes: {a: mock}\nkeys: {t: {keys: {k: {value: "
             "client-key-0123456789}}}}\n",
             ""},
        Rule{"no_url",
             "providers:\n  mock: {base_url: \"http://127.0.0.1:1\"}\nkeys: {t: {keys: {k: "
             "{value: client-key-0123456789}}}}\n",
             "x.yaml:2:10: error: providers.mock is of kind mock, which has no base_url"}),
    [](auto const& param) { return names(param.param); });

INSTANTIATE_TEST_SUITE_P(
    Doors, Rules,
    testing::Values(
        Rule{"same_address", base + "server: {listeners: [{address: \"127.0.0.1:9090\"}]}\n",
             "x.yaml:1:1: error: the address \"127.0.0.1:9090\" is taken already"},
        Rule{"free_ports_may_repeat",
             base +
                 "server: {listeners: [{address: \"127.0.0.1:0\"}, {address: \"127.0.0.1:0\"}]}\n",
             ""},
        Rule{"admin_without_token", base + "admin: {address: \"0.0.0.0:9090\"}\n",
             "x.yaml:5:1: error: admin.token is needed when admin.address is not loopback"},
        Rule{"admin_with_token", base + "admin: {address: \"0.0.0.0:9090\", token: abc}\n", ""},
        Rule{"admin_token_missing", base + "admin: {token: \"${ADMIN}\"}\n",
             "x.yaml:5:16: error: admin.token needs the environment variable ADMIN, which is not"},
        Rule{"no_auth_in_the_open", "providers: {mock: }\nserver: {auth: none}\n",
             "x.yaml:2:1: warning: server.auth is none: whoever reaches a listener may call"},
        Rule{"nobody_may_call", "providers: {mock: }\nserver: {}\n",
             "x.yaml:2:1: warning: no client key is configured, so every call is answered 401"},
        Rule{"expired",
             "providers: {mock: }\nkeys:\n  t:\n    keys:\n      k: {value: "
             "client-key-0123456789, expires: \"2026-11-22\"}\n",
             "x.yaml:5:7: warning: keys.t.keys.k has expired"},
        Rule{"last_day",
             "providers: {mock: }\nkeys:\n  t:\n    keys:\n      k: {value: "
             "client-key-0123456789, expires: \"2026-11-23\"}\n",
             ""},
        Rule{"no_such_day",
             "providers: {mock: }\nkeys:\n  t:\n    keys:\n      k: {value: "
             "client-key-0123456789, expires: \"2027-02-30\"}\n",
             "x.yaml:5:50: error: keys.t.keys.k.expires must be a date like 2027-01-31"},
        Rule{"neither_hash_nor_value",
             "providers: {mock: }\nkeys:\n  t:\n    keys:\n      k: {disabled: true}\n",
             "x.yaml:5:7: error: keys.t.keys.k needs a hash (or a value)"},
        Rule{"empty_value",
             "providers: {mock: }\nkeys:\n  t:\n    keys:\n      k: {value: "
             "\"${NOPE:-}\"}\n",
             "x.yaml:5:18: error: keys.t.keys.k.value must be at least 8 characters"}),
    [](auto const& param) { return names(param.param); });

INSTANTIATE_TEST_SUITE_P(
    Providers, Rules,
    testing::Values(
        Rule{
            "credential_over_http",
            "providers:\n  far: {kind: openai_compatible, base_url: \"http://far.example.com/v1\", "
            "keys: {a: sk-abcdefgh12345}}\nkeys: {t: {keys: {k: {value: "
            "client-key-0123456789}}}}\n",
            "x.yaml:2:3: warning: providers.far sends its credential over http"},
        Rule{"unverified",
             "providers:\n  far: {kind: openai_compatible, base_url: "
             "\"https://far.example.com/v1\", "
             "tls: {verify: false}}\nkeys: {t: {keys: {k: {value: client-key-0123456789}}}}\n",
             "x.yaml:2:3: warning: providers.far.tls.verify is false"},
        Rule{"unavailable",
             "providers:\n  openai: {keys: {a: \"${NOPE}\"}}\nkeys: {t: {keys: {k: {value: "
             "client-key-0123456789}}}}\n",
             "x.yaml:2:3: warning: providers.openai is unavailable: NOPE not set"},
        Rule{"reserved_header",
             "providers:\n  mock:\n  a: {kind: openai_compatible, base_url: "
             "\"http://127.0.0.1/v1\", "
             "headers: {Authorization: x}}\nkeys: {t: {keys: {k: {value: "
             "client-key-0123456789}}}}\n",
             "x.yaml:3:75: error: providers.a.headers.Authorization is a header that sluice sets"}),
    [](auto const& param) { return names(param.param); });

TEST(Rules, everything_is_told_at_once_in_order) {
    auto const loaded = load_text(
        "server: {auth: maybe, workers: -1}\nroutes: {a: nope}\nproviders: {openai: {keyz: {}}}\n"
        "storage: {dir: [x]}\nlogging: {}\n",
        "x.yaml", with());
    auto const errors = errors_of(loaded);
    ASSERT_EQ(errors.size(), 6U) << told(loaded);
    char const* places[] = {"x.yaml:1:16:", "x.yaml:1:32:", "x.yaml:2:13:",
                            "x.yaml:3:22:", "x.yaml:4:16:", "x.yaml:5:1:"};
    for (std::size_t i = 0; i < 6; ++i) EXPECT_TRUE(errors[i].starts_with(places[i])) << errors[i];
}

TEST(Rules, one_secret_in_two_keys_is_refused_without_showing_it) {
    auto const hash = sha256_hex("client-key-0123456789");
    auto const told = load_and_tell(
        "providers: {mock: }\nkeys:\n  t:\n    keys:\n      a: {value: "
        "client-key-0123456789}\n      b: {hash: \"sha256:" +
        hash + "\"}\n");
    EXPECT_THAT(told, HasSubstr("x.yaml:6:7: error: keys.t.keys.b has a secret that stands already "
                                "at x.yaml:5:7"));
    EXPECT_THAT(told, Not(HasSubstr(hash)));
    EXPECT_THAT(told, Not(HasSubstr("client-key-0")));
}

std::string trial_on(std::string const& address) {
    return "server: {listeners: [{address: \"" + address +
           "\"}]}\nproviders: {mock: }\nkeys: {t: {keys: {k: {value: sk-sluice-trial}}}}\n";
}

TEST(TrialKey, is_for_loopback_only) {
    for (char const* address : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1",
                                "[::ffff:127.0.0.1]:1", "unix:/tmp/s"}) {
        EXPECT_EQ(load_and_tell(trial_on(address)), "") << address;
    }
    for (char const* address :
         {"0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[2001:db8::1]:1", "128.0.0.1:1"}) {
        auto const told = load_and_tell(trial_on(address));
        EXPECT_THAT(told, HasSubstr("x.yaml:3:19: error: keys.t.keys.k is the trial key"))
            << address;
        EXPECT_THAT(told, HasSubstr("openssl rand -hex 24")) << address;
    }
}

TEST(TrialKey, is_known_by_its_hash_too) {
    auto const text =
        "server: {listeners: [{address: \"0.0.0.0:1\"}]}\nproviders: {mock: }\nkeys: {t: "
        "{keys: {k: {hash: \"sha256:" +
        sha256_hex(trial_key) + "\"}}}}\n";
    EXPECT_THAT(load_and_tell(text), HasSubstr("is the trial key"));
}

TEST(OpenDoor, is_for_loopback_only) {
    auto const told = load_and_tell(
        "providers: {mock: }\nserver: {auth: none, listeners: [{address: \"127.0.0.1:1\"}, "
        "{address: "
        "\"0.0.0.0:2\"}]}\n");
    EXPECT_THAT(told, HasSubstr("x.yaml:2:60: error: server.auth: none is for loopback listeners"));
}

struct TrialCase {
    char const* name;
    char const* providers;
    bool is_trial;
};

class Trial : public testing::TestWithParam<TrialCase> {};

TEST_P(Trial, is_when_the_mock_is_all_there_is) {
    auto const text =
        std::string("server: {auth: none}\nproviders: ") + GetParam().providers + "\n";
    auto const loaded =
        load_text(text, "x.yaml", with({{"SET", "sk-abcdefgh12345"}, {"EMPTY", ""}}));
    EXPECT_TRUE(loaded.ok()) << told(loaded);
    EXPECT_EQ(loaded.document.trial, GetParam().is_trial);
}

INSTANTIATE_TEST_SUITE_P(
    Trial, Trial,
    testing::Values(
        TrialCase{"no_credential", "{openai: , mock: }", true},
        TrialCase{"unset_variable", "{openai: {keys: {a: \"${NOPE}\"}}, mock: }", true},
        TrialCase{"empty_variable", "{openai: {keys: {a: \"${EMPTY}\"}}, mock: }", true},
        TrialCase{"a_credential", "{openai: {keys: {a: \"${NOPE}\", b: \"${SET}\"}}, mock: }",
                  false},
        TrialCase{"needs_none",
                  "{openai: , mock: , l: {kind: openai_compatible, base_url: \"http://[::1]:1\"}}",
                  false},
        TrialCase{"no_mock", "{openai: }", false}),
    [](auto const& param) { return std::string(param.param.name); });

TEST(Trial, may_be_forbidden) {
    auto options = with();
    options.is_trial_allowed = false;
    EXPECT_FALSE(load_text("providers: {openai: , mock: }\n", "x.yaml", options).document.trial);
}

TEST(MissingRoutes, are_told_unless_the_mock_answers_everything) {
    EXPECT_EQ(load_and_tell(base),
              "x.yaml:2:3: warning: there are no routes, so every model is answered 404; add one, "
              "such as  routes: {\"*\": openai}\n");
    EXPECT_EQ(load_and_tell(base + "routes: {}\n"), load_and_tell(base));
    EXPECT_EQ(load_and_tell(base + "routes: {a: openai}\n"), "");
    std::string const keys = "keys: {t: {keys: {k: {value: client-key-0123456789}}}}\n";
    EXPECT_EQ(load_and_tell("providers: {mock: }\n" + keys), "");
    EXPECT_THAT(load_and_tell(base + "rutes: {a: openai}\n"), Not(HasSubstr("no routes")));
}

TEST(Kind, without_a_near_one_is_told_in_sentences) {
    auto const told = load_and_tell("providers: {zzzzzz: }\n");
    EXPECT_THAT(told, HasSubstr("x.yaml:1:13: error: providers.zzzzzz is of no known kind; known "
                                "here: anthropic, "
                                "anthropic_compatible, azure, "));
    EXPECT_THAT(told, HasSubstr(", mock. Else say kind: openai_compatible and a base_url\n"));
}

TEST(BaseUrl, ends_before_what_sluice_adds) {
    auto const told = [](std::string const& url) {
        return load_and_tell("providers:\n  a: {kind: openai_compatible, base_url: \"" + url +
                             "\"}\nroutes: {\"*\": a}\n"
                             "keys: {t: {keys: {k: {value: client-key-0123456789}}}}\n");
    };
    for (std::string const added : {"/chat/completions", "/completions", "/embeddings"}) {
        for (std::string const end : {"", "/", "//"}) {
            EXPECT_THAT(told("http://127.0.0.1/v1" + added + end),
                        HasSubstr("x.yaml:2:42: error: providers.a.base_url must end before " +
                                  added + ", which sluice adds itself"));
        }
    }
    EXPECT_EQ(told("http://127.0.0.1/v1"), "");
    EXPECT_EQ(told("http://127.0.0.1/chat/v1/"), "");
}

TEST(Fault, is_checked_by_whoever_knows_the_words) {
    std::string const text =
        "providers:\n  mock: {mock: {fault: \"statsu=503\"}}\n"
        "keys: {t: {keys: {k: {value: client-key-0123456789}}}}\n";
    EXPECT_EQ(load_and_tell(text), "");
    auto options = with();
    options.check_fault = [](std::string const& fault) -> std::optional<std::string> {
        return "has the odd " + fault;
    };
    EXPECT_EQ(load_and_tell(text, options),
              "x.yaml:2:24: error: providers.mock.mock.fault has the odd statsu=503\n");
}

TEST(Variables, that_are_not_set_are_listed) {
    auto const told = load_and_tell(
        "providers:\n  openai: {egress_proxy: \"http://${P_USER}:${P_WORD}@proxy:1\"}\n"
        "keys: {t: {keys: {k: {value: client-key-0123456789}}}}\n");
    EXPECT_THAT(told, HasSubstr("providers.openai.egress_proxy needs the environment variables "
                                "P_USER and P_WORD, which are not set\n"));
}

TEST(AdminToken, that_is_not_set_is_told_once) {
    auto const told =
        load_and_tell(base + "admin: {address: \"0.0.0.0:9090\", token: \"${ADMIN}\"}\n");
    EXPECT_THAT(told, HasSubstr("admin.token needs the environment variable ADMIN, which is not"));
    EXPECT_THAT(told, Not(HasSubstr("is needed")));
    EXPECT_THAT(load_and_tell(base + "admin: {address: \"0.0.0.0:9090\", token: \"${A:-}\"}\n"),
                HasSubstr("admin.token is needed"));
}

TEST(Overrides, addresses_come_from_the_environment) {
    auto const loaded =
        load_text(base + "routes: {a: openai}\n", "x.yaml",
                  with({{"SLUICE_LISTEN", "[::]:80"}, {"SLUICE_ADMIN_LISTEN", "unix:/run/a"}}));
    EXPECT_EQ(told(loaded), "");
    EXPECT_EQ(loaded.document.server.listeners.at(0).address, "[::]:80");
    EXPECT_EQ(loaded.document.admin.address, "unix:/run/a");
}

TEST(Overrides, keep_the_rest_of_each_listener) {
    std::string const text = base + "routes: {a: openai}\n" +
                             "server: {listeners: [{address: \"127.0.0.1:1\", base_path: /a}, "
                             "{address: \"127.0.0.1:2\", base_path: /b}]}\n";
    auto const loaded = load_text(
        text, "x.yaml",
        with({{"SLUICE_LISTEN", "127.0.0.1:3, 127.0.0.1:4"}, {"SLUICE_ADMIN_LISTEN", "off"}}));
    EXPECT_EQ(told(loaded), "");
    EXPECT_EQ(loaded.document.server.listeners.at(1).address, "127.0.0.1:4");
    EXPECT_EQ(loaded.document.server.listeners.at(1).base_path, "/b");
    EXPECT_EQ(loaded.document.admin.address, "");
    EXPECT_THAT(
        load_and_tell(text, with({{"SLUICE_LISTEN", "127.0.0.1:3"}})),
        HasSubstr("environment SLUICE_LISTEN: error: must give one address for each of the 2"));
    EXPECT_THAT(load_and_tell(base, with({{"SLUICE_LISTEN", "nowhere"}})),
                HasSubstr("environment SLUICE_LISTEN: error: must be an IP address and a port"));
}

TEST(Inheritance, routes_start_from_the_defaults_wherever_they_stand) {
    auto const loaded = load_text(
        base +
            "routes: {a: {tiers: [openai], timeout: {idle_ms: 5}, health: {skip_ms: 7}}}\n"
            "server: {defaults: {timeout: {idle_ms: 1, connect_ms: 2}, retry: {attempts_max: "
            "9}}}\n",
        "x.yaml", with());
    auto const& route = loaded.document.routes.at(0);
    EXPECT_EQ(route.timeout.idle_ms, 5);
    EXPECT_EQ(route.timeout.connect_ms, 2);
    EXPECT_EQ(route.timeout.total_ms, Timeout{}.total_ms);
    EXPECT_EQ(route.retry.attempts_max, 9);
    EXPECT_EQ(route.health.skip_ms, 7);
    EXPECT_EQ(route.health.failures_in_a_row, Health{}.failures_in_a_row);
}

}  // namespace
}  // namespace sluice::config
