// Who may use what: the keys of callers, and what they are told when they may not.
#include <fmt/format.h>
#include <set>

#include "codec/sha256.hpp"
#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

std::string hash_of(std::string_view key) {
    std::string hex;
    for (auto const byte : codec::sha256(key)) hex += fmt::format("{:02x}", byte);
    return "sha256:" + hex;
}

class Auth : public Integration {
  protected:
    void start_with_keys() {
        GatewayConfig config;
        config.routes = "  \"m-*\": up\n  fast: up/m-fast\n  slow: up/m-slow\n";
        config.keys = fmt::format(
            "  team:\n"
            "    models: [\"m-*\", fast]\n"
            "    keys:\n"
            "      plain: {{value: sk-plain-00000001}}\n"
            "      hashed: {{hash: \"{}\"}}\n"
            "      rotating: {{hash: [\"{}\", \"{}\"]}}\n"
            "      expired: {{value: sk-expired-0000001, expires: \"2020-01-31\"}}\n"
            "      later: {{value: sk-later-00000001, expires: \"2999-01-31\"}}\n"
            "      disabled: {{value: sk-disabled-000001, disabled: true}}\n"
            "      narrow: {{value: sk-narrow-0000001, models: [fast]}}\n"
            "      wider: {{value: sk-wider-00000001, models: [fast, slow]}}\n",
            hash_of("sk-hashed-0000001"), hash_of("sk-new-000000001"), hash_of("sk-old-000000001"));
        start(config);
    }

    Answer with(Headers headers, std::string_view model = "m-1") {
        headers.emplace_back("Content-Type", "application/json");
        return ask({"POST", "/v1/chat/completions", std::move(headers), chat_body(model)});
    }
    Answer bearer(std::string_view key, std::string_view model = "m-1") {
        return with({{"Authorization", "Bearer " + std::string(key)}}, model);
    }
};

TEST_F(Auth, EachWayToPresentAKey) {
    start_with_keys();
    EXPECT_EQ(with({{"Authorization", "Bearer sk-plain-00000001"}}).status, 200);
    EXPECT_EQ(with({{"authorization", "bearer  sk-plain-00000001"}}).status, 200);
    EXPECT_EQ(with({{"x-api-key", "sk-plain-00000001"}}).status, 200);
    EXPECT_EQ(with({{"Api-Key", "sk-plain-00000001"}}).status, 200);
    for (auto const* key :
         {"sk-hashed-0000001", "sk-new-000000001", "sk-old-000000001", "sk-later-00000001"}) {
        EXPECT_EQ(bearer(key).status, 200) << key;
    }
}

TEST_F(Auth, RefusalsSayWhatToDoAndNeverEchoTheKey) {
    start_with_keys();
    struct Row {
        Headers headers;
        char const* code;
    };
    for (auto const& row :
         std::vector<Row>{{{}, "missing_api_key"},
                          {{{"Authorization", "Basic c2stcGxhaW46"}}, "missing_api_key"},
                          {{{"Authorization", "Bearer "}}, "missing_api_key"},
                          {{{"Authorization", "Bearer sk-nobody-0000001"}}, "invalid_api_key"},
                          {{{"Authorization", "Bearer sk-plain-0000000"}}, "invalid_api_key"},
                          {{{"Authorization", "Bearer sk-plain-000000012"}}, "invalid_api_key"},
                          {{{"Authorization", "Bearer sk-expired-0000001"}}, "expired_api_key"},
                          {{{"Authorization", "Bearer sk-disabled-000001"}}, "disabled_api_key"}}) {
        auto const answer = with(row.headers);
        EXPECT_EQ(answer.status, 401) << row.code;
        EXPECT_EQ(error_code(answer), row.code);
        EXPECT_EQ(answer.header("x-sluice-error-origin"), "client");
        EXPECT_TRUE(answer.header("x-sluice-request-id"));
        EXPECT_FALSE(error_message(answer).empty());
        EXPECT_EQ(answer.body.find("sk-"), std::string::npos) << answer.body;
        EXPECT_EQ(answer.head.find("sk-"), std::string::npos);
    }
    EXPECT_EQ(upstream.request_count(), 0U);
}

