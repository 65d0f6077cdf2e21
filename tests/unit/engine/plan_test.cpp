#include "engine/plan.hpp"

#include <gtest/gtest.h>
#include <map>

namespace sluice::engine {
namespace {

Result<RequestFacts> read_nothing(std::string_view) { return RequestFacts{}; }
Patches patch_nothing(RequestFacts const&, std::string_view, std::string_view, bool) { return {}; }
std::unique_ptr<AnswerReader> no_reader(ReaderOptions const&) { return nullptr; }

constexpr Codec codec{"/x", read_nothing, patch_nothing, no_reader};
constexpr Dialect chat_only{"test", {&codec, nullptr, nullptr}, nullptr, nullptr, nullptr};

class PlanTest : public ::testing::Test {
  protected:
    provider::Provider& provider(std::string name) {
        auto& made = *providers_.emplace_back(std::make_unique<provider::Provider>());
        made.name = std::move(name);
        made.dialect = &chat_only;
        made.needs_credential = false;
        return made;
    }
    static Target target(provider::Provider const& provider, int weight = 1) {
        return {&provider, "m", weight, std::make_shared<HealthTable>(false), nullptr, nullptr};
    }
    std::vector<std::string> names(Route const& route, Operation operation = Operation::chat) {
        auto plan = choose(route, "m", operation, dice_, now_);
        if (!plan) return {std::string{to_string(plan.error().code)}};
        std::vector<std::string> out;
        for (auto const* chosen : plan->targets) out.push_back(chosen->provider->name);
        return out;
    }

    Steady::time_point now_ = Steady::time_point{} + seconds{1000};
    Dice dice_{42};
    std::vector<std::unique_ptr<provider::Provider>> providers_;
};

TEST_F(PlanTest, VisitsTiersInOrder) {
    Route route;
    route.tiers = {{{target(provider("a"))}}, {{target(provider("b"))}}, {{target(provider("c"))}}};
    EXPECT_EQ(names(route), (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(PlanTest, DrawsByWeightInsideATier) {
    Route route;
    route.tiers = {{{target(provider("nine"), 9), target(provider("one"), 1)}}};
    std::map<std::string, int> first;
    constexpr int draws = 20'000;
    for (int i = 0; i < draws; ++i) ++first[names(route).front()];
    EXPECT_NEAR(first["nine"], draws * 0.9, draws * 0.02);
    EXPECT_EQ(names(route).size(), 2U);
}

TEST_F(PlanTest, LeavesOutSkippedTargetsAndSaysWhenTheyOpen) {
    Route route;
    route.tiers = {{{target(provider("a")), target(provider("b"))}}};
    HealthPolicy const policy{1, seconds{10}};
    route.tiers[0].targets[0].health_of("m").on_failure(now_, policy);
    EXPECT_EQ(names(route), std::vector<std::string>{"b"});
    route.tiers[0].targets[1].health_of("m").on_failure(now_, policy);
    auto plan = choose(route, "m", Operation::chat, dice_, now_);
    ASSERT_FALSE(plan.ok());
    EXPECT_EQ(plan.error().code, ErrorCode::provider_unavailable);
    EXPECT_EQ(plan.error().retry_after_ms, 10'000);
}

TEST_F(PlanTest, OneModelsFailuresDoNotSkipAnotherThatPassesThroughTheSameTarget) {
    Route route;
    auto passing = target(provider("a"));
    passing.model.clear();
    passing.health = std::make_shared<HealthTable>(true);
    route.tiers = {{{passing}}};
    passing.health_of("broken-model").on_failure(now_, HealthPolicy{1, seconds{10}});
    EXPECT_FALSE(choose(route, "broken-model", Operation::chat, dice_, now_).ok());
    EXPECT_TRUE(choose(route, "good-model", Operation::chat, dice_, now_).ok());
}

TEST_F(PlanTest, LeavesOutProvidersWithoutCredential) {
    Route route;
    auto& bare = provider("bare");
    bare.needs_credential = true;
    route.tiers = {{{target(bare)}}, {{target(provider("b"))}}};
    EXPECT_EQ(names(route), std::vector<std::string>{"b"});
}

TEST_F(PlanTest, RefusesAnOperationNoTargetSpeaks) {
    Route route;
    route.tiers = {{{target(provider("a"))}}};
    EXPECT_EQ(names(route, Operation::embed), std::vector<std::string>{"invalid_request"});
}

}  // namespace
}  // namespace sluice::engine
