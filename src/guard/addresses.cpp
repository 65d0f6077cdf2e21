// ip (IPv4, IPv6) and url_credentials (user:password before a URL's host).
#include "guard/bytes.hpp"
#include "guard/matcher.hpp"

namespace sluice::guard {
namespace {

char before(std::string_view text, std::size_t at) noexcept {
    return at == 0 ? '\0' : text[at - 1];
}

// --- ip

// Four numbers up to 255: (?<![A-Za-z0-9_.])d{1,3}(?:\.d{1,3}){3}(?![A-Za-z0-9_])(?!\.[A-Za-z0-9])
Tried ipv4(std::string_view text, std::size_t from, bool final) {
    auto const ran_out = final ? no_match : needs_more;
    auto at = from;
    for (int part = 0; part < 4; ++part) {
        if (part > 0) {
            if (at == text.size()) return ran_out;
            if (text[at++] != '.') return no_match;
        }
        int value = 0;
        auto const first = at;
        while (at < text.size() && at - first < 4 && is_digit(text[at])) {
            value = value * 10 + (text[at++] - '0');
        }
        if (at - first > 3 || value > 255) return no_match;
        if (at == text.size() && !final) return needs_more;
        if (at == first) return no_match;
    }
    if (at == text.size()) return match_to(at);
    if (is_word(text[at])) return no_match;
    if (text[at] != '.') return match_to(at);
    if (at + 1 == text.size()) return final ? match_to(at) : needs_more;
    return is_alnum(text[at + 1]) ? no_match : match_to(at);
}

constexpr std::size_t ipv6_bytes_max = 39;

// Eight groups of up to four hexadecimal digits, one run of them left out as "::". So short that it
// may be anything ("a::b", "::1"): not taken.
bool is_ipv6(std::string_view text) noexcept {
    std::size_t groups = 0, at = 0;
    bool shortened = false, telling = false;
    if (text.starts_with("::")) {
        shortened = true;
        at = 2;
    }
    while (at < text.size()) {
        std::size_t size = 0;
        bool has_digit = false;
        while (at < text.size() && is_hex(text[at])) {
            has_digit = has_digit || is_digit(text[at]);
            ++size;
            ++at;
        }
        if (size == 0 || size > 4) return false;
        if (groups == 0 && !shortened && size == 4 && has_digit) telling = true;
        ++groups;
        if (at == text.size()) break;
        ++at;  // ':'
        if (at == text.size()) return false;
        if (text[at] != ':') continue;
        if (shortened) return false;
        shortened = true;
        ++at;
    }
    if (shortened ? groups > 7 : groups != 8) return false;
    return groups >= 3 || telling;
}

// The whole run of hexadecimal digits and colons, a colon at its end left out.
Tried ipv6(std::string_view text, std::size_t from, bool final) {
    auto at = from;
    while (at < text.size() && at - from <= ipv6_bytes_max + 2 &&
           (is_hex(text[at]) || text[at] == ':')) {
        ++at;
    }
    if (at - from > ipv6_bytes_max + 1) return no_match;
    if (at == text.size() && !final) return needs_more;
    if (at < text.size() && is_word(text[at])) return no_match;
    auto run = text.substr(from, at - from);
    if (run.ends_with(':') && !run.ends_with("::")) run.remove_suffix(1);
    return is_ipv6(run) ? match_to(from + run.size()) : no_match;
}

Tried address(std::string_view text, std::size_t from, bool final) {
    auto const prior = before(text, from);
    if (is_word(prior) || prior == '.' || prior == ':') return no_match;
    auto const four = is_digit(text[from]) ? ipv4(text, from, final) : no_match;
    return four.kind != Tried::Kind::no ? four : ipv6(text, from, final);
}

// How many bytes before `end`, not before `at`, belong together; at most `most`.
template <class Belongs>
std::size_t count_before(std::string_view text, std::size_t at, std::size_t end, std::size_t most,
                         Belongs&& belongs) {
    std::size_t count = 0;
    while (count < most && end - count > at && belongs(text[end - count - 1])) ++count;
    return count;
}

class Ip final : public Matcher {
  public:
    // What is whole begins with a digit, or has a colon behind at most four hexadecimal digits.
    [[nodiscard]] Found find(std::string_view text, std::size_t at, bool final) const override {
        auto mark = find_digit_or<':'>(text, at);
        for (; mark < text.size(); mark = find_digit_or<':'>(text, mark + 1)) {
            bool const is_colon = text[mark] == ':';
            auto const from = mark - (is_colon ? count_before(text, at, mark, 4, is_hex) : 0);
            auto const tried = address(text, from, final);
            if (tried.kind == Tried::Kind::yes) return {Found::Kind::match, from, tried.to};
            if (tried.kind == Tried::Kind::more) return {Found::Kind::partial, from, 0};
        }
        if (final) return {};
        // What the text ends with may get its colon yet.
        auto const end = text.size();
        auto const run = count_before(text, at, end, ipv6_bytes_max + 2,
                                      [](char c) { return is_hex(c) || c == ':'; });
        bool const is_open = run > 0 && address(text, end - run, false).kind == Tried::Kind::more;
        return is_open ? Found{Found::Kind::partial, end - run, 0} : Found{};
    }

