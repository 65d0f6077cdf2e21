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

}  // namespace
}  // namespace sluice::test
