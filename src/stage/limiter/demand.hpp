// Demand: how many tokens and how much money a request may use, before it is served: at most, and
// likely. And what an attempt has used, after it. Pure. Called by token_limiter.cpp, held.cpp.
#pragma once

#include <cstdint>
#include <optional>

#include "sluice/exchange.hpp"
#include "sluice/limiter.hpp"
#include "sluice/tokens.hpp"

#include "stage/limiter/learned.hpp"
#include "store/memory/limit.hpp"

namespace sluice::stage {

// Where neither the route nor the model's price list says how long an answer can be.
inline constexpr std::int64_t output_tokens_unknown = 4096;
// What completions make where the request does not say; so does the vendor of that interface.
inline constexpr std::int64_t completion_tokens_default = 16;

struct Demand {
    std::int64_t requests = 1;  // that an attempt sends: each has the prompt
    std::int64_t prompt = 0;    // tokens read at most by one of them
    std::int64_t answers = 0;   // 0: of no tokens
    std::int64_t output = 0;    // tokens of one answer at most
    std::int64_t estimate = 0;  // of the prompt, by its scripts
    std::int64_t likely_prompt = 0;
    std::int64_t likely_output = 0;  // of one answer
    bool is_open = false;            // the request says no bound of its answer

    [[nodiscard]] std::int64_t written() const noexcept;  // tokens at most
    [[nodiscard]] std::int64_t likely_read() const noexcept;
    [[nodiscard]] std::int64_t answers_of_one() const noexcept {
        return requests > 1 ? 1 : answers;
    }
    [[nodiscard]] std::int64_t tokens() const noexcept;
    [[nodiscard]] std::int64_t likely_tokens() const noexcept;
    [[nodiscard]] std::int64_t nano_usd(TokenBound const& bound) const noexcept;
    [[nodiscard]] std::int64_t likely_nano_usd(TokenBound const& bound) const noexcept;
};

// What is asked of the limits: at most; likely, by the bound of the answer; likely in all.
struct Amounts {
    store::Used most, likely, estimate;
};
Amounts amounts_of(Demand const& demand, TokenBound const& bound, std::int64_t requests) noexcept;

// `learned` may be null. The output of an open request is the route's or model's longest.
Demand demand_of(Exchange const& x, TokenBound const& bound, Learned const* learned) noexcept;

struct AttemptUse {
    bool was_sent = false;  // the provider may have counted a request
    store::Used bound;      // at most
    store::Used likely;     // as the record says
};

// `record.cost` is reckoned. What the provider did not report counts at the most that it can be.
AttemptUse use_of(AttemptRecord const& record, Demand const& demand,
                  TokenBound const& bound) noexcept;

// Pico-USD as nano-USD, rounded up.
std::int64_t to_nano_usd(PicoUsdSum pico) noexcept;

}  // namespace sluice::stage
