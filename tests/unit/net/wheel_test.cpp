// The timer wheel under a clock the test moves.
#include "net/wheel.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <vector>

namespace sluice::net {
namespace {

struct Entry final : Wheel::Entry {
    void on_deadline() noexcept override {
        ++fired;
        if (also_clear) also_clear->clear();
        if (again) again->set(*this, again_at);
    }
    int fired = 0;
    Entry* also_clear = nullptr;
    Wheel* again = nullptr;
    Steady::time_point again_at;
};

Steady::time_point const start{std::chrono::hours{5} + milliseconds{7}};

TEST(Wheel, FiresAtTheDeadlineNeverBefore) {
    Wheel wheel{start};
    Entry entry;
    wheel.set(entry, start + milliseconds{500});
    wheel.advance(start + milliseconds{499});
    EXPECT_EQ(entry.fired, 0);
    wheel.advance(start + milliseconds{500} + Wheel::tick);
    EXPECT_EQ(entry.fired, 1);
    EXPECT_FALSE(entry.is_set());
    EXPECT_TRUE(wheel.is_empty());
    wheel.advance(start + seconds{100});
    EXPECT_EQ(entry.fired, 1);
}

TEST(Wheel, ADeadlineInThePastFiresWithTheNextTick) {
    Wheel wheel{start};
    Entry entry;
    wheel.set(entry, start - seconds{10});
    wheel.advance(start + Wheel::tick);
    EXPECT_EQ(entry.fired, 1);
}

TEST(Wheel, ClearedAndDestroyedEntriesDoNotFire) {
    Wheel wheel{start};
    Entry cleared;
    wheel.set(cleared, start + seconds{1});
    {
        Entry destroyed;
        wheel.set(destroyed, start + seconds{1});
    }
    cleared.clear();
    EXPECT_TRUE(wheel.is_empty());
    EXPECT_EQ(wheel.next_due(), std::nullopt);
    wheel.advance(start + seconds{2});
    EXPECT_EQ(cleared.fired, 0);
}

TEST(Wheel, SettingAgainMovesTheDeadline) {
    Wheel wheel{start};
    Entry entry;
    wheel.set(entry, start + seconds{1});
    wheel.set(entry, start + seconds{60});
    wheel.advance(start + seconds{59});
    EXPECT_EQ(entry.fired, 0);
    wheel.advance(start + seconds{61});
    EXPECT_EQ(entry.fired, 1);
}

TEST(Wheel, AnEntryMayClearAnotherThatIsDueInTheSameTick) {
    Wheel wheel{start};
    Entry a;
    Entry b;
    a.also_clear = &b;
    b.also_clear = &a;
    wheel.set(a, start + seconds{1});
    wheel.set(b, start + seconds{1});
    wheel.advance(start + seconds{2});
    EXPECT_EQ(a.fired + b.fired, 1);
}

TEST(Wheel, AnEntryMaySetItselfAgain) {
    Wheel wheel{start};
    Entry entry;
    entry.again = &wheel;
    entry.again_at = start + seconds{1};  // past by then: the next tick, not this one
    wheel.set(entry, start + seconds{1});
    wheel.advance(start + seconds{2});
    EXPECT_EQ(entry.fired, 1);
    wheel.advance(start + seconds{2} + Wheel::tick);
    EXPECT_EQ(entry.fired, 2);
    entry.clear();
}

TEST(Wheel, SaysWhenTheTimerMustBeArmedEarlier) {
    Wheel wheel{start};
    Entry late;
    Entry early;
    EXPECT_TRUE(wheel.set(late, start + seconds{10}));
    wheel.armed(wheel.next_due());
    EXPECT_TRUE(wheel.set(early, start + seconds{1}));
    wheel.armed(wheel.next_due());
    EXPECT_FALSE(wheel.set(late, start + seconds{20}));
}

TEST(Wheel, ManyDeadlinesDrivenByNextDueFireOnceAndInTime) {
    std::mt19937 random{7};
    Wheel wheel{start};
    std::vector<std::unique_ptr<Entry>> entries;
    std::vector<Steady::time_point> due;
    for (int i = 0; i < 2000; ++i) {
        entries.push_back(std::make_unique<Entry>());
        due.push_back(start + milliseconds{random() % 600'000});
        wheel.set(*entries.back(), due.back());
    }
    int turns = 0;
    while (auto const at = wheel.next_due()) {
        ASSERT_LT(++turns, 20'000);
        wheel.advance(*at);
        for (std::size_t i = 0; i < due.size(); ++i) {
            if (due[i] > *at) {
                ASSERT_EQ(entries[i]->fired, 0);
            } else if (due[i] + 2 * Wheel::tick <= *at) {
                ASSERT_EQ(entries[i]->fired, 1);
            }
        }
    }
    for (auto const& entry : entries) EXPECT_EQ(entry->fired, 1);
}

}  // namespace
}  // namespace sluice::net
