#include "dialect/openai_chat/rate_limits.hpp"

#include <array>
#include <charconv>

namespace sluice::dialect::openai {
namespace {

// A figure as text, without a string of its own.
class Figure {
  public:
    explicit Figure(std::int64_t number) { add(number); }
    // 1h2m3s; without what is zero at its head.
    static Figure duration(std::int64_t seconds) {
        Figure out;
        if (seconds >= 3600) out.add(seconds / 3600).add('h');
        if (seconds >= 60) out.add(seconds % 3600 / 60).add('m');
        out.add(seconds % 60).add('s');
        return out;
    }
    [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

  private:
    Figure() = default;
    Figure& add(std::int64_t number) {
        auto const done = std::to_chars(text_.data() + size_, text_.data() + text_.size(), number);
        size_ = static_cast<std::size_t>(done.ptr - text_.data());
        return *this;
    }
    Figure& add(char unit) {
        text_[size_++] = unit;
        return *this;
    }
    std::array<char, 32> text_;
    std::size_t size_ = 0;
};

struct Names {
    std::string_view limit, remaining, reset;
};
constexpr Names requests = {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
                            "x-ratelimit-reset-requests"};
constexpr Names tokens = {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens",
                          "x-ratelimit-reset-tokens"};

void add(Names const& names, RateLimitFigures::One const& one, http::HeaderBlock& headers) {
    if (one.limit == 0) return;
    headers.add_trusted(names.limit, Figure{one.limit}.view());
    headers.add_trusted(names.remaining, Figure{one.remaining}.view());
    headers.add_trusted(names.reset, Figure::duration(one.reset_s).view());
}

}  // namespace

void add_rate_limits(RateLimitFigures const& figures, http::HeaderBlock& headers) {
    add(requests, figures.requests, headers);
    add(tokens, figures.tokens, headers);
}

}  // namespace sluice::dialect::openai
