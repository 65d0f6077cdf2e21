#include "engine/overrides.hpp"

#include <charconv>

#include "engine/route.hpp"
#include "net/server_stream.hpp"

namespace sluice::engine {
namespace {

constexpr std::string_view timeout_name = "x-sluice-timeout-ms";
constexpr std::string_view retries_name = "x-sluice-retries";
// As far as config goes: total_ms, attempts_max.
constexpr std::int64_t timeout_ms_max = 7LL * 24 * 3600 * 1000;
constexpr std::int64_t retries_max = 19;

// Digits only.
std::optional<std::int64_t> to_number(std::string_view text, std::int64_t least,
                                      std::int64_t most) noexcept {
    std::int64_t value = 0;
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    auto const* end = text.data() + text.size();
    auto const [at, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || at != end || value < least || value > most) return std::nullopt;
    return value;
}

Error not_a_number(std::string_view name, std::int64_t least, std::int64_t most) {
    return client_error(ErrorCode::invalid_request, 400,
                        std::string{name} + " must be a whole number from " +
                            std::to_string(least) + " to " + std::to_string(most) + ".");
}

Error not_allowed(std::string_view name, std::int64_t most) {
    return client_error(ErrorCode::override_not_allowed, 403,
                        std::string{name} + " asks for more than this route gives. This key may " +
                            "ask for " + std::to_string(most) + " at most; for more the " +
                            "gateway's operator has to give it may_override.");
}

}  // namespace

Result<Overrides> read_overrides(http::HeaderView headers) {
    Overrides overrides;
    if (headers.has(timeout_name)) {
        auto const value = to_number(headers.get(timeout_name), 1, timeout_ms_max);
        if (!value) return not_a_number(timeout_name, 1, timeout_ms_max);
        overrides.timeout = milliseconds{*value};
    }
    if (headers.has(retries_name)) {
        auto const value = to_number(headers.get(retries_name), 0, retries_max);
        if (!value) return not_a_number(retries_name, 0, retries_max);
        overrides.retries = static_cast<int>(*value);
    }
    return overrides;
}

Result<void> apply_overrides(Exchange& x, Overrides const& overrides) {
    bool const may_loosen = x.principal && x.principal->may_override;
    auto total = x.route->timeout.total;
    x.attempts_max = x.route->retry.attempts_max;
    if (overrides.timeout) {
        auto const most = std::chrono::duration_cast<milliseconds>(total);
        if (*overrides.timeout > most && !may_loosen) {
            return not_allowed(timeout_name, most.count());
        }
        total = *overrides.timeout;
    }
    if (overrides.retries) {
        if (*overrides.retries >= x.attempts_max && !may_loosen) {
            return not_allowed(retries_name, x.attempts_max - 1);
        }
        x.attempts_max = *overrides.retries + 1;
    }
    x.deadline = Deadline{x.client.arrived_at() + total};
    return {};
}

}  // namespace sluice::engine
