// The limits under random interleavings of reserve, extend, settle, release, expiry and changed
// caps, on a clock that the test moves; and under threads. What holds at every step is said in
// check().
#include <algorithm>
#include <atomic>
#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <thread>

#include "store/memory/limit.hpp"

namespace sluice::store {
namespace {

using Dice = std::mt19937;

std::int64_t below(Dice& dice, std::int64_t bound) {
    return static_cast<std::int64_t>(dice() % static_cast<std::uint64_t>(bound));
}

// One of each kind, and what an honest book would say of each.
class Bench {
  public:
    explicit Bench(unsigned seed) : dice_(seed) {
        now_ = {1'000'000 + below(dice_, 1000), 1'790'000'000 + below(dice_, 100'000)};
    }

    void step() {
        switch (below(dice_, 10)) {
            case 0:
            case 1:
            case 2:
            case 3:
                reserve();
                break;
            case 4:
                extend();
                break;
            case 5:
            case 6:
                settle();
                break;
            case 7:
                release();
                break;
            case 8:
                pass_time();
                break;
            default:
                change_caps();
        }
        check();
    }

    // Everything ends: nothing is held by gauges, budgets hold what was spent.
    void rest() {
        while (!held_.empty()) settle();
        EXPECT_EQ(leases_.held(), 0U);
        EXPECT_EQ(gauge_.state(now_).held, 0);
        auto const budget = budget_.state(now_);
        EXPECT_EQ(budget.reserved, 0);
        EXPECT_EQ(requests_.state(now_).reserved, 0);
        EXPECT_EQ(tokens_.state(now_).reserved, 0);
        now_.steady_s += 100;
        EXPECT_EQ(requests_.state(now_).held, 0);
        EXPECT_EQ(tokens_.state(now_).held, 0);
    }

    std::size_t granted = 0, denied = 0, expired = 0;

  private:
    struct Held {
        Grant grant;
        std::int64_t tokens;
        std::int64_t usd;
        std::int64_t ends;
        std::int64_t second;
        std::int64_t period_ends;
        bool extended = false;
    };
    struct Taken {  // the book's: what counts against a window
        std::int64_t second, amount;
    };

    std::vector<Ask> asks(std::int64_t tokens, std::int64_t usd) {
        return {{&gauge_, LimitKind::concurrency, 1, gauge_cap_},
                {&requests_, LimitKind::requests, 1, requests_cap_},
                {&tokens_, LimitKind::tokens, tokens, tokens_cap_},
                {&budget_, LimitKind::usd_budget, usd, budget_cap_}};
    }

    void reserve() {
        auto const tokens = 1 + below(dice_, 200);
        auto const usd = below(dice_, 3000);
        std::int64_t const lease = 1 + below(dice_, 120);
        run_out();
        auto const before = std::array{gauge_.state(now_).held, requests_.state(now_).held,
                                       tokens_.state(now_).held, budget_.state(now_).held};
        auto got = leases_.reserve(Ulid{}, asks(tokens, usd), now_, lease);
        if (auto* grant = std::get_if<Grant>(&got)) {
            ++granted;
            held_.push_back({std::move(*grant), tokens, usd, now_.steady_s + lease, now_.steady_s,
                             budget_period_end()});
            return;
        }
        ++denied;
        // All or nothing: a refusal burns nothing.
        auto const after = std::array{gauge_.state(now_).held, requests_.state(now_).held,
                                      tokens_.state(now_).held, budget_.state(now_).held};
        EXPECT_EQ(before, after);
        auto const& refusal = std::get<Denied>(got);
        EXPECT_GE(refusal.retry_after_s, 1);
        EXPECT_EQ(refusal.never, refusal.ask == 2   ? tokens > tokens_cap_
                                 : refusal.ask == 3 ? usd > budget_cap_
                                                    : asks(tokens, usd)[refusal.ask].cap < 1);
    }

    std::int64_t budget_period_end() { return now_.unix_s + budget_.state(now_).reset_s; }

    void extend() {
        if (held_.empty()) return;
        auto& one = held_[static_cast<std::size_t>(below(dice_, std::ssize(held_)))];
        run_out();
        if (!one.grant.is_held()) return;
        auto const more = 1 + below(dice_, 50);
        std::vector<Ask> const wanted{{&tokens_, LimitKind::tokens, more, tokens_cap_},
                                      {&budget_, LimitKind::usd_budget, more, budget_cap_}};
        if (one.grant.extend(wanted, now_)) return;
        one.tokens += more;
        one.usd += more;
        one.extended = true;
    }

