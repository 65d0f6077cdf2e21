// A reader of patterns that knows what may come first. What only restricts a match (assertions) is
// passed over; what it does not know ends the reading.
//
// pcre2pattern(3): https://www.pcre.org/current/doc/html/pcre2pattern.html
#include "guard/pattern_leads.hpp"

#include <algorithm>
#include <optional>

#include "guard/matcher.hpp"

namespace sluice::guard {
namespace {

constexpr std::size_t beginnings_max = 96;
constexpr std::size_t depth_max = 32;

// One way to begin: sets of bytes; full: nothing is known of what follows.
struct Beginning {
    std::array<ByteSet, Lead::places> bytes;
    std::size_t size = 0;
    bool full = false;

    void add(ByteSet const& set) noexcept {
        if (size < Lead::places) bytes[size++] = set;
        full = full || size == Lead::places;
    }
    void end_in_anything() noexcept {
        while (size < Lead::places) bytes[size++] = any_byte();
        full = true;
    }
    friend bool operator==(Beginning const&, Beginning const&) = default;
};
using Beginnings = std::vector<Beginning>;

void add_once(Beginnings& all, Beginning const& one) {
    if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
}

Beginnings nothing() { return Beginnings(1); }

Beginnings anything() {
    Beginnings out(1);
    out.front().end_in_anything();
    return out;
}

// The first bytes of characters beyond ASCII (RFC 3629), and whatever follows.
Beginning beyond_ascii() {
    Beginning out;
    out.add(bytes_in("\xc2-\xf4"));
    out.end_in_anything();
    return out;
}

Beginning of_bytes(std::string_view bytes) {
    Beginning out;
    for (char const c : bytes) out.add(bytes_of({&c, 1}));
    return out;
}

constexpr char other_case(char c) noexcept {
    return is_lower(c) ? static_cast<char>(c - 32) : is_upper(c) ? static_cast<char>(c + 32) : c;
}

struct Flags {
    bool caseless = false;
};

// What a class or a character may be.
struct Set {
    ByteSet ascii;
    bool beyond = false;
};

Beginnings beginnings_of(Set set, bool caseless) {
    Beginnings out;
    if (caseless) {
        auto const given = set.ascii;
        for (unsigned byte = 0; byte < 128; ++byte) {
            auto const other = other_case(static_cast<char>(byte));
            if (given[byte]) set.ascii.set(static_cast<unsigned char>(other));
        }
        // The Kelvin sign and the long s are a k and an s in another case, and the other way round.
        if (set.ascii['k'] && !set.beyond) out.push_back(of_bytes("\xe2\x84\xaa"));
        if (set.ascii['s'] && !set.beyond) out.push_back(of_bytes("\xc5\xbf"));
        if (set.beyond) set.ascii |= bytes_in("A-Za-z");
    }
    if (set.ascii.any()) {
        out.emplace_back();
        out.back().add(set.ascii);
    }
    if (set.beyond) out.push_back(beyond_ascii());
    return out;
}

ByteSet ascii_bytes() { return bytes_in(std::string_view{"\0-\x7f", 3}); }

Set without(ByteSet const& ascii) { return {ascii_bytes() & ~ascii, true}; }

std::string utf8_of(std::uint32_t c) {
    std::string out;
    auto const put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xc0 | c >> 6);
        put(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        put(0xe0 | c >> 12);
        put(0x80 | (c >> 6 & 0x3f));
        put(0x80 | (c & 0x3f));
    } else {
        put(0xf0 | c >> 18);
        put(0x80 | (c >> 12 & 0x3f));
        put(0x80 | (c >> 6 & 0x3f));
        put(0x80 | (c & 0x3f));
    }
    return out;
}

class PatternReader {
  public:
    explicit PatternReader(std::string_view pattern) : text_(pattern) {}

    std::vector<Lead> read() {
        Flags flags;
        std::vector<Lead> out;
        // Each way of the whole pattern by itself: some begin at a word's edge.
        do {
            begins_at_edge_ = false;
            auto const way = sequence(flags, 0);
            if (failed_) return {};
            for (auto one : way) {
                one.end_in_anything();
                Lead lead;
                lead.bytes = one.bytes;
                bool const is_word = (one.bytes[0] & ~word_bytes()).none();
                if (begins_at_edge_ && is_word) lead.before = ~word_bytes();
                out.push_back(lead);
            }
        } while (take('|'));
        if (at_ < text_.size()) return {};
        return out;
    }

