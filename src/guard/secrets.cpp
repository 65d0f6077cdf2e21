// secrets: keys and tokens by their formats (secret_formats), and private keys in PEM:
//   -----BEGIN [A-Z0-9 ]{0,29}PRIVATE KEY( BLOCK)?-----[A-Za-z0-9+/=\s\\]{0,16384}
//   (-----END [A-Z0-9 ]{0,46}-----)?
#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <string>
#include <vector>

#include "codec/base64.hpp"
#include "guard/matcher.hpp"
#include "guard/secret_formats.hpp"

namespace sluice::guard {
namespace {

constexpr double entropy_min = 3.0;  // bits a byte
constexpr std::size_t label_max = 46;
constexpr std::size_t pem_body_max = 16'384;

using Class = std::bitset<256>;

bool holds(Class const& set, char c) noexcept { return set[static_cast<unsigned char>(c)]; }

// A literal, or a class with a count.
struct Part {
    std::string literal;
    Class set;
    std::size_t least = 0;
    std::size_t most = 0;
};

struct Format {
    std::vector<Part> parts;
    SecretCheck check = SecretCheck::entropy;
};

// Precondition: the pattern is one of the table.
Format compile(SecretFormat const& format) {
    Format out;
    out.check = format.check;
    auto const text = format.pattern;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] != '[') {
            if (out.parts.empty() || out.parts.back().literal.empty()) out.parts.emplace_back();
            out.parts.back().literal += text[at++];
            continue;
        }
        auto& part = out.parts.emplace_back();
        for (++at; text[at] != ']'; ++at) {
            bool const is_range = text[at + 1] == '-' && text[at + 2] != ']';
            auto const last = static_cast<unsigned char>(text[is_range ? at + 2 : at]);
            for (unsigned c = static_cast<unsigned char>(text[at]); c <= last; ++c) part.set.set(c);
            if (is_range) at += 2;
        }
        at += 2;  // "]{"
        auto const number = [&] {
            std::size_t value = 0;
            while (is_digit(text[at]))
                value = value * 10 + static_cast<std::size_t>(text[at++] - '0');
            return value;
        };
        part.least = part.most = number();
        if (text[at] == ',') {
            ++at;
            part.most = number();
        }
        ++at;  // '}'
    }
    return out;
}

double entropy_of(std::string_view text) noexcept {
    std::array<std::size_t, 256> counts{};
    for (char const c : text) ++counts[static_cast<unsigned char>(c)];
    double bits = 0;
    for (auto const count : counts) {
        if (count == 0) continue;
        auto const share = static_cast<double>(count) / static_cast<double>(text.size());
        bits -= share * std::log2(share);
    }
    return bits;
}

std::uint32_t crc32(std::string_view text) noexcept {
    std::uint32_t crc = 0xffffffffU;
    for (char const c : text) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
    }
    return ~crc;
}

// "xxx_" and 36: https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
bool passes_crc32_62(std::string_view token) {
    constexpr std::string_view digits =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    auto const body = token.substr(token.size() - 36);
    auto sum = crc32(body.substr(0, 30));
    for (std::size_t i = 0; i < 6; ++i, sum /= 62) {
        if (body[35 - i] != digits[sum % 62]) return false;
    }
    return true;
}

// The head of a token, "eyJ..." up to its first dot, decodes to an object that says how it is
// signed. Bits behind its last byte do not matter: decoders take them as they come.
bool is_jwt(std::string_view token) {
    auto head = std::string{token.substr(0, token.find('.'))};
    for (auto& c : head) c = c == '-' ? '+' : c == '_' ? '/' : c;
    if (head.size() % 4 == 1) return false;
    while (head.size() % 4 != 0) head += 'A';  // zeros: what they add is no part of a name
    auto const plain = codec::from_base64(head);
    if (!plain) return false;
    return plain->find("\"alg\"") != plain->npos || plain->find("\"typ\"") != plain->npos;
}

bool passes(SecretCheck check, std::string_view token) {
    switch (check) {
        case SecretCheck::entropy:
            return entropy_of(token) >= entropy_min;
        case SecretCheck::crc32_62:
            return passes_crc32_62(token);
        case SecretCheck::jwt:
            return is_jwt(token);
    }
    return false;
}

// `literal` at `at`: 0 no, 1 yes, 2 the text ends within it.
int literal_at(std::string_view text, std::size_t at, std::string_view literal) noexcept {
    auto const there = text.substr(at, literal.size());
    if (!literal.starts_with(there)) return 0;
    return there.size() == literal.size() ? 1 : 2;
}

Tried try_format(std::string_view text, std::size_t from, bool final, Format const& format) {
    auto const ran_out = final ? no_match : needs_more;
    auto at = from;
    for (auto const& part : format.parts) {
        if (!part.literal.empty()) {
            auto const found = literal_at(text, at, part.literal);
            if (found != 1) return found == 0 ? no_match : ran_out;
            at += part.literal.size();
            continue;
        }
        auto const first = at;
        while (at < text.size() && at - first < part.most && holds(part.set, text[at])) ++at;
        if (at == text.size() && at - first < part.least) return ran_out;
        if (at - first < part.least) return no_match;
        bool const is_last = &part == &format.parts.back();
        if (at == text.size()) {
            if (!final) return needs_more;
            if (!is_last) return no_match;
        } else if (is_last && holds(part.set, text[at])) {
            return no_match;
        }
    }
    return passes(format.check, text.substr(from, at - from)) ? match_to(at) : no_match;
}

