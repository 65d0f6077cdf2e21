#include <gtest/gtest.h>

#include "codec/sha256.hpp"
#include "stage/auth/authenticate.hpp"
#include "stage/auth/yaml_directory.hpp"

namespace sluice::stage {
namespace {

using http::Field;
using http::HeaderView;

config::Key key(std::string name, std::string_view secret) {
    config::Key made;
    made.team = "search";
    made.name = std::move(name);
    made.hashes = {codec::to_hex(codec::sha256(secret))};
    return made;
}

YamlDirectory directory() {
    config::Team team;
    team.name = "search";
    team.models = {"gpt-*", "chat"};
    team.keys = {key("plain", "sk-plain"), key("old", "sk-old"), key("off", "sk-off"),
                 key("trial", "sk-trial"), key("narrow", "sk-narrow")};
    team.keys[0].hashes.push_back(codec::to_hex(codec::sha256("sk-plain-before")));
    team.keys[1].expires = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};
    team.keys[0].expires = std::chrono::sys_days{std::chrono::year{2999} / 1 / 1};
    team.keys[2].disabled = true;
    team.keys[3].is_trial = true;
    team.keys[4].models = std::vector<std::string>{"chat", "llama"};
    return YamlDirectory({team});
}

ErrorCode refusal(std::vector<Field> const& fields, bool loopback = true) {
    auto const now = Wall::time_point{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};
    auto found = authenticate(directory(), HeaderView{fields}, now, loopback);
    EXPECT_FALSE(found.ok());
    if (found.ok()) return ErrorCode::internal;
    EXPECT_EQ(found.error().http_status, 401);
    for (auto const& field : fields) {
        EXPECT_EQ(found.error().message.find(field.value), std::string::npos);
        EXPECT_EQ(found.error().detail.find(field.value), std::string::npos);
    }
    return found.error().code;
}

std::shared_ptr<Principal const> accepted(std::vector<Field> const& fields) {
    auto found = authenticate(directory(), HeaderView{fields}, Wall::now(), true);
    EXPECT_TRUE(found.ok());
    return found.ok() ? *found : nullptr;
}

TEST(Authenticate, TakesTheKeyFromEachHeader) {
    EXPECT_EQ(accepted({{"Authorization", "Bearer sk-plain"}})->key, "plain");
    EXPECT_EQ(accepted({{"authorization", "bearer   sk-plain "}})->key, "plain");
    EXPECT_EQ(accepted({{"X-Api-Key", "sk-plain"}})->key, "plain");
    EXPECT_EQ(accepted({{"api-key", "sk-plain-before"}})->key, "plain") << "while rotating";
}

TEST(Authenticate, SaysWhyItRefuses) {
    EXPECT_EQ(refusal({}), ErrorCode::missing_api_key);
    EXPECT_EQ(refusal({{"Authorization", "Basic c2VjcmV0"}}), ErrorCode::missing_api_key);
    EXPECT_EQ(refusal({{"Authorization", "Bearer sk-nobody"}}), ErrorCode::invalid_api_key);
    EXPECT_EQ(refusal({{"Authorization", "Bearer sk-old"}}), ErrorCode::expired_api_key);
    EXPECT_EQ(refusal({{"Authorization", "Bearer sk-off"}}), ErrorCode::disabled_api_key);
    EXPECT_EQ(refusal({{"Authorization", "Bearer sk-trial"}}, false), ErrorCode::invalid_api_key);
}

TEST(Principal, AKeyNarrowsItsTeamAndNeverWidensIt) {
    auto const plain = accepted({{"api-key", "sk-plain"}});
    EXPECT_TRUE(plain->may_use("gpt-4o"));
    EXPECT_TRUE(plain->may_use("chat"));
    EXPECT_FALSE(plain->may_use("llama"));
    auto const narrow = accepted({{"api-key", "sk-narrow"}});
    EXPECT_TRUE(narrow->may_use("chat"));
    EXPECT_FALSE(narrow->may_use("gpt-4o"));
    EXPECT_FALSE(narrow->may_use("llama")) << "the team does not have it";
}

}  // namespace
}  // namespace sluice::stage
