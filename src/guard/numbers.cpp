// What is led by digits: phone, credit_card, iban, us_ssn.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "guard/bytes.hpp"
#include "guard/matcher.hpp"

namespace sluice::guard {
namespace {

char before(std::string_view text, std::size_t at) noexcept {
    return at == 0 ? '\0' : text[at - 1];
}

// Digits with something between them, taken one by one; the place behind each is kept.
struct Digits {
    static constexpr std::size_t most = 32;
    std::array<char, most> digit{};
    std::array<std::size_t, most> end{};
    std::array<bool, most> separated{};  // something stood before it
    std::size_t count = 0;
    bool ran_out = false;  // the text ended where another digit may come

    template <class IsSeparator>
    void take(std::string_view text, std::size_t at, std::size_t count_max,
              std::size_t separators_max, IsSeparator&& is_separator) {
        while (count < count_max) {
            auto next = at;
            if (count > 0) {
                while (next < text.size() && next - at < separators_max && is_separator(text[next]))
                    ++next;
            }
            if (next == text.size()) {
                ran_out = true;
                return;
            }
            if (!is_digit(text[next])) return;
            digit[count] = text[next];
            separated[count] = next != at;
            at = end[count] = next + 1;
            ++count;
        }
    }
};

enum class Edge : std::uint8_t { no, more, yes };

// Nothing that belongs to a longer word or number follows. `joints`: what joins a further digit.
Edge ends_at(std::string_view text, std::size_t at, bool final, std::string_view joints) {
    if (at == text.size()) return final ? Edge::yes : Edge::more;
    if (is_word(text[at])) return Edge::no;
    if (joints.find(text[at]) == joints.npos) return Edge::yes;
    if (at + 1 == text.size()) return final ? Edge::yes : Edge::more;
    return is_digit(text[at + 1]) ? Edge::no : Edge::yes;
}

// The longest prefix of `digits` with a count in [least, most] that `holds` and ends there.
template <class Holds>
Tried longest(std::string_view text, Digits const& digits, std::size_t least, bool final,
              std::string_view joints, Holds&& holds) {
    if (digits.ran_out && !final) return needs_more;
    for (auto n = digits.count; n >= least && n > 0; --n) {
        if (!holds(n)) continue;
        auto const edge = ends_at(text, digits.end[n - 1], final, joints);
        if (edge == Edge::more) return needs_more;
        if (edge == Edge::yes) return match_to(digits.end[n - 1]);
    }
    return no_match;
}

// --- credit_card: 13 to 19 digits, single spaces or dashes between; issuer's range; Luhn

bool passes_luhn(char const* digits, std::size_t count) noexcept {
    int sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
        int value = digits[count - 1 - i] - '0';
        if (i % 2 == 1) value = value * 2 > 9 ? value * 2 - 9 : value * 2;
        sum += value;
    }
    return sum % 10 == 0;
}

int leading(char const* digits, int count) noexcept {
    int value = 0;
    for (int i = 0; i < count; ++i) value = value * 10 + (digits[i] - '0');
    return value;
}

// https://en.wikipedia.org/wiki/Payment_card_number: ranges and lengths of issuers.
bool is_issued(char const* digits, std::size_t count) noexcept {
    auto const two = leading(digits, 2), three = leading(digits, 3), four = leading(digits, 4);
    if (digits[0] == '4') return count == 13 || count == 16 || count == 19;
    if (two == 34 || two == 37) return count == 15;
    if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return count == 16;
    if ((three >= 300 && three <= 305) || two == 36 || two == 38 || two == 39) {
        return count >= 14 && count <= 19;
    }
    if (two == 35 || two == 60 || two == 62 || two == 64 || two == 65) return count >= 16;
    if (two == 50 || (two >= 56 && two <= 58) || two == 63 || two == 67) return count >= 13;
    return false;
}

// May a number that begins with these digits be of an issuer? As is_issued, by the first four.
bool may_be_issued(char const* digits, std::size_t count) noexcept {
    constexpr std::pair<int, int> ranges[] = {{2221, 2720}, {3000, 3059}, {3400, 3999},
                                              {4000, 5899}, {6000, 6099}, {6200, 6599},
                                              {6700, 6799}};
    int least = 0, most = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        least = least * 10 + (i < count ? digits[i] - '0' : 0);
        most = most * 10 + (i < count ? digits[i] - '0' : 9);
    }
    return std::any_of(std::begin(ranges), std::end(ranges), [&](auto const& range) {
        return most >= range.first && least <= range.second;
    });
}

