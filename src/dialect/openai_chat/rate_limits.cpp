#include "dialect/openai_chat/rate_limits.hpp"

#include <string>

namespace sluice::dialect::openai {
namespace {

std::string to_duration(std::int64_t seconds) {
    std::string out;
    if (seconds >= 3600) out += std::to_string(seconds / 3600) + "h";
    if (seconds >= 60) out += std::to_string(seconds % 3600 / 60) + "m";
    return out + std::to_string(seconds % 60) + "s";
}

void add(std::string_view what, RateLimitFigures::One const& one, http::HeaderBlock& headers) {
    if (one.limit == 0) return;
    auto const name = [what](std::string_view figure) {
        return std::string{"x-ratelimit-"}.append(figure).append("-").append(what);
    };
    headers.add(name("limit"), std::to_string(one.limit));
    headers.add(name("remaining"), std::to_string(one.remaining));
    headers.add(name("reset"), to_duration(one.reset_s));
}

}  // namespace

void add_rate_limits(RateLimitFigures const& figures, http::HeaderBlock& headers) {
    add("requests", figures.requests, headers);
    add("tokens", figures.tokens, headers);
}

}  // namespace sluice::dialect::openai
