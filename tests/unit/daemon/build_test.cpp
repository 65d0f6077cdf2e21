#include "daemon/build.hpp"

#include <gtest/gtest.h>

#include "config/load.hpp"

namespace sluice::daemon {
namespace {

config::Document load(std::string const& text,
                      std::map<std::string, std::string> const& variables = {}) {
    config::LoadOptions options;
    options.env = [&variables](std::string const& name) -> std::optional<std::string> {
        auto const found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
    };
    auto loaded = config::load_text(text, "test.yaml", options);
    for (auto const& problem : loaded.problems) {
        EXPECT_NE(problem.severity, config::Problem::Severity::error) << problem.message;
    }
    return std::move(loaded.document);
}

class BuildTest : public ::testing::Test {
  protected:
    std::shared_ptr<engine::Snapshot const> build_text(
        std::string const& text, std::map<std::string, std::string> const& variables = {},
        ProxyEnvironment const& environment = {}) {
        auto built = build(load(text, variables), runtime_, environment);
        EXPECT_TRUE(built.ok()) << (built.ok() ? "" : built.error().message);
        if (!built.ok()) return nullptr;
        return *built;
    }
    static provider::Provider const& provider(engine::Snapshot const& snapshot,
                                              std::string_view name) {
        for (auto const& candidate : snapshot.providers) {
            if (candidate->name == name) return *candidate;
        }
        throw std::out_of_range("no such provider");
    }