class CreditCard final : public Matcher {
  public:
    [[nodiscard]] Found find(std::string_view text, std::size_t at, bool final) const override {
        return search(text, at, find_digit_or<>,
                      [&](std::size_t from) { return attempt(text, from, final); });
    }

    // By the first two digits; a space or dash may stand between them.
    [[nodiscard]] std::vector<Lead> leads() const override {
        auto const edge = ~word_bytes(), next = bytes_in("0-9 -");
        return {Lead::of({bytes_of("2"), bytes_in("2-7 -"), next, next, next}, edge),
                Lead::of({bytes_of("3"), bytes_in("04-9 -"), next, next, next}, edge),
                Lead::of({bytes_of("4"), next, next, next, next}, edge),
                Lead::of({bytes_of("5"), bytes_in("0-8 -"), next, next, next}, edge),
                Lead::of({bytes_of("6"), bytes_in("02-57 -"), next, next, next}, edge)};
    }

    [[nodiscard]] Tried attempt(std::string_view text, std::size_t from,
                                bool final) const override {
        if (!is_digit(text[from])) return no_match;
        auto const prior = before(text, from);
        bool const is_inside = is_word(prior) || (prior == '.' && is_digit(before(text, from - 1)));
        if (is_inside) return no_match;
        Digits digits;
        digits.take(text, from, 19, 1, [](char c) { return c == ' ' || c == '-'; });
        if (!may_be_issued(digits.digit.data(), digits.count)) return no_match;
        return longest(text, digits, 13, final, ".", [&](std::size_t n) {
            return is_issued(digits.digit.data(), n) && passes_luhn(digits.digit.data(), n);
        });
    }
};

// --- us_ssn: ddd-dd-dddd or ddd dd dddd, as they are given out

class UsSsn final : public Matcher {
  public:
    [[nodiscard]] Found find(std::string_view text, std::size_t at, bool final) const override {
        return search(text, at, find_digit_or<>,
                      [&](std::size_t from) { return attempt(text, from, final); });
    }

    [[nodiscard]] std::vector<Lead> leads() const override {
        auto const digit = bytes_in("0-9");
        return {Lead::of({bytes_in("0-8"), digit, digit, bytes_of(" -"), digit},
                         ~(word_bytes() | bytes_of("-")))};
    }

    [[nodiscard]] Tried attempt(std::string_view text, std::size_t from,
                                bool final) const override {
        auto const prior = before(text, from);
        if (is_word(prior) || prior == '-') return no_match;
        constexpr std::string_view shape = "ddd.dd.dddd";
        for (std::size_t i = 0; i < shape.size(); ++i) {
            if (from + i == text.size()) return final ? no_match : needs_more;
            char const c = text[from + i];
            bool const fits = shape[i] == 'd' ? is_digit(c)
                              : i == 3        ? c == '-' || c == ' '
                                              : c == text[from + 3];
            if (!fits) return no_match;
        }
        auto const part = [&](std::size_t i, int count) {
            return leading(text.data() + from + i, count);
        };
        auto const area = part(0, 3);
        if (area == 0 || area == 666 || area >= 900 || part(4, 2) == 0 || part(7, 4) == 0) {
            return no_match;
        }
        auto const end = from + shape.size();
        if (end == text.size()) return final ? match_to(end) : needs_more;
        return is_word(text[end]) || text[end] == '-' ? no_match : match_to(end);
    }
};

// --- phone: +1 212 555 0123, 0049 30 123456, (212) 555-0123, 030 1234567

class Phone final : public Matcher {
  public:
    [[nodiscard]] Found find(std::string_view text, std::size_t at, bool final) const override {
        return search(text, at, find_digit_or<'+', '('>,
                      [&](std::size_t from) { return attempt(text, from, final); });
    }