    void settle() {
        end([this](Held& one) {
            one.grant.settle({1, below(dice_, one.tokens + 1), below(dice_, one.usd + 1)});
        });
    }
    void release() {
        end([](Held& one) { one.grant.release(); });
    }

    template <class F>
    void end(F how) {
        if (held_.empty()) return;
        auto const at = below(dice_, std::ssize(held_));
        how(held_[static_cast<std::size_t>(at)]);
        held_.erase(held_.begin() + at);
    }

    void pass_time() {
        auto const by = below(dice_, 20) == 0 ? below(dice_, 5000) : below(dice_, 8);
        now_.steady_s += by;
        now_.unix_s += by;
    }

    void run_out() { expired += leases_.expire(now_); }

    void change_caps() {
        gauge_cap_ = below(dice_, 12);
        requests_cap_ = below(dice_, 40);
        tokens_cap_ = 50 + below(dice_, 1500);
        budget_cap_ = 1000 + below(dice_, 60'000);
    }

    // No cell is above the largest cap that was ever in force since it was last empty; here simply:
    // since the start. And what the cells hold is never less than what is still reserved.
    void check() {
        highest_gauge_ = std::max(highest_gauge_, gauge_cap_);
        highest_requests_ = std::max(highest_requests_, requests_cap_);
        highest_tokens_ = std::max(highest_tokens_, tokens_cap_);
        highest_budget_ = std::max(highest_budget_, budget_cap_);
        auto const budget = budget_.state(now_);
        ASSERT_LE(gauge_.state(now_).held, highest_gauge_);
        ASSERT_LE(requests_.state(now_).held, highest_requests_);
        ASSERT_LE(tokens_.state(now_).held, highest_tokens_);
        ASSERT_LE(budget.held, highest_budget_);
        ASSERT_GE(budget.reserved, 0);
        std::int64_t under_way = 0, tokens = 0, requests = 0;
        for (auto const& one : held_) {
            if (!one.grant.is_held()) continue;
            ++under_way;
            if (now_.steady_s - one.second >= 60 || one.extended) continue;
            tokens += one.tokens;
            ++requests;
        }
        ASSERT_EQ(gauge_.state(now_).held, under_way);
        ASSERT_EQ(leases_.held(), static_cast<std::size_t>(under_way));
        ASSERT_GE(tokens_.state(now_).held, tokens);
        ASSERT_GE(requests_.state(now_).held, requests);
    }

    Dice dice_;
    Moment now_;
    BudgetSlot slot_;
    LimitCell gauge_{LimitCell::Gauged{}};
    LimitCell requests_{LimitCell::Windowed{}};
    LimitCell tokens_{LimitCell::Windowed{}};
    LimitCell budget_{slot_, Period::hour, nullptr};
    std::int64_t gauge_cap_ = 8, requests_cap_ = 30, tokens_cap_ = 1000, budget_cap_ = 30'000;
    std::int64_t highest_gauge_ = 0, highest_requests_ = 0, highest_tokens_ = 0,
                 highest_budget_ = 0;
    Leases leases_;
    std::deque<Held> held_;
};

TEST(Limits, every_invariant_holds_under_random_interleavings) {
    std::size_t granted = 0, denied = 0, expired = 0;
    for (unsigned seed = 1; seed <= 60; ++seed) {
        Bench bench(seed);
        for (int i = 0; i < 3000; ++i) {
            bench.step();
            if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", step " << i;
        }
        bench.rest();
        granted += bench.granted;
        denied += bench.denied;
        expired += bench.expired;
    }
    // The interleavings were of all kinds.
    EXPECT_GT(granted, 10'000U);
    EXPECT_GT(denied, 1'000U);
    EXPECT_GT(expired, 100U);
}

// The window's promise against a book of its own, to the millisecond: no sixty seconds, wherever
// they begin, hold more than the cap; and most of the cap can be used.
TEST(Limits, no_sixty_seconds_hold_more_than_the_cap) {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        Dice dice(seed);
        LimitCell cell{LimitCell::Windowed{}};
        std::int64_t const cap = 100 + below(dice, 1000);
        std::deque<std::pair<std::int64_t, std::int64_t>> book;  // ms, amount
        std::int64_t in_book = 0, most = 0, taken = 0;
        std::int64_t const begins_ms = 500'000'000;
        std::int64_t const lasts_ms = 600'000;
        for (auto ms = begins_ms; ms < begins_ms + lasts_ms; ms += below(dice, 120)) {
            auto const amount = 1 + below(dice, 20);
            auto const mark = cell.take(amount, cap, {ms / 1000, 0});
            if (!mark) continue;
            // A part of it was not used, and a slow way to the provider is within the slack.
            auto const used = below(dice, amount + 1);
            cell.settle(*mark, amount, used);
            auto const arrives = ms + below(dice, 1000);
            book.emplace_back(arrives, used);
            taken += used;
        }
        std::sort(book.begin(), book.end());
        std::size_t from = 0;
        for (auto const& [at, amount] : book) {
            in_book += amount;
            while (book[from].first <= at - 60'000) in_book -= book[from++].second;
            most = std::max(most, in_book);
        }
        ASSERT_LE(most, cap) << "seed " << seed;
        EXPECT_GE(taken, cap * (lasts_ms / 62'000) * 95 / 100 - cap) << "seed " << seed;
    }
}

TEST(Limits, a_steady_caller_gets_95_percent_of_the_cap) {
    LimitCell cell{LimitCell::Windowed{}};
    constexpr std::int64_t cap = 600;
    std::int64_t taken = 0;
    constexpr std::int64_t begins = 1'000'000, minutes = 31;
    for (auto ms = begins * 1000; ms < (begins + minutes * 60) * 1000; ms += 50) {
        if (cell.take(1, cap, {ms / 1000, 0})) ++taken;
    }
    EXPECT_GE(taken, cap * minutes * 95 / 100);
    EXPECT_LE(taken, cap * minutes);
}

TEST(Limits, an_amount_above_the_cap_never_fits) {
    LimitCell cell{LimitCell::Windowed{}};
    Leases leases;
    std::vector<Ask> const asks{{&cell, LimitKind::tokens, 101, 100}};
    auto const got = leases.reserve(Ulid{}, asks, {1000, 0}, 60);
    ASSERT_TRUE(std::holds_alternative<Denied>(got));
    EXPECT_TRUE(std::get<Denied>(got).never);
}

TEST(Limits, retry_after_is_when_it_fits_and_not_before) {
    LimitCell cell{LimitCell::Windowed{}};
    ASSERT_TRUE(cell.take(60, 100, {1000, 0}));
    ASSERT_TRUE(cell.take(40, 100, {1010, 0}));
    EXPECT_FALSE(cell.take(50, 100, {1020, 0}));
    auto const wait = cell.wait_s(50, 100, {1020, 0});
    EXPECT_EQ(wait, 1000 + Window::seconds_kept - 1020);
    EXPECT_FALSE(cell.take(50, 100, {1020 + wait - 1, 0}));
    EXPECT_TRUE(cell.take(50, 100, {1020 + wait, 0}));
}

TEST(Limits, what_is_settled_late_goes_to_the_cell_that_held_it) {
    LimitCell cell{LimitCell::Windowed{}};
    auto const mark = cell.take(80, 100, {1000, 0});
    ASSERT_TRUE(mark);
    ASSERT_TRUE(cell.take(100, 100, {1000 + Window::seconds_kept, 0}));
    cell.settle(*mark, 80, 10);  // its cell has gone: the new one is as it was
    EXPECT_EQ(cell.state({1000 + Window::seconds_kept, 0}).held, 100);
}

TEST(Limits, a_moved_grant_is_settled_once) {
    LimitCell gauge{LimitCell::Gauged{}};
    Leases leases;
    std::vector<Ask> const asks{{&gauge, LimitKind::concurrency, 1, 2}};
    {
        auto first = std::get<Grant>(leases.reserve(Ulid{}, asks, {1, 1}, 60));
        auto second = std::move(first);
        EXPECT_FALSE(first.is_held());  // NOLINT: that is the point
        first.settle({});
        EXPECT_EQ(gauge.state({1, 1}).held, 1);
        second.settle({});
        second.settle({});
        EXPECT_EQ(gauge.state({1, 1}).held, 0);
        first = std::get<Grant>(leases.reserve(Ulid{}, asks, {1, 1}, 60));
        EXPECT_EQ(gauge.state({1, 1}).held, 1);
    }
    EXPECT_EQ(gauge.state({1, 1}).held, 0);
}

TEST(Limits, a_grant_that_ran_out_counts_in_full_and_is_not_settled_again) {
    BudgetSlot slot;
    LimitCell gauge{LimitCell::Gauged{}}, budget{slot, Period::day, nullptr};
    Leases leases;
    Moment now{5000, 1'790'000'000};
    std::vector<Ask> const asks{{&gauge, LimitKind::concurrency, 1, 2},
                                {&budget, LimitKind::usd_budget, 700, 1000}};
    auto grant = std::get<Grant>(leases.reserve(Ulid{}, asks, now, 10));
    now.steady_s += 9;
    EXPECT_EQ(leases.expire(now), 0U);
    now.steady_s += 1;
    EXPECT_EQ(leases.expire(now), 1U);
    EXPECT_EQ(gauge.state(now).held, 0);
    EXPECT_EQ(budget.state(now).held, 700);
    EXPECT_EQ(budget.state(now).reserved, 0);
    grant.settle({1, 0, 5});
    EXPECT_EQ(budget.state(now).held, 700);
    EXPECT_EQ(budget.state(now).reserved, 0);
    EXPECT_EQ(gauge.state(now).held, 0);
}

// Threads on one hot set of cells. Each looks at its own clock, a little apart; the sums are right
// at the end, and nothing was ever above its cap.
TEST(Limits, hold_under_threads) {
    constexpr int threads = 4, rounds = 30'000;
    constexpr std::int64_t token_cap = 5000, gauge_cap = 3, budget_cap = 4'000'000;
    LimitCell gauge{LimitCell::Gauged{}}, requests{LimitCell::Windowed{}},
        tokens{LimitCell::Windowed{}};
    BudgetSlot slot;
    LimitCell budget{slot, Period::total, nullptr};
    std::atomic<std::int64_t> clock{2'000'000}, spent{0}, under_way{0}, broken{0};
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t) {
        all.emplace_back([&, t] {
            Dice dice(static_cast<unsigned>(t + 1));
            Leases leases;
            for (int i = 0; i < rounds; ++i) {
                auto const second = clock.fetch_add(below(dice, 100) == 0 ? 1 : 0);
                Moment const now{second, 1'790'000'000};
                auto const amount = 1 + below(dice, 50);
                std::vector<Ask> const asks{{&gauge, LimitKind::concurrency, 1, gauge_cap},
                                            {&requests, LimitKind::requests, 1, 1'000'000},
                                            {&tokens, LimitKind::tokens, amount, token_cap},
                                            {&budget, LimitKind::usd_budget, amount, budget_cap}};
                auto got = leases.reserve(Ulid{}, asks, now, 600);
                if (auto* grant = std::get_if<Grant>(&got)) {
                    if (under_way.fetch_add(1) >= gauge_cap) ++broken;
                    auto const used = below(dice, amount + 1);
                    spent += used;
                    --under_way;
                    grant->settle({1, used, used});
                }
                if (tokens.state(now).held > token_cap) ++broken;
                auto const state = budget.state(now);
                if (state.held > budget_cap || state.reserved < 0) ++broken;
            }
        });
    }
    for (auto& thread : all) thread.join();
    EXPECT_EQ(broken.load(), 0);
    Moment const end{clock.load() + 1000, 1'790'000'000};
    EXPECT_EQ(gauge.state(end).held, 0);
    EXPECT_EQ(requests.state(end).held, 0);
    EXPECT_EQ(tokens.state(end).held, 0);
    EXPECT_EQ(budget.state(end).reserved, 0);
    EXPECT_EQ(budget.state(end).held, spent.load());
}

// Threads that meet at the end of a period, again and again: each period's sum is its own.
TEST(Limits, a_period_begins_once_however_many_see_it_first) {
    constexpr int threads = 4;
    constexpr std::int64_t cap = 1000;
    BudgetSlot slot;
    LimitCell budget{slot, Period::hour, nullptr};
    std::atomic<std::int64_t> period{0};
    std::array<std::atomic<std::int64_t>, 400> taken{};
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t) {
        all.emplace_back([&, t] {
            Dice dice(static_cast<unsigned>(t + 10));
            for (std::int64_t p = 0; p < 400;) {
                Moment const now{1, 1'790'000'000 + p * 3600};
                if (budget.take(7, cap, now)) {
                    ++taken[static_cast<std::size_t>(p)];
                } else {
                    ++p;
                }
            }
        });
    }
    for (auto& thread : all) thread.join();
    // A thread that is behind is charged to the period that has begun, so a period may have fewer
    // of its own; none may have more in all.
    std::int64_t sum = 0;
    for (auto const& count : taken) sum += count.load();
    EXPECT_EQ(sum, 400 * (cap / 7));
}

}  // namespace
}  // namespace sluice::store
