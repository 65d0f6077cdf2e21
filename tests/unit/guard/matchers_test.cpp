// What each detector finds and what it leaves, beside tests/guard/oracle.py: the cases worth a
// name.
#include "guard/pattern.hpp"
#include "guard/secret_formats.hpp"
#include "unit/guard/guards.hpp"

namespace sluice::guard {
namespace {

struct Row {
    char const* detector;
    char const* text;
    char const* left;
};

TEST(Detectors, FindWhatTheyAreFor) {
    Row const rows[] = {
        {"email", "to a.b+c@mail.example.co.uk.", "to [EMAIL_1]."},
        {"email", "a@b@c.de", "a@[EMAIL_1]"},
        {"phone", "call +49 (0)30 1234567 now", "call [PHONE_1] now"},
        {"phone", "(212) 555-0123", "[PHONE_1]"},
        {"credit_card", "4111-1111-1111-1111,", "[CREDIT_CARD_1],"},
        {"credit_card", "12 4111111111111111", "12 [CREDIT_CARD_1]"},
        {"iban", "DE89 3704 0044 0532 0130 00 ok", "[IBAN_1] ok"},
        {"ip", "from 10.0.0.255: 2001:db8::1:", "from [IP_1]: [IP_2]:"},
        {"us_ssn", "123-45-6789", "[US_SSN_1]"},
        {"url_credentials", "postgres://joe:p@ss@db/x", "postgres://[URL_CREDENTIALS_1]@db/x"},
        {"secrets", "AKIAIOSFODNN7EXAMPLE", "[SECRET_1]"},
        {"secrets", "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", "[SECRET_1]"},
        {"secrets", "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n",
         "[SECRET_1]\n"},
    };
    for (auto const& row : rows) {
        Guards const guards({guard_of({row.detector})});
        EXPECT_EQ(passed(guards.set(), row.text), row.left) << row.detector;
    }
}

TEST(Detectors, LeaveWhatOnlyLooksLikeIt) {
    Row const rows[] = {
        {"email", "foo@bar, @property, a @ b.c", ""},
        {"phone", "2024-01-02 10:11, 05/11/2024 15 Uhr, 555-0123, 192.168.0.1", ""},
        {"credit_card", "4111111111111112 0.4111111111111111 x4111111111111111", ""},
        {"iban", "DE88 3704 0044 0532 0130 00 DE89", ""},
        {"ip", "1.2.3 1.2.3.4.5 256.1.1.1 std::vector a::b ::d89d: 12:30:45 00:1A:2B:3C:4D:5E", ""},
        {"us_ssn", "000-12-3456 123-45-67890 123-45 6789", ""},
        {"url_credentials", "https://example.org:8080/a@b", ""},
        {"secrets", "sk-short ghp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18 AKIAAAAAAAAAAAAAAAAA", ""},
        {"secrets", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", ""},
    };
    for (auto const& row : rows) {
        Guards const guards({guard_of({row.detector})});
        EXPECT_EQ(passed(guards.set(), row.text), row.text) << row.detector;
    }
}

TEST(Detectors, KnowSixtyFormatsOfKeysAtLeast) { EXPECT_GE(secret_formats().size(), 60U); }

TEST(Detectors, TakeATokenWhoseHeadEndsInBitsThatSayNothing) {
    Guards const guards({guard_of({"secrets"})});
    EXPECT_EQ(passed(guards.set(),
                     "eyJhbGciOiIUzI1NiJ9.eyJMOVpxYXlqq7qzDKTNjBnEUekjHlcFvOaZxZDOPkIIBaWzHoI."
                     "uGNVdjv4nTees6vuevXe0DEnPuA38Dscw7E_Iahuq2O with"),
              "[SECRET_1] with");
}

TEST(Patterns, AreMatchedWithTheirFlagsAndBounded) {
    Guards const guards(
        {guard_of({}, Action::redact, {"(?i)project (aurora|borealis)", "ü{2,3}"})});
    EXPECT_EQ(passed(guards.set(), "on PROJECT Aurora, üüü"), "on [G_1], [G_2]");
    EXPECT_EQ(measure_pattern("[a-z]{1,40}")->width_max, 40U);
    EXPECT_FALSE(measure_pattern("[a-z]+")->width_max);
    for (auto const* wrong : {"(", "a*", "(?<=abcdefghijklm)x", "a\\Kb"}) {
        EXPECT_FALSE(make_pattern(wrong).ok()) << wrong;
    }
}

TEST(Sets, OfADetectorUnderTwoGuardsTheStrictestHolds) {
    auto flag = guard_of({"email"}, Action::flag);
    auto redact = guard_of({"email"}, Action::redact);
    redact.name = "h";
    Guards const guards({flag, redact});
    EXPECT_EQ(passed(guards.set(), "a@b.de"), "[EMAIL_1]");
    auto block = guard_of({"email"}, Action::block);
    block.name = "i";
    Guards const stricter({flag, block, redact});
    EXPECT_EQ(passed(stricter.set(), "a@b.de"), "(blocked)");
}

TEST(Json, NumbersAreReplacedWholeAndInQuotes) {
    Guards const guards({guard_of({"credit_card", "email"})});
    EXPECT_EQ(
        passed(guards.set(), R"({"a":4111111111111111,"b":["x a\u0040b.de",1e5]})", Syntax::json),
        R"({"a":"[CREDIT_CARD_1]","b":["x [EMAIL_1]",1e5]})");
}

}  // namespace
}  // namespace sluice::guard