    [[nodiscard]] std::vector<Lead> leads() const override {
        auto const digit = bytes_in("0-9"), first = bytes_in("1-9"), high = bytes_in("2-9");
        auto const joint = bytes_of(" .-"), next = bytes_in("0-9 /-");
        auto const edge = ~(word_bytes() | bytes_of("+")), number = edge & ~bytes_of(".,-/:");
        return {Lead::of({bytes_of("+"), first}, edge),
                Lead::of({bytes_of("0"), first, next, next, next}, number),
                Lead::of({bytes_of("0"), bytes_of("0"), first}, number),
                Lead::of({bytes_of("1"), joint, bytes_of("("), high, digit}, number),
                Lead::of({bytes_of("1"), joint, high, digit, digit}, number),
                Lead::of({bytes_of("("), high, digit, digit, bytes_of(")")}, number),
                Lead::of({high, digit, digit, joint, high}, number)};
    }

    [[nodiscard]] Tried attempt(std::string_view text, std::size_t from,
                                bool final) const override {
        auto const prior = before(text, from);
        if (is_word(prior) || prior == '+') return no_match;
        if (text[from] == '+') return international(text, from + 1, final);
        if (prior == '.' || prior == ',' || prior == '-' || prior == '/' || prior == ':') {
            return no_match;
        }
        auto const american = north_american(text, from, final);
        if (american.kind != Tried::Kind::no) return american;
        if (text[from] != '0') return no_match;
        if (from + 1 == text.size()) return final ? no_match : needs_more;
        return text[from + 1] == '0' ? international(text, from + 2, final)
                                     : national(text, from, final);
    }

  private:
    // Country code and number: 8 to 15 digits, at most two of " .-/()" between two of them.
    static Tried international(std::string_view text, std::size_t at, bool final) {
        if (at == text.size()) return final ? no_match : needs_more;
        if (text[at] == '0') return no_match;
        Digits digits;
        digits.take(text, at, 15, 2, [](char c) {
            return c == ' ' || c == '.' || c == '-' || c == '/' || c == '(' || c == ')';
        });
        return longest(text, digits, 8, final, "", [](std::size_t) { return true; });
    }

    // (?:1[ .-])?(?:\([2-9]dd\) ?|[2-9]dd[ .-])[2-9]dd[ .-]dddd and no further digit
    static Tried north_american(std::string_view text, std::size_t at, bool final) {
        auto const ran_out = final ? no_match : needs_more;
        auto const is_joint = [](char c) { return c == ' ' || c == '.' || c == '-'; };
        auto const take = [&](auto&& fits) {  // 0: does not fit, 1: taken, 2: the text ended
            if (at == text.size()) return 2;
            if (!fits(text[at])) return 0;
            ++at;
            return 1;
        };
        auto const high = [](char c) { return c >= '2' && c <= '9'; };
        auto const need = [&](auto&& fits, Tried& out) {
            auto const taken = take(fits);
            if (taken == 2) out = ran_out;
            return taken == 1;
        };
        Tried out = no_match;
        if (text[at] == '1') {
            ++at;
            if (!need(is_joint, out)) return out;
        }
        bool const open = at < text.size() && text[at] == '(';
        if (open) ++at;
        if (!need(high, out) || !need(is_digit, out) || !need(is_digit, out)) return out;
        if (open) {
            if (!need([](char c) { return c == ')'; }, out)) return out;
            if (take([](char c) { return c == ' '; }) == 2) return ran_out;
        } else if (!need(is_joint, out)) {
            return out;
        }
        if (!need(high, out) || !need(is_digit, out) || !need(is_digit, out)) return out;
        if (!need(is_joint, out)) return out;
        for (int i = 0; i < 4; ++i) {
            if (!need(is_digit, out)) return out;
        }
        auto const edge = ends_at(text, at, final, ".-");
        if (edge == Edge::more) return needs_more;
        return edge == Edge::yes ? match_to(at) : no_match;
    }

    // 9 to 11 digits that begin with 0 and another, single " /-" between some; no date.
    static Tried national(std::string_view text, std::size_t from, bool final) {
        if (!is_digit(text[from + 1])) return no_match;
        auto const date = is_date(text, from);
        if (date == Edge::yes) return no_match;
        if (date == Edge::more && !final) return needs_more;
        Digits digits;
        digits.take(text, from, 11, 1, [](char c) { return c == ' ' || c == '/' || c == '-'; });
        return longest(text, digits, 9, final, "-./:", [&](std::size_t n) {
            return std::find(digits.separated.begin(),
                             digits.separated.begin() + static_cast<std::ptrdiff_t>(n),
                             true) != digits.separated.begin() + static_cast<std::ptrdiff_t>(n);
        });
    }