  private:
    [[nodiscard]] bool is_end() const noexcept { return at_ == text_.size(); }
    [[nodiscard]] char peek() const noexcept { return is_end() ? '\0' : text_[at_]; }
    [[nodiscard]] bool sees(std::string_view what) const noexcept {
        return text_.substr(at_).starts_with(what);
    }
    bool take(char c) noexcept {
        if (is_end() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    Beginnings fail() {
        failed_ = true;
        return {};
    }

    // `first`, then `second`.
    Beginnings joined(Beginnings const& first, Beginnings const& second) {
        Beginnings out;
        for (auto const& a : first) {
            if (a.full) {
                add_once(out, a);
                continue;
            }
            for (auto const& b : second) {
                auto both = a;
                for (std::size_t i = 0; i < b.size; ++i) both.add(b.bytes[i]);
                if (b.full) both.end_in_anything();
                add_once(out, both);
            }
            if (out.size() > beginnings_max) return fail();
        }
        return out;
    }

    // All ways up to ')' or the end. Flags that are set inside end with it.
    Beginnings alternatives(Flags flags, std::size_t depth) {
        Beginnings out;
        do {
            for (auto const& one : sequence(flags, depth)) add_once(out, one);
            if (failed_ || out.size() > beginnings_max) return fail();
        } while (take('|'));
        return out;
    }

    // Up to '|', ')' or the end.
    Beginnings sequence(Flags& flags, std::size_t depth) {
        if (depth > depth_max) return fail();
        auto out = nothing();
        bool is_first = true;
        while (!failed_ && !is_end() && peek() != '|' && peek() != ')') {
            if (depth == 0 && is_first && sees("\\b")) {
                at_ += 2;
                begins_at_edge_ = true;
                is_first = false;
                continue;
            }
            auto const from = at_;
            auto const one = atom(flags, depth);
            if (failed_) return {};
            // Flags at the front leave what follows first.
            is_first = is_first && text_.substr(from, 2) == "(?" && one == nothing();
            out = joined(out, repeated(one));
        }
        return out;
    }

    // With the quantifier that follows, if one does.
    Beginnings repeated(Beginnings const& one) {
        std::size_t least = 1, most = 1;
        constexpr std::size_t many = 1000;
        if (take('*')) {
            least = 0, most = many;
        } else if (take('+')) {
            most = many;
        } else if (take('?')) {
            least = 0;
        } else if (!counts(least, most)) {
            return one;
        }
        if (!take('?')) (void)take('+');
        auto out = nothing();
        for (std::size_t i = 0; i < std::min(least, Lead::places); ++i) out = joined(out, one);
        auto longer = out;
        for (auto i = least; i < std::min(most, least + Lead::places); ++i) {
            longer = joined(longer, one);
            for (auto const& way : longer) add_once(out, way);
            if (failed_ || out.size() > beginnings_max) return fail();
        }
        return out;
    }

    // {2} {2,} {2,5}; anything else in braces stands for itself.
    bool counts(std::size_t& least, std::size_t& most) {
        if (peek() != '{') return false;
        auto const from = at_++;
        std::size_t low = 0, high = 0;
        bool const has_low = number(low);
        bool ok = has_low;
        high = low;
        if (ok && take(',')) {
            if (!number(high)) high = 1000;
        }
        ok = ok && take('}');
        if (!ok) {
            at_ = from;
            // Of later versions of PCRE2 {,5} is a quantifier.
            if (!has_low) failed_ = true;
            return false;
        }
        least = low, most = high;
        return true;
    }

    bool number(std::size_t& out) {
        auto const from = at_;
        out = 0;
        while (is_digit(peek()) && at_ - from < 6) {
            out = out * 10 + static_cast<std::size_t>(text_[at_++] - '0');
        }
        return at_ > from;
    }

    Beginnings atom(Flags& flags, std::size_t depth) {
        char const c = text_[at_++];
        switch (c) {
            case '(':
                return group(flags, depth);
            case '[':
                return char_class(flags);
            case '\\':
                return escape(flags);
            case '^':
            case '$':
                return nothing();
            case '.':
                return beginnings_of({ascii_bytes(), true}, false);
            case '*':
            case '+':
            case '?':
            case '{':
                return fail();
            default:
                --at_;
                return literal(flags);
        }
    }

    // A character that stands for itself.
    Beginnings literal(Flags const& flags) {
        auto const lead = static_cast<unsigned char>(text_[at_]);
        std::size_t const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        auto const bytes = text_.substr(at_, size);
        at_ += bytes.size();
        return character(bytes, flags);
    }

    static Beginnings character(std::string_view bytes, Flags const& flags) {
        if (bytes.size() == 1) return beginnings_of({bytes_of(bytes), false}, flags.caseless);
        // In another case it may be shorter or longer; some are ASCII in another case.
        return flags.caseless ? anything() : Beginnings{of_bytes(bytes)};
    }

    Beginnings escape(Flags const& flags) {
        if (is_end()) return fail();
        char const c = text_[at_++];
        Set set;
        if (class_escape(c, set)) return beginnings_of(set, false);
        switch (c) {
            case 'b':
            case 'B':
            case 'A':
            case 'z':
            case 'Z':
                return nothing();
            default:
                break;
        }
        auto const value = value_of(c);
        return value ? character(utf8_of(*value), flags) : fail();
    }

    static bool class_escape(char c, Set& out) {
        constexpr std::string_view spaces = " \t\n\v\f\r";
        switch (c) {
            case 'd':
                out = {bytes_in("0-9"), false};
                return true;
            case 'D':
                out = without(bytes_in("0-9"));
                return true;
            case 'w':
                out = {word_bytes(), false};
                return true;
            case 'W':
                out = without(word_bytes());
                return true;
            case 's':
                out = {bytes_of(spaces), false};
                return true;
            case 'S':
                out = without(bytes_of(spaces));
                return true;
            default:
                return false;
        }
    }

    // The character that an escape stands for; what has another meaning is not known here.
    std::optional<std::uint32_t> value_of(char c) {
        switch (c) {
            case 't':
                return '\t';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 'f':
                return '\f';
            case 'x':
                return hexadecimal();
            default:
                break;
        }
        bool const is_itself = static_cast<unsigned char>(c) < 0x80 && !is_alnum(c);
        return is_itself ? std::optional<std::uint32_t>{static_cast<unsigned char>(c)}
                         : std::nullopt;
    }

    // \xhh, \x{h...}
    std::optional<std::uint32_t> hexadecimal() {
        bool const is_braced = take('{');
        std::size_t const most = is_braced ? 6 : 2;
        std::uint32_t value = 0;
        std::size_t count = 0;
        for (; count < most && is_hex(peek()); ++count) {
            char const c = text_[at_++];
            value = value << 4 | static_cast<unsigned>(is_digit(c) ? c - '0' : (c | 32) - 'a' + 10);
        }
        if (count == 0 || value > 0x10ffff || (is_braced && !take('}'))) return std::nullopt;
        return value;
    }

    Beginnings char_class(Flags const& flags) {
        bool const is_negated = take('^');
        Set set;
        for (bool first = true; first || peek() != ']'; first = false) {
            if (is_end() || !class_item(set)) return fail();
        }
        ++at_;
        if (!is_negated) return beginnings_of(set, flags.caseless);
        if (flags.caseless) {
            for (unsigned byte = 0; byte < 128; ++byte) {
                auto const other = static_cast<unsigned char>(other_case(static_cast<char>(byte)));
                // Only what is left out in both cases is surely left out.
                if (set.ascii[byte] != set.ascii[other]) set.ascii.reset(byte);
            }
        }
        return beginnings_of(without(set.ascii), flags.caseless);
    }

    // A character, a range, a class within the class. False: not known here.
    bool class_item(Set& out) {
        if (sees("[:")) return posix(out);
        if (sees("[.") || sees("[=")) return false;
        auto const first = class_character(out);
        if (!first) return !failed_;  // a class, which has been taken
        bool const is_range = peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']';
        auto last = *first;
        if (is_range) {
            ++at_;
            Set inner;
            auto const end = class_character(inner);
            if (!end) return false;
            last = *end;
        }
        if (last < *first) return false;
        for (auto c = *first; c <= std::min<std::uint32_t>(last, 127); ++c) out.ascii.set(c);
        out.beyond = out.beyond || last > 127;
        return true;
    }

    // Nullopt: a class was taken into `out`, or it failed.
    std::optional<std::uint32_t> class_character(Set& out) {
        if (is_end()) {
            failed_ = true;
            return std::nullopt;
        }
        auto const c = text_[at_++];
        auto const byte = static_cast<unsigned char>(c);
        if (byte >= 0x80) {
            std::size_t const more = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
            at_ = std::min(text_.size(), at_ + more);
            return 0x80;  // which one does not matter
        }
        if (c != '\\') return byte;
        if (is_end()) {
            failed_ = true;
            return std::nullopt;
        }
        char const escaped = text_[at_++];
        Set set;
        if (class_escape(escaped, set)) {
            out.ascii |= set.ascii;
            out.beyond = out.beyond || set.beyond;
            return std::nullopt;
        }
        if (escaped == 'b') return 8;
        auto const value = value_of(escaped);
        if (!value) failed_ = true;
        return value;
    }

    bool posix(Set& out) {
        struct Known {
            std::string_view name;
            std::string_view bytes;
        };
        constexpr Known known[] = {{"[:digit:]", "0-9"},        {"[:alpha:]", "A-Za-z"},
                                   {"[:alnum:]", "A-Za-z0-9"},  {"[:upper:]", "A-Z"},
                                   {"[:lower:]", "a-z"},        {"[:word:]", "A-Za-z0-9_"},
                                   {"[:xdigit:]", "0-9A-Fa-f"}, {"[:space:]", "\t-\r "}};
        for (auto const& one : known) {
            if (!sees(one.name)) continue;
            at_ += one.name.size();
            out.ascii |= bytes_in(one.bytes);
            return true;
        }
        return false;
    }

    // Behind its '('.
    Beginnings group(Flags& flags, std::size_t depth) {
        if (peek() == '*') return fail();
        bool asserts = false;
        if (take('?')) {
            if (sees("<=") || sees("<!")) {
                at_ += 2;
                asserts = true;
            } else if (peek() == '=' || peek() == '!') {
                ++at_;
                asserts = true;
            } else if (sees("P<") || peek() == '<' || peek() == '\'') {
                auto const close = peek() == '\'' ? '\'' : '>';
                auto const end = text_.find(close, at_ + (peek() == 'P' ? 2 : 1));
                if (end == text_.npos) return fail();
                at_ = end + 1;
            } else if (peek() == ':' || peek() == '>') {
                ++at_;
            } else {
                auto inner = flags;
                if (!read_flags(inner)) return fail();
                if (take(')')) {
                    flags = inner;
                    return nothing();
                }
                if (!take(':')) return fail();
                return closed(alternatives(inner, depth + 1), false);
            }
        }
        return closed(alternatives(flags, depth + 1), asserts);
    }

    // An assertion takes nothing.
    Beginnings closed(Beginnings inner, bool asserts) {
        if (failed_ || !take(')')) return fail();
        return asserts ? nothing() : std::move(inner);
    }

    // i, m, s, U and what is switched off; others change what a pattern means.
    bool read_flags(Flags& flags) {
        bool on = true;
        while (!is_end() && peek() != ')' && peek() != ':') {
            switch (text_[at_++]) {
                case '-':
                    on = false;
                    break;
                case 'i':
                    flags.caseless = on;
                    break;
                case 'm':
                case 's':
                case 'U':
                    break;
                default:
                    return false;
            }
        }
        return true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    bool failed_ = false;
    bool begins_at_edge_ = false;
};

}  // namespace

std::vector<Lead> leads_of(std::string_view pattern) {
    // Tries at every other byte cost more than one pass.
    constexpr double frequency_max = 0.02;
    auto leads = PatternReader(pattern).read();
    double frequency = 0;
    for (auto const& lead : leads) frequency += lead.frequency();
    if (frequency > frequency_max) leads.clear();
    return leads;
}

}  // namespace sluice::guard
