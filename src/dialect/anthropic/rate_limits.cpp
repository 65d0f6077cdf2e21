#include "dialect/anthropic/rate_limits.hpp"

#include <string>

#include "base/timestamp.hpp"

namespace sluice::dialect::anthropic {
namespace {

// 2026-11-22T12:33:04Z
std::string to_moment(std::int64_t unix_s) {
    std::string out;
    append_timestamp(out, Wall::time_point{seconds{unix_s}});
    auto const point = out.find('.');
    return point == std::string::npos ? out : out.substr(0, point) + "Z";
}

void add(std::string_view what, RateLimitFigures::One const& one, std::int64_t now_unix_s,
         http::HeaderBlock& headers) {
    if (one.limit == 0) return;
    auto const name = [what](std::string_view figure) {
        return std::string{"anthropic-ratelimit-"}.append(what).append("-").append(figure);
    };
    headers.add(name("limit"), std::to_string(one.limit));
    headers.add(name("remaining"), std::to_string(one.remaining));
    headers.add(name("reset"), to_moment(now_unix_s + one.reset_s));
}

}  // namespace

void add_rate_limits(RateLimitFigures const& figures, http::HeaderBlock& headers) {
    add("requests", figures.requests, figures.now_unix_s, headers);
    add("tokens", figures.tokens, figures.now_unix_s, headers);
}

}  // namespace sluice::dialect::anthropic
