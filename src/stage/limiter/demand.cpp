#include "stage/limiter/demand.hpp"

#include <algorithm>
#include <limits>

#include "stage/limiter/media.hpp"

namespace sluice::stage {
namespace {

// A chat's frame, and what a provider adds to a request that has tools.
constexpr std::int64_t frame_tokens = 16;
constexpr std::int64_t tools_tokens = 1024;
// An image, document or recording that is named by an address costs what its bytes do not show.
constexpr std::int64_t media_tokens = 4096;
constexpr std::int64_t likely_output_unknown = 512;
constexpr std::int64_t tokens_most = std::int64_t{1} << 40;

std::int64_t cost_of(std::int64_t input, std::int64_t output, TokenBound const& bound) noexcept {
    return to_nano_usd(PicoUsdSum{input} * bound.input_price +
                       PicoUsdSum{output} * bound.output_price);
}

std::int64_t bounded(std::int64_t tokens) noexcept {
    return std::clamp<std::int64_t>(tokens, 0, tokens_most);
}

std::int64_t times(std::int64_t answers, std::int64_t tokens) noexcept {
    std::int64_t product = 0;
    bool const is_beyond = __builtin_mul_overflow(answers, tokens, &product);
    return is_beyond || product > tokens_most ? tokens_most : product;
}

bool was_not_sent(std::string_view outcome) noexcept {
    return outcome == to_string(ErrorCode::upstream_connect) ||
           outcome == to_string(ErrorCode::upstream_tls) ||
           outcome == to_string(ErrorCode::invalid_request);
}

}  // namespace

std::int64_t to_nano_usd(PicoUsdSum pico) noexcept {
    if (pico <= 0) return 0;
    // A division of 128 bits costs forty times one of 64.
    if (pico < std::numeric_limits<std::int64_t>::max() - 999) {
        auto const nano = (static_cast<std::int64_t>(pico) + 999) / 1000;
        return std::min(nano, store::Budget::amount_max);
    }
    auto const nano = (pico + 999) / 1000;
    return static_cast<std::int64_t>(std::min<PicoUsdSum>(nano, store::Budget::amount_max));
}

std::int64_t Demand::written() const noexcept { return times(answers, output); }
std::int64_t Demand::likely_read() const noexcept { return times(requests, likely_prompt); }
std::int64_t Demand::tokens() const noexcept { return times(requests, prompt) + written(); }
std::int64_t Demand::likely_tokens() const noexcept {
    return likely_read() + times(answers, likely_output);
}
std::int64_t Demand::nano_usd(TokenBound const& bound) const noexcept {
    return cost_of(times(requests, prompt), written(), bound);
}
std::int64_t Demand::likely_nano_usd(TokenBound const& bound) const noexcept {
    return cost_of(likely_read(), times(answers, likely_output), bound);
}

Amounts amounts_of(Demand const& demand, TokenBound const& bound, std::int64_t requests) noexcept {
    auto const likely_usd = demand.likely_nano_usd(bound);
    return {{requests, demand.tokens(), demand.nano_usd(bound)},
            {requests, demand.likely_read() + demand.written(), likely_usd},
            {requests, demand.likely_tokens(), likely_usd}};
}

Demand demand_of(Exchange const& x, TokenBound const& bound, Learned const* learned) noexcept {
    Demand demand;
    demand.requests = std::max<std::int64_t>(bound.requests, 1);
    auto const body = x.body.view();
    auto const counted = tokens::count(body);
    auto const beside =
        frame_tokens + (x.facts.has_tools ? tools_tokens : 0) + media_in(body) * media_tokens;
    demand.prompt = counted.upper + beside;
    demand.estimate = counted.estimate;
    demand.likely_prompt = counted.estimate;
    if (learned) {
        if (auto const seen = learned->input_p95(counted.estimate)) demand.likely_prompt = *seen;
    }
    demand.likely_prompt = std::min(demand.likely_prompt, demand.prompt);
    bool const writes = x.operation == Operation::chat || x.operation == Operation::complete;
    if (!writes) return demand;
    demand.answers = std::max<std::int64_t>(x.facts.answers, 1);
    if (x.facts.max_output_tokens) {
        demand.output = bounded(*x.facts.max_output_tokens);
    } else {
        demand.is_open = true;
        demand.output = x.operation == Operation::complete ? completion_tokens_default
                        : bound.output_max > 0             ? bound.output_max
                                                           : output_tokens_unknown;
    }
    auto const seen = learned ? learned->output_p95() : std::nullopt;
    demand.likely_output = std::min(seen.value_or(likely_output_unknown), demand.output);
    return demand;
}

AttemptUse use_of(AttemptRecord const& record, Demand const& demand,
                  TokenBound const& bound) noexcept {
    AttemptUse use;
    use.was_sent = !was_not_sent(record.outcome);
    if (!use.was_sent) return use;
    use.bound.requests = use.likely.requests = 1;
    auto const& usage = record.usage;
    auto const input = bounded(usage.input);
    auto const output = bounded(usage.output);
    use.likely.tokens = input + output;
    use.likely.nano_usd = record.cost ? to_nano_usd(*record.cost) : cost_of(input, output, bound);
    if (usage.reported) {
        use.bound = use.likely;
        return use;
    }
    // A refusal was not worked on. Anything else may have been, up to the end.
    bool const was_refused = record.status >= 300;
    if (was_refused) {
        use.likely = use.bound = {1, 0, 0};
        return use;
    }
    bool const is_whole = record.outcome == "answered";
    // Whole: its text was seen, and a token is at least a byte; estimates are a quarter of that.
    auto const most = times(demand.answers_of_one(), demand.output);
    auto const written = is_whole ? std::min(output * 4, most) : most;
    use.bound.tokens = demand.prompt + written;
    use.bound.nano_usd = cost_of(demand.prompt, written, bound);
    return use;
}

}  // namespace sluice::stage
