// The walk over request bodies: the same whatever is looked at in a turn, and no turn is long.
#include <random>

#include "guard/request_texts.hpp"
#include "unit/guard/guards.hpp"

namespace sluice::guard {
namespace {

Guards const& guards() {
    static Guards const all([] {
        std::vector<Guard> each;
        each.push_back(guard_of(
            {"secrets", "email", "phone", "credit_card", "iban", "ip", "us_ssn", "url_credentials"},
            Action::redact, {"(?i)project\\s{1,3}(aurora|borealis)", "ü{2,3}"}));
        return each;
    }());
    return all;
}

struct Told {
    std::string body;
    std::size_t turns = 0;
};

Told guarded(std::string const& body, std::size_t bytes) {
    GuardRun run(guards().set());
    Patches patches;
    RequestScan scan(run, body, patches);
    Told told;
    auto progress = Progress::more;
    while (progress == Progress::more) {
        progress = scan.step(bytes == 0 ? Budget::unlimited() : Budget(bytes));
        ++told.turns;
    }
    EXPECT_EQ(progress, Progress::done);
    std::sort(patches.begin(), patches.end(),
              [](Patch const& a, Patch const& b) { return a.offset < b.offset; });
    for (auto const piece : gather(body, patches)) told.body += piece;
    return told;
}

// Text of `bytes` with something to find now and then, across the borders of windows too.
std::string text_of(std::size_t bytes, bool is_escaped, std::mt19937& dice) {
    static constexpr char const* words[] = {"the invoice ",
                                            "of 2024-01-02 ",
                                            "jane.doe@example.com ",
                                            "4111 1111 1111 1111 ",
                                            "üü ",
                                            "DE89 3704 0044 0532 0130 00, ",
                                            "project  aurora ",
                                            "AKIAIOSFODNN7EXAMPLE ",
                                            "foo@bar, ",
                                            "naïve 50% & ",
                                            "zwölf "};
    static constexpr char const* escaped[] = {"\\n", "a\\u0040b.de ", "\\\"x\\\" ",
                                              "\\u200bjoe\\u200b@example.org "};
    std::string out;
    while (out.size() < bytes) {
        out += is_escaped && dice() % 8 == 0 ? escaped[dice() % std::size(escaped)]
               : dice() % 40 == 0            ? words[dice() % std::size(words)]
                                             : "lorem ipsum dolor ";
    }
    return out;
}

TEST(RequestScan, WhatIsLookedAtInATurnChangesNothing) {
    std::mt19937 dice(3);
    for (bool const is_escaped : {false, true}) {
        std::string const body = R"({"model":"m","messages":[{"role":"user","content":")" +
                                 text_of(300'000, is_escaped, dice) +
                                 R"("},{"role":"assistant","tool_calls":[{"function":{"arguments":)"
                                 R"("{\"to\":\"a@b.de\",\"card\":4111111111111111}"}}]},)"
                                 R"({"role":"user","content":[{"type":"text","text":")" +
                                 text_of(90'000, is_escaped, dice) +
                                 R"("}]}],"tools":[{"function":{"parameters":{"x":["é a@b.de",)"
                                 R"(4111111111111111]}}}]})";
        auto const whole = guarded(body, 0);
        EXPECT_EQ(whole.turns, 1U);
        EXPECT_NE(whole.body.find("[CREDIT_CARD_"), std::string::npos);
        EXPECT_EQ(whole.body.find("4111111111111111"), std::string::npos);
        EXPECT_EQ(whole.body.find("@b.de"), std::string::npos);
        EXPECT_EQ(whole.body.find("@example"), std::string::npos);
        for (std::size_t const bytes : {1UL, 1000UL, 64UL << 10, 256UL << 10}) {
            EXPECT_EQ(guarded(body, bytes).body, whole.body) << bytes;
        }
    }
}

TEST(RequestScan, NoTurnIsLong) {
    std::mt19937 dice(5);
    std::string numbers = "1";
    while (numbers.size() < (1U << 20)) numbers += ",22";
    std::string const bodies[] = {
        R"({"model":"m","input":")" + text_of(2 << 20, false, dice) + R"("})",
        R"({"model":"m","input":")" + text_of(2 << 20, true, dice) + R"("})",
        R"({"model":"m","input":")" + std::string(2 << 20, 'a') + R"("})",
        R"({"model":"m","tools":[{"parameters":{"x":")" + text_of(2 << 20, true, dice) + R"("}}]})",
        R"({"model":"m","input":[)" + numbers + "]}",
    };
    for (auto const& body : bodies) {
        // Ten matchers look at it all; a turn is 256 KiB of that and at most a window beyond.
        auto const turns = guarded(body, 256 << 10).turns;
        EXPECT_GE(turns, body.size() / (320 << 10)) << body.substr(0, 40);
        EXPECT_GE(turns, 10U) << body.substr(0, 40);
    }
}

TEST(RequestScan, ABlockTellsThePlaceInAnyTurn) {
    Guards const guards({guard_of({"email"}, Action::block)});
    std::string const body = R"({"model":"m","messages":[{"content":")" +
                             std::string(100'000, 'x') +
                             R"("},{"content":["a",{"text":"b a@b.de"}]}]})";
    for (std::size_t const bytes : {1UL, 64UL << 10, 1UL << 30}) {
        GuardRun run(guards.set());
        Patches patches;
        RequestScan scan(run, body, patches);
        auto progress = Progress::more;
        while (progress == Progress::more) progress = scan.step(Budget(bytes));
        ASSERT_EQ(progress, Progress::blocked);
        EXPECT_EQ(run.blocked->place, "messages[1].content[1].text");
    }
}

}  // namespace
}  // namespace sluice::guard
