#include "engine/target_health.hpp"

#include <gtest/gtest.h>

namespace sluice::engine {
namespace {

constexpr HealthPolicy policy{3, seconds{10}};
Steady::time_point const t0 = Steady::time_point{} + seconds{100};

void fail(TargetHealth& health, int times) {
    for (int i = 0; i < times; ++i) health.on_failure(t0, policy);
}

TEST(TargetHealth, IsSkippedAfterFailuresInARow) {
    TargetHealth health;
    fail(health, 2);
    EXPECT_EQ(health.admit(t0, policy), Admit::yes);
    fail(health, 1);
    EXPECT_EQ(health.admit(t0, policy), Admit::no);
    EXPECT_FALSE(health.is_open(t0));
    EXPECT_EQ(health.skipped_until(), t0 + seconds{10});
}

TEST(TargetHealth, ASuccessBetweenFailuresStartsTheCountAgain) {
    TargetHealth health;
    fail(health, 2);
    health.on_success();
    fail(health, 2);
    EXPECT_EQ(health.admit(t0, policy), Admit::yes);
}

TEST(TargetHealth, OneRequestProbesAfterTheSkip) {
    TargetHealth health;
    fail(health, 3);
    auto const later = t0 + seconds{10};
    EXPECT_EQ(health.admit(later, policy), Admit::probe);
    EXPECT_EQ(health.admit(later, policy), Admit::no) << "the probe is alone";
    health.on_success();
    EXPECT_EQ(health.admit(later, policy), Admit::yes);
}

TEST(TargetHealth, AFailedProbeSkipsAgain) {
    TargetHealth health;
    fail(health, 3);
    auto const later = t0 + seconds{10};
    ASSERT_EQ(health.admit(later, policy), Admit::probe);
    health.on_failure(later, policy);
    EXPECT_EQ(health.admit(later + seconds{9}, policy), Admit::no);
    EXPECT_EQ(health.admit(later + seconds{10}, policy), Admit::probe);
}

TEST(TargetHealth, AnAbandonedProbeGivesItsTurnBack) {
    TargetHealth health;
    fail(health, 3);
    auto const later = t0 + seconds{10};
    ASSERT_EQ(health.admit(later, policy), Admit::probe);
    health.on_probe_abandoned();
    EXPECT_EQ(health.admit(later, policy), Admit::probe);
}

TEST(TargetHealth, AProbeThatNeverReportsBackLosesItsTurnInTime) {
    TargetHealth health;
    fail(health, 3);
    ASSERT_EQ(health.admit(t0 + seconds{10}, policy), Admit::probe);
    EXPECT_EQ(health.admit(t0 + seconds{20}, policy), Admit::probe);
}

TEST(TargetHealth, ZeroFailuresMeansNeverSkip) {
    TargetHealth health;
    HealthPolicy const never{0, seconds{10}};
    for (int i = 0; i < 100; ++i) health.on_failure(t0, never);
    EXPECT_EQ(health.admit(t0, never), Admit::yes);
    EXPECT_TRUE(health.is_open(t0));
}

}  // namespace
}  // namespace sluice::engine
