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

// They speak of the gateway's account with the provider, not of the caller's with the gateway, so
// they go by another name. The first of each pair is cut off the name.
constexpr std::string_view renamed_prefix = "x-upstream-";
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> rate_limit_names = {
    {{"x-", "ratelimit"}, {"", "ratelimit"}, {"", "anthropic-ratelimit-"}}};
constexpr std::int64_t retry_after_ms_max = 24LL * 3600 * 1000;

// Most names differ in length: that is seen without a call.
bool is_named(std::string_view name, std::string_view wanted) noexcept {
    return name.size() == wanted.size() && http::iequals(name, wanted);
}

template <std::size_t N>
bool is_listed(std::array<std::string_view, N> const& list, std::string_view name) noexcept {
    return std::any_of(list.begin(), list.end(),
                       [name](std::string_view item) { return is_named(name, item); });
}

bool begins_with(std::string_view name, std::string_view start) noexcept {
    return name.size() >= start.size() && http::iequals(name.substr(0, start.size()), start);
}

// What stands behind x-upstream-; "" for a header of another kind.
std::string_view rate_limit_name(std::string_view name) noexcept {
    for (auto const& [cut, start] : rate_limit_names) {
        if (begins_with(name, cut) && begins_with(name.substr(cut.size()), start)) {
            return name.substr(cut.size());
        }
    }
    return {};
}

// Named by a Connection field, of which there may be several.
bool is_hop_by_hop(http::HeaderView headers, std::string_view name) noexcept {
    return std::any_of(headers.begin(), headers.end(), [name](http::Field const& field) {
        return is_named(field.name, "connection") && http::has_token(field.value, name);
    });
}

// Nothing that is forwarded is called "keep-alive" or "close".
bool names_hops(http::HeaderView headers) noexcept {
    return std::any_of(headers.begin(), headers.end(), [](http::Field const& field) {
        return is_named(field.name, "connection") && !is_named(field.value, "keep-alive") &&
               !is_named(field.value, "close");
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
    bool const has_hops = names_hops(from);
    for (auto const& field : from) {
        bool const listed = is_listed(request_headers, field.name) ||
                            (to_mock && is_named(field.name, "x-sluice-mock"));
        if (!listed || (has_hops && is_hop_by_hop(from, field.name))) continue;
        bool const is_first = from.get(field.name).data() == field.value.data();
        bool const is_fixed = !fixed.wire().empty() && !fixed.get(field.name).empty();
        if (is_first && !is_fixed) to.add_trusted(field.name, field.value);
    }
}

void forward_answer_headers(http::HeaderView from, http::HeaderBlock& to, bool from_mock,
                            bool with_content_type) {
    bool const has_hops = names_hops(from);
    for (auto const& field : from) {
        if (!with_content_type && is_named(field.name, "content-type")) continue;
        bool const listed = is_listed(answer_headers, field.name) ||
                            (from_mock && is_named(field.name, "x-sluice-mock"));
        auto const renamed = listed ? std::string_view{} : rate_limit_name(field.name);
        if (!listed && renamed.empty()) continue;
        if (has_hops && is_hop_by_hop(from, field.name)) continue;
        if (listed) {
            to.add_trusted(field.name, field.value);
        } else {
            to.add_trusted(std::string{renamed_prefix}.append(renamed), field.value);
        }
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