    engine::Runtime runtime_;
};

std::string with_provider(std::string const& line) {
    return "providers:\n  up: " + line +
           "\nroutes:\n  \"*\": up\nkeys:\n  t:\n    keys:\n      k: {value: sk-some-client-key}\n";
}

struct UrlRow {
    char const* url;
    char const* scheme;
    char const* host;
    std::uint16_t port;
    char const* path;
    char const* host_header;
};

TEST_F(BuildTest, SplitsTheBaseUrl) {
    for (auto const& row :
         {UrlRow{"http://127.0.0.1:11434/v1", "http", "127.0.0.1", 11434, "/v1", "127.0.0.1:11434"},
          UrlRow{"https://api.example.com/openai/v1/", "https", "api.example.com", 443,
                 "/openai/v1", "api.example.com"},
          UrlRow{"http://[::1]:8000", "http", "::1", 8000, "", "[::1]:8000"},
          UrlRow{"http://[::1]/v1", "http", "::1", 80, "/v1", "[::1]"}}) {
        auto const snapshot = build_text(
            with_provider("{kind: openai_compatible, base_url: \"" + std::string{row.url} + "\"}"));
        ASSERT_TRUE(snapshot);
        auto const& made = provider(*snapshot, "up");
        EXPECT_EQ(made.endpoint.scheme, row.scheme) << row.url;
        EXPECT_EQ(made.endpoint.host, row.host) << row.url;
        EXPECT_EQ(made.endpoint.port, row.port) << row.url;
        EXPECT_EQ(made.path_prefix, row.path) << row.url;
        EXPECT_EQ(made.endpoint.host_header, row.host_header) << row.url;
    }
}

TEST_F(BuildTest, WithoutACredentialTheMockAnswersEveryModel) {
    auto const text =
        "providers:\n  openai:\n  mock: {kind: mock}\nroutes:\n  \"gpt-*\": openai\nkeys:\n  t:\n"
        "    keys:\n      k: {value: sk-some-client-key}\n";
    auto const trial = build_text(text);
    ASSERT_TRUE(trial);
    EXPECT_TRUE(trial->trial);
    EXPECT_TRUE(trial->routes.match("gpt-4o")->tiers[0].targets[0].provider->endpoint.inproc);
    for (auto const* model : {"gpt-4o", "anything-at-all"}) {
        auto const* route = trial->routes.match(model);
        ASSERT_TRUE(route) << model;
        EXPECT_TRUE(route->tiers[0].targets[0].provider->is_mock) << model;
    }
    auto const real = build_text(text, {{"OPENAI_API_KEY", "sk-real-credential-1"}});
    ASSERT_TRUE(real);
    EXPECT_FALSE(real->trial);
    EXPECT_EQ(real->routes.match("anything-at-all"), nullptr);
    EXPECT_EQ(real->routes.match("gpt-4o")->tiers[0].targets[0].provider->name, "openai");
}

TEST_F(BuildTest, AKeyThatWasWrittenDownIsNeeded) {
    auto const bare =
        build_text(with_provider("{kind: openai_compatible, base_url: \"http://h/v1\"}"));
    ASSERT_TRUE(bare);
    EXPECT_TRUE(provider(*bare, "up").is_available());
    auto const missing =
        build_text(with_provider("{kind: openai_compatible, base_url: \"http://h/v1\", keys: {a: "
                                 "{value: \"${NOT_SET}\"}}}"));
    ASSERT_TRUE(missing);
    EXPECT_FALSE(provider(*missing, "up").is_available());
}

TEST_F(BuildTest, StateOutlivesARebuildByIdentityNotByName) {
    auto const text = [](std::string const& url, std::string const& key) {
        return with_provider("{kind: openai_compatible, base_url: \"" + url +
                             "\", keys: {a: {value: " + key + "}}}");
    };
    auto const first = build_text(text("http://h/v1", "sk-first-credential"));
    auto const again = build_text(text("http://h/v1", "sk-first-credential"));
    auto const moved = build_text(text("http://other/v1", "sk-second-credential"));
    auto const health = [](auto const& snapshot) {
        return snapshot->routes.match("m")->tiers[0].targets[0].health;
    };
    auto const credential = [](auto const& snapshot) {
        return provider(*snapshot, "up").credentials.at(0).health;
    };
    EXPECT_EQ(health(first), health(again));
    EXPECT_NE(health(first), health(moved));
    EXPECT_EQ(credential(first), credential(again));
    EXPECT_NE(credential(first), credential(moved));
}

TEST_F(BuildTest, TheProxyOfTheEnvironmentYieldsToTheProvidersOwn) {
    ProxyEnvironment environment;
    environment.https_proxy = "http://proxy.example:3128";
    auto const proxy_of = [&](std::string const& more) {
        auto const snapshot = build_text(
            with_provider("{kind: openai_compatible, base_url: \"https://api.example.com/v1\"" +
                          more + "}"),
            {}, environment);
        return snapshot ? provider(*snapshot, "up").endpoint.proxy : "";
    };
    EXPECT_EQ(proxy_of(""), "http://proxy.example:3128");
    EXPECT_EQ(proxy_of(", egress_proxy: none"), "");
    EXPECT_EQ(proxy_of(", egress_proxy: \"http://other.example:8888\""),
              "http://other.example:8888");
    environment.no_proxy = "example.com";
    EXPECT_EQ(proxy_of(""), "");
}

TEST_F(BuildTest, RetryWordsBecomeAPolicy) {
    auto const snapshot =
        build_text("server: {defaults: {retry: {when: [timeout, 5xx, 409], attempts_max: 2}}}\n" +
                   with_provider("{kind: openai_compatible, base_url: \"http://h/v1\"}"));
    ASSERT_TRUE(snapshot);
    auto const& retry = snapshot->routes.match("m")->retry;
    EXPECT_FALSE(retry.on_connect);
    EXPECT_TRUE(retry.on_timeout);
    EXPECT_FALSE(retry.on_reset);
    EXPECT_TRUE(retry.on_status[500]);
    EXPECT_TRUE(retry.on_status[599]);
    EXPECT_TRUE(retry.on_status[409]);
    EXPECT_FALSE(retry.on_status[429]);
    EXPECT_EQ(retry.attempts_max, 2);
}

}  // namespace
}  // namespace sluice::daemon