constexpr bool is_label(char c) noexcept { return is_upper(c) || is_digit(c) || c == ' '; }
constexpr bool is_pem_body(char c) noexcept {
    return is_alnum(c) || c == '+' || c == '/' || c == '=' || c == '\\' || c == ' ' || c == '\t' ||
           c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

// `head`, a label, "-----". The end of it, and where its label begins.
Tried pem_line(std::string_view text, std::size_t at, bool final, std::string_view head,
               std::string_view& label) {
    auto const ran_out = final ? no_match : needs_more;
    auto const found = literal_at(text, at, head);
    if (found != 1) return found == 0 ? no_match : ran_out;
    auto const first = at += head.size();
    while (at < text.size() && at - first <= label_max && is_label(text[at])) ++at;
    if (at - first > label_max) return no_match;
    label = text.substr(first, at - first);
    auto const dashes = literal_at(text, at, "-----");
    if (dashes != 1) return dashes == 0 ? no_match : ran_out;
    return match_to(at + 5);
}

Tried private_key(std::string_view text, std::size_t from, bool final) {
    std::string_view label;
    auto const head = pem_line(text, from, final, "-----BEGIN ", label);
    if (head.kind != Tried::Kind::yes) return head;
    if (!label.ends_with("PRIVATE KEY") && !label.ends_with("PRIVATE KEY BLOCK")) return no_match;
    auto at = head.to;
    while (at < text.size() && at - head.to < pem_body_max && is_pem_body(text[at])) ++at;
    auto const tail = pem_line(text, at, final, "-----END ", label);
    if (tail.kind == Tried::Kind::no) return match_to(at);
    return tail;
}

class Secrets final : public Matcher {
  public:
    Secrets() {
        for (auto const& format : secret_formats()) {
            auto compiled = compile(format);
            auto const& first = compiled.parts.front();
            for (unsigned c = 0; c < 256; ++c) {
                bool const begins = first.literal.empty()
                                        ? first.set[c]
                                        : static_cast<unsigned char>(first.literal.front()) == c;
                if (!begins) continue;
                by_first_[c].push_back(static_cast<std::uint8_t>(formats_.size()));
                note_pairs(c, first.literal);
            }
            formats_.push_back(std::move(compiled));
        }
        note_pairs('-', "--");
    }

    [[nodiscard]] Found find(std::string_view text, std::size_t at, bool final) const override {
        auto const next = [this](std::string_view whole, std::size_t from) {
            while (from < whole.size() && !may_begin(whole, from)) ++from;
            return from;
        };
        return search(text, at, next, [&](std::size_t from) { return try_all(text, from, final); });
    }

    // The first bytes of each format, and of a private key's head.
    [[nodiscard]] std::vector<Lead> leads() const override {
        auto const dash = bytes_of("-");
        std::vector<Lead> out{Lead::of({dash, dash, dash, dash, dash})};
        for (auto const& format : formats_) {
            auto lead = Lead::of({}, ~bytes_in("A-Za-z0-9"));
            std::size_t place = 0;
            for (auto const& part : format.parts) {
                for (char const c : part.literal) {
                    if (place < Lead::places) lead.bytes[place++] = bytes_of({&c, 1});
                }
                auto const sure = std::min(part.least, Lead::places - place);
                for (std::size_t i = 0; i < sure; ++i) lead.bytes[place++] = part.set;
                if (part.least != part.most || place == Lead::places) break;
            }
            out.push_back(lead);
        }
        return out;
    }

    [[nodiscard]] Tried attempt(std::string_view text, std::size_t from,
                                bool final) const override {
        return may_begin(text, from) ? try_all(text, from, final) : no_match;
    }

  private:
    static std::size_t pair(unsigned first, unsigned second) noexcept {
        return first << 8 | second;
    }

    // A format begins with `first` and then as its literal says, if it has two bytes.
    void note_pairs(unsigned first, std::string_view literal) {
        for (unsigned second = 0; second < 256; ++second) {
            bool const fits =
                literal.size() < 2 || static_cast<unsigned char>(literal[1]) == second;
            if (fits) pairs_.set(pair(first, second));
        }
    }

    // By the two bytes there; the last byte of a text stands for any that may follow.
    [[nodiscard]] bool may_begin(std::string_view text, std::size_t at) const noexcept {
        auto const first = static_cast<unsigned char>(text[at]);
        if (at + 1 == text.size()) return first == '-' || !by_first_[first].empty();
        return pairs_[pair(first, static_cast<unsigned char>(text[at + 1]))];
    }

    // The longest of the formats that match there.
    [[nodiscard]] Tried try_all(std::string_view text, std::size_t from, bool final) const {
        if (text[from] == '-') return private_key(text, from, final);
        if (from > 0 && is_alnum(text[from - 1])) return no_match;
        Tried best = no_match;
        for (auto const index : by_first_[static_cast<unsigned char>(text[from])]) {
            auto const tried = try_format(text, from, final, formats_[index]);
            if (tried.kind == Tried::Kind::more) return tried;
            if (tried.kind == Tried::Kind::yes && tried.to > best.to) best = tried;
        }
        return best;
    }

    std::vector<Format> formats_;
    std::array<std::vector<std::uint8_t>, 256> by_first_;
    std::bitset<65536> pairs_;  // two bytes that something may begin with
};

}  // namespace

std::unique_ptr<Matcher> make_secrets() { return std::make_unique<Secrets>(); }

}  // namespace sluice::guard
