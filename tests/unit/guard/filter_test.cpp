// The filter of streams: what it holds, what it gives up, what it never gives out.
#include <algorithm>

#include "unit/guard/guards.hpp"

namespace sluice::guard {
namespace {

std::vector<std::string> const all = {"secrets", "email", "phone",  "credit_card",
                                      "iban",    "ip",    "us_ssn", "url_credentials"};

TEST(Filter, HoldsOnlyWhatMayStillBecomeAMatch) {
    Guards const guards({guard_of({"secrets", "credit_card"})});
    GuardRun run(guards.set());
    Filter filter(run, Way::response, Syntax::text);
    std::string out;
    EXPECT_EQ(filter.feed("Hello there, my card", out), Outcome::pass);
    EXPECT_EQ(out, "Hello there, my card");
    EXPECT_TRUE(filter.was_verbatim());
    filter.feed(" is 4111 1111", out);
    EXPECT_EQ(filter.held_bytes(), std::string_view{"4111 1111"}.size());
    filter.feed(" 1111 1111 ok", out);
    EXPECT_EQ(out, "Hello there, my card is [CREDIT_CARD_1] ok");
    EXPECT_EQ(filter.held_bytes(), 0U);
}

TEST(Filter, AMatchAtTheEndIsDecidedWhenTheChannelCloses) {
    Guards const guards({guard_of({"email"})});
    GuardRun run(guards.set());
    Filter filter(run, Way::response, Syntax::text);
    std::string out;
    filter.feed("mail a@example.co", out);
    EXPECT_EQ(out, "mail ");
    EXPECT_EQ(filter.close(out), Outcome::pass);
    EXPECT_EQ(out, "mail [EMAIL_1]");
}

TEST(Filter, GivesOutWhatStoodBeforeABlockAndNothingOfTheMatch) {
    Guards const guards({guard_of({"us_ssn"}, Action::block)});
    GuardRun run(guards.set());
    Filter filter(run, Way::response, Syntax::text);
    std::string out;
    EXPECT_EQ(filter.feed("number 123-45", out), Outcome::pass);
    EXPECT_EQ(filter.feed("-6789 and more", out), Outcome::blocked);
    EXPECT_EQ(out, "number ");
}

TEST(Filter, WhatIsTooLongToHoldFollowsThePolicy) {
    for (auto const policy : {OnOverflow::block, OnOverflow::pass}) {
        auto guard = guard_of({"secrets"});
        guard.on_overflow = policy;
        guard.hold_bytes_max = 100;
        Guards const guards({guard});
        GuardRun run(guards.set());
        Filter filter(run, Way::response, Syntax::text);
        std::string out, fed = "eyJhbGciOiJIUzI1NiJ9.eyJ";
        auto outcome = filter.feed(fed, out);
        for (int i = 0; i < 40 && outcome == Outcome::pass; ++i) {
            fed += "Zm9vYmFy";
            outcome = filter.feed("Zm9vYmFy", out);
            EXPECT_LE(filter.held_bytes(), 100U);
        }
        EXPECT_GE(run.overflows, 1U);
        EXPECT_EQ(outcome, policy == OnOverflow::block ? Outcome::blocked : Outcome::pass);
        EXPECT_EQ(out, policy == OnOverflow::block ? "" : fed);
    }
}

TEST(Filter, AMebibyteOfBase64NeitherStallsNorGrows) {
    Guards const guards({guard_of(all)});
    GuardRun run(guards.set());
    Filter filter(run, Way::response, Syntax::text);
    static constexpr char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::uint64_t state = 88172645463325252ULL;
    std::string fed, out;
    std::size_t held = 0;
    while (fed.size() < (1U << 20)) {
        std::string piece;
        for (int i = 0; i < 24; ++i) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            piece += digits[state & 63];
        }
        fed += piece;
        ASSERT_EQ(filter.feed(piece, out), Outcome::pass);
        held = std::max(held, filter.held_bytes());
    }
    ASSERT_EQ(filter.close(out), Outcome::pass);
    EXPECT_EQ(out.size(), fed.size());
    EXPECT_EQ(out, fed);
    EXPECT_LE(held, 512U);
}

// The words of a model's answer, as tokens come.
TEST(Filter, OfCleanProseItHoldsAWordAtMost) {
    std::vector<std::string> pieces;
    std::string const prose =
        "The invoice was moved to 7 June 2024 and costs 48,210 euros, as agreed on page 77. Our "
        "last "
        "call is due at 14:30, for 310 pieces at 17.95 each; see version 2.4.1 of the report. ";
    for (int i = 0; i < 40; ++i) {
        for (std::size_t at = 0; at < prose.size();) {
            auto const end = std::min(prose.find(' ', at + 1), prose.size());
            pieces.push_back(prose.substr(at, end - at));
            at = end;
        }
    }
    auto const held_of = [&](std::vector<std::string> const& detect) {
        Guards const guards({guard_of(detect)});
        GuardRun run(guards.set());
        Filter filter(run, Way::response, Syntax::text);
        std::vector<std::size_t> held;
        std::string out, fed;
        for (auto const& piece : pieces) {
            fed += piece;
            EXPECT_EQ(filter.feed(piece, out), Outcome::pass);
            held.push_back(filter.held_bytes());
            // Nothing waits for longer than the piece after it.
            EXPECT_GE(out.size() + piece.size() + 1, fed.size());
        }
        std::sort(held.begin(), held.end());
        return std::pair{held[held.size() / 2], held[held.size() * 99 / 100]};
    };
    auto const keys = held_of({"secrets", "credit_card", "us_ssn", "url_credentials"});
    EXPECT_EQ(keys.first, 0U);
    EXPECT_LE(keys.second, 64U);
    auto const everything = held_of(all);
    EXPECT_LE(everything.first, 8U);  // the last word may be the beginning of an address
    EXPECT_LE(everything.second, 64U);
}

TEST(Filter, EveryCutGivesTheSame) {
    Guards const guards({guard_of(all, Action::redact, {"(?i)project (aurora|borealis)"})});
    std::string const text =
        "a.b@c.de \xc3\xa9 +1 (212) 555-0123, project  x Project Aurora 4111 1111 1111 1111 "
        "user%40example.com \xe2\x80\x8b AKIAIOSFODNN7EXAMPLE.";
    auto const run_with = [&](std::size_t first, std::size_t second) {
        GuardRun run(guards.set());
        Filter filter(run, Way::response, Syntax::text);
        std::string out;
        std::string_view const whole = text;
        EXPECT_EQ(filter.feed(whole.substr(0, first), out), Outcome::pass);
        EXPECT_EQ(filter.feed(whole.substr(first, second - first), out), Outcome::pass);
        EXPECT_EQ(filter.feed(whole.substr(second), out), Outcome::pass);
        EXPECT_EQ(filter.close(out), Outcome::pass);
        return out;
    };
    auto const whole = run_with(text.size(), text.size());
    EXPECT_EQ(whole, passed(guards.set(), text));
    for (std::size_t i = 0; i <= text.size(); ++i) {
        for (std::size_t j = i; j <= text.size(); j += 3) ASSERT_EQ(run_with(i, j), whole);
    }
}

}  // namespace
}  // namespace sluice::guard