    // Up to three digits and a dot, up to four hexadecimal digits and a colon, two colons.
    [[nodiscard]] std::vector<Lead> leads() const override {
        auto const digit = bytes_in("0-9"), hex = bytes_in("0-9A-Fa-f");
        auto const dot = bytes_of("."), colon = bytes_of(":");
        auto const edge = ~(word_bytes() | bytes_of(".:"));
        return {Lead::of({digit, dot, digit, digit | dot}, edge),
                Lead::of({digit, digit, dot, digit, digit | dot}, edge),
                Lead::of({digit, digit, digit, dot, digit}, edge),
                Lead::of({hex, colon, hex | colon}, edge),
                Lead::of({hex, hex, colon, hex | colon}, edge),
                Lead::of({hex, hex, hex, colon, hex | colon}, edge),
                Lead::of({hex, hex, hex, hex, colon}, edge),
                Lead::of({colon, colon}, edge)};
    }

    [[nodiscard]] Tried attempt(std::string_view text, std::size_t from,
                                bool final) const override {
        return address(text, from, final);
    }
};

// --- url_credentials: (?<=[A-Za-z0-9]://)[^\s/?#@:"'<>]{1,64}:[^\s/?#"'<>]{1,128}(?=@), to the
// last
// '@' that holds

constexpr std::size_t user_max = 64;
constexpr std::size_t password_max = 128;

constexpr bool ends_part(char c) noexcept {
    return static_cast<unsigned char>(c) <= ' ' || c == '/' || c == '?' || c == '#' || c == '"' ||
           c == '\'' || c == '<' || c == '>';
}

class UrlCredentials final : public Matcher {
  public:
    [[nodiscard]] Found find(std::string_view text, std::size_t at, bool final) const override {
        // The mark may stand before `at`.
        auto mark = text.find("://", at < 3 ? 0 : at - 3);
        for (; mark != text.npos; mark = text.find("://", mark + 1)) {
            auto const from = mark + 3;
            if (from < at || mark == 0 || !is_alnum(text[mark - 1])) continue;
            auto const tried = credentials(text, from, final);
            if (tried.kind == Tried::Kind::yes) return {Found::Kind::match, from, tried.to};
            if (tried.kind == Tried::Kind::more) return {Found::Kind::partial, from, 0};
        }
        return {};
    }

    // Behind a slash; the rest of the mark is looked at by the try.
    [[nodiscard]] std::vector<Lead> leads() const override {
        ByteSet first;
        for (unsigned byte = 0; byte < 256; ++byte) {
            auto const c = static_cast<char>(byte);
            first.set(byte, !ends_part(c) && c != ':' && c != '@');
        }
        return {Lead::of({first}, bytes_of("/"))};
    }

    [[nodiscard]] Tried attempt(std::string_view text, std::size_t from,
                                bool final) const override {
        bool const is_behind_mark =
            from > 3 && text.substr(from - 3, 3) == "://" && is_alnum(text[from - 4]);
        return is_behind_mark ? credentials(text, from, final) : no_match;
    }

  private:
    static Tried credentials(std::string_view text, std::size_t from, bool final) {
        auto at = from;
        while (at < text.size() && at - from <= user_max && !ends_part(text[at]) &&
               text[at] != ':' && text[at] != '@') {
            ++at;
        }
        if (at == text.size()) return final ? no_match : needs_more;
        if (text[at] != ':' || at == from || at - from > user_max) return no_match;
        auto const password = ++at;
        std::size_t last = 0;
        while (at < text.size() && at - password <= password_max && !ends_part(text[at])) {
            if (text[at] == '@' && at > password) last = at;
            ++at;
        }
        bool const may_go_on = at == text.size() && at - password <= password_max;
        if (may_go_on && !final) return needs_more;
        return last == 0 ? no_match : match_to(last);
    }
};

}  // namespace

std::unique_ptr<Matcher> make_ip() { return std::make_unique<Ip>(); }
std::unique_ptr<Matcher> make_url_credentials() { return std::make_unique<UrlCredentials>(); }

}  // namespace sluice::guard
