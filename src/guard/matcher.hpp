// A matcher decides where one kind of text begins and ends, and whether the end of what is there
// may still be the beginning of one. Called by find (whole texts) and filter (streams); immutable,
// any thread. Texts are normalised (normalise.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "guard/lead.hpp"

namespace sluice::guard {

// Bytes before the place a matcher starts from that it may look at, and no more.
inline constexpr std::size_t look_behind_bytes = 32;

struct Found {
    enum class Kind : std::uint8_t {
        none,     // nothing begins in what is there, whatever follows
        partial,  // nothing begins before `from`; something may begin there
        match,    // [from, to)
        failed,   // a limit was hit: nothing is known
    };
    Kind kind = Kind::none;
    std::size_t from = 0;
    std::size_t to = 0;
};

// What a try at one place says: it is no match, it may become one, it is one up to `to`, or a limit
// was hit.
struct Tried {
    enum class Kind : std::uint8_t { no, more, yes, failed };
    Kind kind = Kind::no;
    std::size_t to = 0;
};
inline constexpr Tried no_match{};
inline constexpr Tried needs_more{Tried::Kind::more, 0};
constexpr Tried match_to(std::size_t to) noexcept { return {Tried::Kind::yes, to}; }

// What a matcher says of a text never changes when the rest of it comes: that is what makes chunks
// not matter. `final`: nothing follows the text.
class Matcher {
  public:
    virtual ~Matcher() = default;
    // The first match that begins at `at` or later.
    [[nodiscard]] virtual Found find(std::string_view text, std::size_t at, bool final) const = 0;

    // What each of its matches begins with. Empty: that is not known, or too common to look for;
    // then it is to be asked by find.
    [[nodiscard]] virtual std::vector<Lead> leads() const { return {}; }
    // Does a match begin at `at`? Tried where a lead fits, from front to back, this finds what find
    // does. Precondition: there are leads, and at < text.size().
    [[nodiscard]] virtual Tried attempt(std::string_view /*text*/, std::size_t /*at*/,
                                        bool /*final*/) const {
        return no_match;
    }
};

std::unique_ptr<Matcher> make_email();
std::unique_ptr<Matcher> make_phone();
std::unique_ptr<Matcher> make_credit_card();
std::unique_ptr<Matcher> make_iban();
std::unique_ptr<Matcher> make_ip();
std::unique_ptr<Matcher> make_us_ssn();
std::unique_ptr<Matcher> make_url_credentials();
std::unique_ptr<Matcher> make_secrets();

// Tries one place after the other. next(text, at): the first place at `at` or later where a match
// may begin; the text's size or more when there is none.
template <class Next, class Try>
Found search(std::string_view text, std::size_t at, Next&& next, Try&& attempt) {
    for (at = next(text, at); at < text.size(); at = next(text, at + 1)) {
        Tried const tried = attempt(at);
        if (tried.kind == Tried::Kind::yes) return {Found::Kind::match, at, tried.to};
        if (tried.kind == Tried::Kind::more) return {Found::Kind::partial, at, 0};
    }
    return {};
}

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
constexpr bool is_alpha(char c) noexcept { return is_upper(c) || is_lower(c); }
constexpr bool is_alnum(char c) noexcept { return is_alpha(c) || is_digit(c); }
constexpr bool is_word(char c) noexcept { return is_alnum(c) || c == '_'; }
constexpr bool is_hex(char c) noexcept {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

}  // namespace sluice::guard