TEST_F(Auth, ForbiddenAndUnknownModelsAreOneAnswer) {
    start_with_keys();
    auto const shape = [](Answer answer, std::string const& model) {
        // What differs is the model's name and the request's id, nothing else.
        auto body = nlohmann::json::parse(answer.body);
        auto message = body["error"]["message"].get<std::string>();
        if (auto const at = message.find(model); at != message.npos)
            message.replace(at, model.size(), "M");
        body["error"]["message"] = message.substr(0, message.find(" Did you mean"));
        body["error"].erase("request_id");
        return fmt::format("{} {}", answer.status, body.dump());
    };
    auto const forbidden = shape(bearer("sk-narrow-0000001", "m-1"), "m-1");
    auto const unknown = shape(bearer("sk-narrow-0000001", "no-such"), "no-such");
    EXPECT_EQ(forbidden, unknown);
    EXPECT_TRUE(forbidden.starts_with("404 "));
    EXPECT_EQ(error_code(bearer("sk-narrow-0000001", "m-1")), "model_not_found");
    EXPECT_EQ(upstream.request_count(), 0U);
}

TEST_F(Auth, AHintNamesNoForbiddenModel) {
    start_with_keys();
    auto const answer = bearer("sk-narrow-0000001", "slo");
    EXPECT_EQ(error_message(answer).find("slow"), std::string::npos) << answer.body;
}

TEST_F(Auth, AKeyNarrowsItsTeamAndNeverWidensIt) {
    start_with_keys();
    EXPECT_EQ(bearer("sk-plain-00000001", "slow").status, 404);
    EXPECT_EQ(bearer("sk-narrow-0000001", "fast").status, 200);
    EXPECT_EQ(bearer("sk-wider-00000001", "fast").status, 200);
    EXPECT_EQ(bearer("sk-wider-00000001", "slow").status, 404) << "a key widened its team";
}

TEST_F(Auth, ModelsListsWhatTheKeyMayUse) {
    start_with_keys();
    auto const names = [&](std::string_view key) {
        auto const answer = ask({"GET", "/v1/models", with_key(key), ""});
        EXPECT_EQ(answer.status, 200);
        auto const body = nlohmann::json::parse(answer.body);
        EXPECT_EQ(body.at("object"), "list");
        std::set<std::string> ids;
        for (auto const& model : body.at("data")) {
            EXPECT_EQ(model.at("object"), "model");
            ids.insert(model.at("id").get<std::string>());
        }
        return ids;
    };
    EXPECT_EQ(names("sk-narrow-0000001"), (std::set<std::string>{"fast"}));
    EXPECT_TRUE(names("sk-plain-00000001").contains("fast"));
    EXPECT_FALSE(names("sk-plain-00000001").contains("slow"));
    EXPECT_EQ(ask({"GET", "/v1/models/fast", with_key("sk-narrow-0000001"), ""}).status, 200);
    EXPECT_EQ(ask({"GET", "/v1/models/slow", with_key("sk-narrow-0000001"), ""}).status, 404);
    EXPECT_EQ(ask({"GET", "/v1/models", {}, ""}).status, 401);
}

TEST_F(Auth, RecordNamesTeamAndKey) {
    start_with_keys();
    EXPECT_EQ(bearer("sk-narrow-0000001", "fast").status, 200);
    auto const record = last_record();
    EXPECT_EQ(record.at("team"), "team");
    EXPECT_EQ(record.at("key"), "narrow");
    EXPECT_EQ(record.dump().find("sk-"), std::string::npos);
}

TEST_F(Auth, NoneOpensTheDoor) {
    GatewayConfig config;
    config.server = "  auth: none\n";
    start(config);
    EXPECT_EQ(with({}).status, 200);
    EXPECT_EQ(with({{"Authorization", "Bearer whatever"}}).status, 200);
    EXPECT_EQ(upstream.requests()[1].header("authorization"),
              "Bearer " + std::string(provider_key));
}

}  // namespace
}  // namespace sluice::test
