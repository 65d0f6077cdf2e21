// What leads say and what one pass over them finds, compared with looking at every place, and with
// what each matcher finds by itself.
#include "guard/starts.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>
#include <set>

#include "guard/pattern.hpp"
#include "guard/pattern_leads.hpp"
#include "unit/guard/guards.hpp"

namespace sluice::guard {
namespace {

using Random = std::mt19937;

std::size_t below(Random& random, std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most - 1)(random);
}

bool fits(Lead const& lead, std::string_view text, std::size_t at) {
    auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    if (at > 0 && !lead.before[byte(at - 1)]) return false;
    for (std::size_t i = 0; i < Lead::places && at + i < text.size(); ++i) {
        if (!lead.bytes[i][byte(at + i)]) return false;
    }
    return true;
}

// All rules that may begin at each place.
using Seen = std::vector<std::pair<std::size_t, unsigned>>;

template <class Look>
Seen seen_by(Starts const& starts, std::string_view text, std::size_t from, Look&& look) {
    Seen out;
    Starts::Places places;
    while (from < text.size()) {
        look(from, places);
        for (std::size_t i = 0; i < places.count; ++i) {
            std::set<unsigned> rules;
            starts.rules_at(text, places, i, [&](unsigned rule) { rules.insert(rule); });
            for (auto const rule : rules) out.emplace_back(places.at[i], rule);
        }
        EXPECT_GT(places.next, from);
        from = places.next;
    }
    return out;
}

std::vector<std::string> const patterns = {"(?i)project (aurora|borealis|cassini)",
                                           "\\bACME-[0-9]{4,12}\\b",
                                           "(?i)internal use only",
                                           "\\b[A-Z]{2}[0-9]{2}-ORDER-[0-9]{5,9}\\b",
                                           "(?i)\\bcodename [a-z]{4,16}\\b",
                                           "\xc3\xbc{2,3}x?",
                                           "(?<=no )[0-9]{3}x",
                                           "(?:ab|a[^b]c|(?i:kiss))[.]",
                                           "x(?=yz)y",
                                           "q|Zz",
                                           "[^\\x00-\\x7f]{2}!",
                                           "\\\\[nt]|\\x41\\x{62}c"};

std::unique_ptr<Starts const> starts_of(std::vector<std::vector<Lead>> const& rules) {
    std::vector<Starts::Entry> entries;
    for (unsigned i = 0; i < rules.size(); ++i) {
        for (auto const& lead : rules[i]) entries.push_back({lead, i});
    }
    return Starts::create(std::move(entries));
}

std::string random_text(Random& random, std::size_t size) {
    static constexpr std::string_view pieces[] = {"project aurora",
                                                  "PROJECT ",
                                                  "ACME-12345",
                                                  " DE44 5001",
                                                  "4111 1111 1111 1111",
                                                  "+49 30 1",
                                                  "(212) 555-0123",
                                                  "sk-ant-",
                                                  "eyJhbGci",
                                                  "-----BEGIN ",
                                                  "http://a:b@",
                                                  "::1",
                                                  "fe80::1:2",
                                                  "10.0.0.1",
                                                  "123-45-6789",
                                                  "internal use only",
                                                  "AB12-ORDER-12345",
                                                  "no 123x",
                                                  "kiss.",
                                                  "\xe2\x84\xaaiss.",
                                                  "ki\xc5\xbf\xc5\xbf.",
                                                  "xyz",
                                                  "Zz",
                                                  "\xc3\xbc\xc3\xbc!",
                                                  "codename abcd",
                                                  "\\n",
                                                  "Abc",
                                                  "a\xc3\xa4"
                                                  "c."};
    std::string out;
    while (out.size() < size) {
        switch (below(random, 4)) {
            case 0:
                out += pieces[below(random, std::size(pieces))];
                break;
            case 1:
                out += static_cast<char>(below(random, 256));
                break;
            default:
                out += " .-:/0123456789abcdefxyzABCDEFXYZ_"[below(random, 34)];
        }
    }
    return out;
}

std::vector<std::unique_ptr<Matcher>> all_matchers() {
    std::vector<std::unique_ptr<Matcher>> out;
    out.push_back(make_phone());
    out.push_back(make_credit_card());
    out.push_back(make_iban());
    out.push_back(make_ip());
    out.push_back(make_us_ssn());
    out.push_back(make_url_credentials());
    out.push_back(make_secrets());
    for (auto const& pattern : patterns) out.push_back(*make_pattern(pattern));
    return out;
}

// Those that this machine has.
std::vector<Starts::Pass> passes() {
    std::vector<Starts::Pass> out;
    for (auto i = 0; i <= static_cast<int>(Starts::best_pass()); ++i) {
        out.push_back(static_cast<Starts::Pass>(i));
    }
    return out;
}

TEST(Starts, AreWhereALeadFitsHoweverTheTextLies) {
    std::vector<std::vector<Lead>> rules;
    for (auto const& matcher : all_matchers()) rules.push_back(matcher->leads());
    auto const starts = starts_of(rules);
    ASSERT_NE(starts, nullptr);
    Random random(7);
    for (int round = 0; round < 400; ++round) {
        auto const text = random_text(random, 1 + below(random, round % 20 == 0 ? 3000 : 120));
        auto const from = below(random, text.size());
        Seen expected;
        for (auto at = from; at < text.size(); ++at) {
            for (unsigned rule = 0; rule < rules.size(); ++rule) {
                bool const any =
                    std::any_of(rules[rule].begin(), rules[rule].end(),
                                [&](Lead const& lead) { return fits(lead, text, at); });
                if (any) expected.emplace_back(at, rule);
            }
        }
        for (auto const pass : passes()) {
            auto const seen =
                seen_by(*starts, text, from, [&](std::size_t at, Starts::Places& out) {
                    auto const to = std::min(text.size(), at + 1 + below(random, 700));
                    starts->look(pass, text, at, to, out);
                });
            ASSERT_EQ(seen, expected) << round << ' ' << static_cast<int>(pass);
        }
    }
}

// All matches of a text, as find tells them, and as tries where leads fit do.
TEST(Leads, LeadToEverythingThatAMatcherFinds) {
    auto const matchers = all_matchers();
    Random random(11);
    std::vector<std::size_t> found(matchers.size());
    for (int round = 0; round < 3000; ++round) {
        auto const text = random_text(random, 200);
        for (std::size_t i = 0; i < matchers.size(); ++i) {
            auto const& matcher = *matchers[i];
            auto const leads = matcher.leads();
            ASSERT_FALSE(leads.empty()) << i;
            std::vector<std::pair<std::size_t, std::size_t>> by_find, by_tries;
            for (std::size_t at = 0; at < text.size();) {
                auto const one = matcher.find(text, at, true);
                if (one.kind != Found::Kind::match) break;
                by_find.emplace_back(one.from, one.to);
                at = one.to;
            }
            for (std::size_t at = 0; at < text.size();) {
                bool const may = std::any_of(leads.begin(), leads.end(), [&](Lead const& lead) {
                    return fits(lead, text, at);
                });
                auto const tried = may ? matcher.attempt(text, at, true) : no_match;
                if (tried.kind == Tried::Kind::yes) by_tries.emplace_back(at, tried.to);
                at = tried.kind == Tried::Kind::yes ? tried.to : at + 1;
            }
            ASSERT_EQ(by_tries, by_find) << "matcher " << i << ": " << text;
            found[i] += by_find.size();
        }
    }
    for (std::size_t i = 7; i < found.size(); ++i) EXPECT_GT(found[i], 0U) << patterns[i - 7];
}

struct LeadCase {
    char const* pattern;
    std::vector<char const*> begins;      // leads there are, and these may begin a match
    std::vector<char const*> begins_not;  // but not these
};

TEST(PatternLeads, SayWhatMayComeFirst) {
    LeadCase const cases[] = {
        {"abcd", {"abcd", "abc"}, {"abce", "xbcd", "Abcd"}},
        {"(?i)abcd", {"aBCd"}, {"abxd"}},
        {"(?i)kSab",
         {"KsAB", "\xe2\x84\xaasab",
          "k\xc5\xbf"
          "ab"},
         {"lsab"}},
        {"a(?i)bcd|ef", {"aBcd", "EF00"}, {"ABcd"}},
        {"(a(?i)b)cde", {"aBcd"}, {"aBCd"}},
        {"(?i:ab)cd", {"ABcd"}, {"abCd"}},
        {"a?bcde", {"abcd", "bcde"}, {"aacd"}},
        {"(ab){2,}c", {"abab"}, {"abc0"}},
        {"a{2}bc", {"aabc"}, {"abc0"}},
        {"[a-c]x[^0-9]z", {"bx\xc3\xbc", "cx_z"}, {"dx_z", "ax0z"}},
        {"[]x]abc", {"]abc", "xabc"}, {"aabc"}},
        {"(?i)[^k]zzz", {"azzz", "kzzz", "\xe2\x84\xaazz"}, {"azz0"}},
        {"\\d\\d\\.\\s", {"12. "}, {"1a. ", "12.x"}},
        {"(?=x)abcd", {"abcd"}, {"xbcd"}},
        {"(?<!x)abcd", {"abcd"}, {"xbcd"}},
        {"(?<name>ab)(?P<other>cd)(?'third'e)", {"abcd"}, {"abce"}},
        {"(?>ab|cd)++ef", {"abef", "cdab"}, {"efab"}},
        {"[[:upper:]]{2}-[[:digit:]]", {"AB-1"}, {"Ab-1"}},
        {"\xc3\xbc{2}a",
         {"\xc3\xbc\xc3\xbc"},
         {"\xc3\xbc"
          "ab"}},
        {"\\x{fc}\\x41b",
         {"\xc3\xbc"
          "Ab"},
         {"\xc3\xbc"
          "ab"}},
        {"a.cdef", {"a\ncd", "axcd", "a\xc3\xa4"}, {"b.cd"}},
        {"^abc$", {"abc"}, {"xabc"}},
    };
    for (auto const& one : cases) {
        ASSERT_TRUE(make_pattern(one.pattern).ok()) << one.pattern;
        auto const leads = leads_of(one.pattern);
        ASSERT_FALSE(leads.empty()) << one.pattern;
        auto const may = [&](std::string_view text) {
            return std::any_of(leads.begin(), leads.end(),
                               [&](Lead const& lead) { return fits(lead, text, 0); });
        };
        for (auto const* text : one.begins) EXPECT_TRUE(may(text)) << one.pattern << " " << text;
        for (auto const* text : one.begins_not) {
            EXPECT_FALSE(may(text)) << one.pattern << " " << text;
        }
    }
    auto const edge = leads_of("(?i)\\bcodename|\\bother");
    ASSERT_EQ(edge.size(), 2U);
    for (auto const& lead : edge) EXPECT_EQ(lead.before, ~word_bytes());
    EXPECT_EQ(leads_of("code\\b").front().before, any_byte());
}

TEST(PatternLeads, AreNotToldWhereThePatternIsNotUnderstood) {
    for (auto const* pattern :
         {"(*UCP)\\bab", "\\Gabc", "(?x) a b c", "(a)\\1\\1", "\\p{Lu}bcd", "\\Qab\\Ecd",
          "(?|a|b)cd", "\\b{1}abc",
          "(?i)\xc3\xbc"
          "bcd",
          ".*abc", "[a-z]{2,9}ing", "\\w+@corp", "(?:a|)(?:b|)(?:c|)x?y?z?\\d*.+", "\\habc"}) {
        EXPECT_TRUE(leads_of(pattern).empty()) << pattern;
    }
}

}  // namespace
}  // namespace sluice::guard
