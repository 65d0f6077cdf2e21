// The admin API in the running daemon: who may call it, and what it tells.
#include "fixture.hpp"

namespace sluice::test {
namespace {

class Admin : public Integration {
  protected:
    // A request to the admin listener; leaves no record.
    Answer admin(std::string method, std::string path, Headers headers = {}) {
        return fetch(gateway->admin_port(),
                     {std::move(method), std::move(path), std::move(headers), ""});
    }
    nlohmann::json admin_json(std::string path) {
        auto const answer = admin("GET", path);
        EXPECT_EQ(answer.status, 200) << answer.body;
        return nlohmann::json::parse(answer.body, nullptr, false);
    }
};

TEST_F(Admin, TokenOpensEveryPageAndOnlyTheToken) {
    GatewayConfig config;
    config.admin_token = "sk-admin-token-0001";
    start(config);
    for (auto const* path : {"/admin/routes", "/metrics"}) {
        for (auto const* wrong :
             {"", "Bearer ", "Bearer sk-admin-token-0002", "Bearer sk-admin-token-0001x"}) {
            Headers headers;
            if (*wrong) headers.emplace_back("Authorization", wrong);
            auto const answer = admin("GET", path, headers);
            EXPECT_EQ(answer.status, 401) << path << ": " << wrong;
            EXPECT_EQ(error_code(answer), "invalid_api_key") << answer.body;
            EXPECT_EQ(answer.body.find("0001"), std::string::npos);
        }
        auto const answer = admin("GET", path, {{"Authorization", "Bearer sk-admin-token-0001"}});
        EXPECT_EQ(answer.status, 200) << path;
    }
    // Probes have no token.
    EXPECT_EQ(admin("GET", "/healthz").status, 200);
    EXPECT_EQ(admin("GET", "/readyz").status, 200);
}

TEST_F(Admin, WithoutATokenWebPagesAreRefused) {
    start();
    EXPECT_EQ(admin("GET", "/admin/routes").status, 200);
    EXPECT_EQ(admin("GET", "/admin/routes", {{"Host", "localhost:9090"}}).status, 200);
    EXPECT_EQ(admin("GET", "/admin/routes", {{"Host", "[::1]:9090"}}).status, 200);
    EXPECT_EQ(admin("GET", "/admin/routes", {{"Host", "rebound.example:9090"}}).status, 403);
    EXPECT_EQ(admin("GET", "/admin/routes", {{"Origin", "https://page.example"}}).status, 403);
}

TEST_F(Admin, MethodsAreThoseOfEachPage) {
    start();
    auto const head = admin("HEAD", "/admin/routes");
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.body, "");
    auto const deleted = admin("DELETE", "/admin/routes");
    EXPECT_EQ(deleted.status, 405);
    EXPECT_EQ(deleted.header("allow"), "GET, HEAD, OPTIONS");
    EXPECT_EQ(admin("GET", "/admin/rout").status, 404);
    // The client listener knows nothing of it.
    EXPECT_EQ(ask({"GET", "/admin/routes", with_key(), ""}).status, 404);
}

TEST_F(Admin, RoutesStandInMatchOrderWithTheirTargets) {
    GatewayConfig config;
    config.providers = provider_line("up", upstream.url()) +
                       provider_line("other", upstream.url(), "", "{none: {value: \"${UNSET}\"}}");
    config.routes =
        "  \"m-*\": up\n"
        "  \"m-long-*\":\n    tiers: [{up/real: 3, other/x: 1}, up]\n"
        "  exact: up/one\n";
    start(config);
    auto const page = admin_json("/admin/routes");
    auto const& routes = page["routes"];
    ASSERT_EQ(routes.size(), 3u) << page;
    EXPECT_EQ(routes[0]["model"], "exact");
    EXPECT_EQ(routes[1]["model"], "m-long-*");
    EXPECT_EQ(routes[2]["model"], "m-*");
    auto const& tiers = routes[1]["tiers"];
    ASSERT_EQ(tiers.size(), 2u);
    EXPECT_EQ(tiers[0][0]["provider"], "up");
    EXPECT_EQ(tiers[0][0]["model"], "real");
    EXPECT_EQ(tiers[0][0]["weight"], 3);
    EXPECT_EQ(tiers[0][0]["state"], "open");
    EXPECT_EQ(tiers[0][1]["state"], "no_credential");
    EXPECT_FALSE(tiers[1][0].contains("model"));
}

TEST_F(Admin, ProvidersTellStateLastErrorAndLatency) {
    GatewayConfig config;
    config.providers = provider_line("up", upstream.url(), "",
                                     "{good: {value: sk-up-good}, bad: {value: sk-up-bad}}");
    config.routes = "  \"m-*\": up\n  broken: up/broken\n";
    config.defaults = "health: {failures_in_a_row: 1, skip_ms: 60000}, retry: {attempts_max: 2}";
    start(config);
    upstream.answer_with([](Received const& request) {
        if (request.body.find("broken") != std::string::npos) return Reply::error(500, "x", "x");
        if (request.header("authorization") == "Bearer sk-up-bad") {
            return Reply::error(401, "x", "x");
        }
        return Reply::whole(200, chat_answer("hello")).tokens(11, 7);
    });
    for (int i = 0; i < 40; ++i) EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_GE(chat(chat_body("broken")).status, 500);
    auto const page = admin_json("/admin/providers");
    auto const& up = page["providers"][0];
    EXPECT_EQ(up["name"], "up");
    EXPECT_EQ(up["credentials"].size(), 2U) << page;
    for (auto const& credential : up["credentials"]) {
        bool const is_bad = credential["name"] == "bad";
        EXPECT_EQ(credential["state"], is_bad ? "benched" : "open") << credential;
        if (!is_bad) continue;
        EXPECT_EQ(credential["last_error"], "upstream_auth");
        EXPECT_GT(credential["for_ms"], 0);
        EXPECT_EQ(credential["calls"], 1);
    }
    ASSERT_EQ(up["targets"].size(), 2U);
    auto const& passed = up["targets"][0];
    EXPECT_TRUE(passed["model"].is_null());
    EXPECT_EQ(passed["state"], "open");
    EXPECT_EQ(passed["calls"].get<int>() - passed["failures"].get<int>(), 40);
    EXPECT_GT(passed["first_byte_ms"]["p50"].get<double>(), 0);
    EXPECT_GE(passed["first_byte_ms"]["p95"], passed["first_byte_ms"]["p50"]);
    EXPECT_EQ(passed["first_byte_ms"]["samples"], 40);
    EXPECT_EQ(up["targets"][1]["state"], "skipped");
    EXPECT_EQ(up["targets"][1]["last_error"], "upstream_server_error");
    EXPECT_EQ(page.dump().find("sk-up-"), std::string::npos);
}

TEST_F(Admin, ConfigIsExpandedAndMasked) {
    GatewayConfig config;
    config.admin_token = "sk-admin-token-0001";
    start(config);
    Headers const headers = {{"Authorization", "Bearer sk-admin-token-0001"}};
    auto const answer = admin("GET", "/admin/config", headers);
    ASSERT_EQ(answer.status, 200) << answer.body;
    auto const page = nlohmann::json::parse(answer.body);
    EXPECT_EQ(page["version"], 1);
    EXPECT_EQ(page["config"]["server"]["workers"], 2);
    EXPECT_EQ(page["config"]["server"]["limits"]["header_count_max"], 100);
    EXPECT_EQ(page["config"]["admin"]["token"], "(hidden)");
    for (std::string const secret : {"sk-admin-token-0001", test_key, provider_key}) {
        EXPECT_EQ(answer.body.find(secret), std::string::npos);
    }
}

TEST_F(Admin, ReloadTellsWhatChangedOrEveryReason) {
    GatewayConfig config;
    config.admin_token = "sk-admin-token-0001";
    start(config);
    Headers const old_token = {{"Authorization", "Bearer sk-admin-token-0001"}};
    Headers const new_token = {{"Authorization", "Bearer sk-admin-token-0002"}};
    EXPECT_EQ(admin("GET", "/admin/reload", old_token).status, 405);
    EXPECT_EQ(admin("POST", "/admin/reload").status, 401);
    config.admin_token = "sk-admin-token-0002";
    config.routes = "  \"m-*\": up\n  added: up\n";
    gateway->write(config);
    auto const applied = admin("POST", "/admin/reload", old_token);
    ASSERT_EQ(applied.status, 200) << applied.body;
    auto const told = nlohmann::json::parse(applied.body);
    EXPECT_EQ(told["applied"], true);
    EXPECT_EQ(told["version"], 2);
    EXPECT_EQ(told["changed"], nlohmann::json({"routes.added", "admin.token"})) << told;
    EXPECT_EQ(chat(chat_body("added")).status, 200);
    EXPECT_EQ(admin("POST", "/admin/reload", old_token).status, 401) << "the old token still opens";

    auto bad = config;
    bad.routes = "  \"m-*\": nowhere\n  x: neither\n";
    gateway->write(bad);
    auto const refused = admin("POST", "/admin/reload", new_token);
    EXPECT_EQ(refused.status, 422);
    EXPECT_EQ(error_code(refused), "config_invalid");
    auto const reasons = nlohmann::json::parse(refused.body)["reasons"];
    ASSERT_EQ(reasons.size(), 2U) << refused.body;
    EXPECT_GT(reasons[0]["line"], 0);
    EXPECT_NE(reasons[0]["message"].get<std::string>().find("nowhere"), std::string::npos);

    auto moved = config;
    moved.workers = 1;
    gateway->write(moved);
    auto const restart = admin("POST", "/admin/reload", new_token);
    EXPECT_EQ(restart.status, 409);
    EXPECT_EQ(error_code(restart), "config_needs_restart");
    EXPECT_NE(restart.body.find("server.workers"), std::string::npos);
}

}  // namespace
}  // namespace sluice::test
