#include "engine/header_policy.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <string>

namespace sluice::engine {
namespace {

constexpr std::array<std::string_view, 7> request_headers = {
    "content-type",        "accept",      "user-agent", "openai-beta", "idempotency-key",
    "x-client-request-id", "x-request-id"};

constexpr std::array<std::string_view, 8> answer_headers = {
    "content-type",   "x-request-id",   "openai-processing-ms", "openai-version",
    "retry-after-ms", "x-should-retry", "retry-after",          "x-generation-id"};

constexpr std::string_view rate_limit_prefix = "x-ratelimit-";
constexpr std::int64_t retry_after_ms_max = 24LL * 3600 * 1000;

template <std::size_t N>
bool is_listed(std::array<std::string_view, N> const& list, std::string_view name) noexcept {
    return std::any_of(list.begin(), list.end(),
                       [name](std::string_view item) { return http::iequals(item, name); });
}

bool is_rate_limit(std::string_view name) noexcept {
    return name.size() > rate_limit_prefix.size() &&
           http::iequals(name.substr(0, rate_limit_prefix.size()), rate_limit_prefix);
}

// Named by a Connection field, of which there may be several.
bool is_hop_by_hop(http::HeaderView headers, std::string_view name) noexcept {
    return std::any_of(headers.begin(), headers.end(), [name](http::Field const& field) {
        return http::iequals(field.name, "connection") && http::has_token(field.value, name);
    });
}

std::int64_t whole_number(std::string_view text) noexcept {
    std::int64_t value = -1;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    // Fractions of a second round up.
    if (error != std::errc{}) return -1;
    return end != text.data() + text.size() && *end == '.' ? value + 1 : value;
}

}  // namespace

void forward_request_headers(http::HeaderView from, http::HeaderBlock& to,
                             http::HeaderBlock const& fixed, bool to_mock) {
    for (auto const& field : from) {
        bool const listed = is_listed(request_headers, field.name) ||
                            (to_mock && http::iequals(field.name, "x-sluice-mock"));
        if (!listed || is_hop_by_hop(from, field.name)) continue;
        bool const is_first = from.get(field.name).data() == field.value.data();
        bool const is_fixed = !fixed.wire().empty() && !fixed.get(field.name).empty();
        if (is_first && !is_fixed) to.add_trusted(field.name, field.value);
    }
}

void forward_answer_headers(http::HeaderView from, http::HeaderBlock& to, bool from_mock,
                            bool with_content_type) {
    for (auto const& field : from) {
        if (!with_content_type && http::iequals(field.name, "content-type")) continue;
        bool const listed = is_listed(answer_headers, field.name) || is_rate_limit(field.name) ||
                            (from_mock && http::iequals(field.name, "x-sluice-mock"));
        if (!listed || is_hop_by_hop(from, field.name)) continue;
        to.add_trusted(field.name, field.value);
    }
}

std::int64_t retry_after_ms(http::HeaderView headers, std::int64_t now_unix_s) noexcept {
    auto const exact = whole_number(headers.get("retry-after-ms"));
    if (exact >= 0) return std::min(exact, retry_after_ms_max);
    auto const text = headers.get("retry-after");
    if (text.empty()) return 0;
    auto const in_seconds = whole_number(text);
    if (in_seconds >= 0) return std::min(in_seconds, retry_after_ms_max / 1000) * 1000;
    std::tm parts{};
    std::string const date{text};
    if (!::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts)) return 0;
    auto const wait_s = static_cast<std::int64_t>(::timegm(&parts)) - now_unix_s;
    return std::clamp<std::int64_t>(wait_s * 1000, 0, retry_after_ms_max);
}

}  // namespace sluice::engine