    // dd-dd-dddd, dd/dd/dddd
    static Edge is_date(std::string_view text, std::size_t from) {
        constexpr std::string_view shape = "dd-dd-dddd";
        for (std::size_t i = 0; i < shape.size(); ++i) {
            if (from + i == text.size()) return Edge::more;
            char const c = text[from + i];
            if (shape[i] == 'd' ? !is_digit(c) : c != '-' && c != '/') return Edge::no;
        }
        return Edge::yes;
    }
};

// --- iban: country, check digits, the country's length; single spaces or dashes; mod 97

struct Country {
    char code[3];
    std::uint8_t length;
};
// https://www.swift.com/standards/data-standards/iban-international-bank-account-number
constexpr Country countries[] = {
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
    {"BH", 22}, {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24},
    {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18},
    {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27},
    {"GT", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27},
    {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20},
    {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20}, {"MR", 27},
    {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24}, {"PL", 28},
    {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24}, {"SC", 31},
    {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25}, {"SV", 28},
    {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}};

constexpr char upper(char c) noexcept { return is_lower(c) ? static_cast<char>(c - 32) : c; }

std::size_t iban_length(char first, char second) noexcept {
    for (auto const& country : countries) {
        if (country.code[0] == first && country.code[1] == second) return country.length;
    }
    return 0;
}

class Iban final : public Matcher {
  public:
    [[nodiscard]] Found find(std::string_view text, std::size_t at, bool final) const override {
        // The check digits are found first: two letters stand before them. At the end of the text
        // they may be still to come.
        auto const next = [](std::string_view whole, std::size_t from) {
            auto const digit = find_digit_or<>(whole, from + 2);
            if (digit < whole.size()) return digit - 2;
            return std::max(from, whole.size() - std::min<std::size_t>(whole.size(), 2));
        };
        return search(text, at, next, [&](std::size_t from) { return attempt(text, from, final); });
    }

    [[nodiscard]] std::vector<Lead> leads() const override {
        auto const letter = bytes_in("A-Za-z"), digit = bytes_in("0-9");
        return {Lead::of({letter, letter, digit, digit, bytes_in("A-Za-z0-9 -")},
                         ~bytes_in("A-Za-z0-9"))};
    }

    [[nodiscard]] Tried attempt(std::string_view text, std::size_t from,
                                bool final) const override {
        if (!is_alpha(text[from])) return no_match;
        if (is_alnum(before(text, from))) return no_match;
        auto const ran_out = final ? no_match : needs_more;
        if (from + 1 == text.size()) return ran_out;
        // Most words end here, before the country is looked up.
        if (from + 2 < text.size() && !is_digit(text[from + 2])) return no_match;
        auto const length = iban_length(upper(text[from]), upper(text[from + 1]));
        if (length == 0) return no_match;
        std::array<char, 34> taken{};
        auto at = from;
        for (std::size_t i = 0; i < length; ++i) {
            bool const may_be_spaced = i >= 4 && at < text.size();
            if (may_be_spaced && (text[at] == ' ' || text[at] == '-')) ++at;
            if (at == text.size()) return ran_out;
            bool const fits = i == 2 || i == 3 ? is_digit(text[at]) : is_alnum(text[at]);
            if (!fits) return no_match;
            taken[i] = upper(text[at++]);
        }
        if (!passes_mod_97(taken, length)) return no_match;
        if (at == text.size()) return final ? match_to(at) : needs_more;
        return is_alnum(text[at]) ? no_match : match_to(at);
    }

  private:
    // ISO 13616: the first four moved to the end, letters as 10 to 35.
    static bool passes_mod_97(std::array<char, 34> const& taken, std::size_t length) noexcept {
        int rest = 0;
        for (std::size_t i = 0; i < length; ++i) {
            char const c = taken[(i + 4) % length];
            rest = is_digit(c) ? (rest * 10 + (c - '0')) % 97 : (rest * 100 + (c - 'A' + 10)) % 97;
        }
        return rest == 1;
    }
};

}  // namespace

std::unique_ptr<Matcher> make_credit_card() { return std::make_unique<CreditCard>(); }
std::unique_ptr<Matcher> make_us_ssn() { return std::make_unique<UsSsn>(); }
std::unique_ptr<Matcher> make_phone() { return std::make_unique<Phone>(); }
std::unique_ptr<Matcher> make_iban() { return std::make_unique<Iban>(); }

}  // namespace sluice::guard
