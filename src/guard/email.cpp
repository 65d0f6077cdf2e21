// email: up to 64 bytes of a local part, '@', one to eight labels, a top-level name of 2 to 24
// letters that no letter, digit or '-' follows. As a regular expression:
//   [A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}
//   [A-Za-z]{2,24}(?![A-Za-z0-9-])
#include <algorithm>

#include "guard/matcher.hpp"

namespace sluice::guard {
namespace {

constexpr std::size_t local_max = 64;
constexpr std::size_t label_max = 63;
constexpr std::size_t labels_max = 8;  // before the top-level name
constexpr std::size_t top_min = 2;
constexpr std::size_t top_max = 24;

constexpr bool is_local(char c) noexcept {
    return is_alnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
}

// The domain that begins at `at`: the longest that holds.
Tried domain(std::string_view text, std::size_t at, bool final) {
    Tried best = no_match;
    for (std::size_t label = 0; label <= labels_max; ++label) {
        auto end = at;
        bool letters = true;
        while (end < text.size() && (is_alnum(text[end]) || text[end] == '-')) {
            letters = letters && is_alpha(text[end]);
            ++end;
            if (end - at > label_max + 1) break;
        }
        if (end == text.size() && !final) return needs_more;
        auto const size = end - at;
        bool const follows = end < text.size() && (is_alnum(text[end]) || text[end] == '-');
        if (label > 0 && letters && size >= top_min && size <= top_max && !follows) {
            best = match_to(end);
        }
        bool const is_label =
            size >= 1 && size <= label_max && text[at] != '-' && text[end - 1] != '-' && !follows;
        if (!is_label || end == text.size() || text[end] != '.') break;
        at = end + 1;
    }
    return best;
}

class Email final : public Matcher {
  public:
    [[nodiscard]] Found find(std::string_view text, std::size_t at, bool final) const override {
        auto from = at;
        for (auto sign = text.find('@', at); sign != text.npos; sign = text.find('@', sign + 1)) {
            auto const start = local_start(text, from, sign);
            from = sign + 1;
            if (start == sign) continue;
            auto const tried = domain(text, sign + 1, final);
            if (tried.kind == Tried::Kind::yes) return {Found::Kind::match, start, tried.to};
            if (tried.kind == Tried::Kind::more) return {Found::Kind::partial, start, 0};
        }
        if (final) return {};
        auto const start = local_start(text, from, text.size());
        if (start == text.size()) return {};
        return {Found::Kind::partial, start, 0};
    }

  private:
    // Where the local part that ends at `end` begins.
    static std::size_t local_start(std::string_view text, std::size_t from, std::size_t end) {
        auto const least = std::max(from, end - std::min(end, local_max));
        auto start = end;
        while (start > least && is_local(text[start - 1])) --start;
        return start;
    }
};

}  // namespace

std::unique_ptr<Matcher> make_email() { return std::make_unique<Email>(); }

}  // namespace sluice::guard
