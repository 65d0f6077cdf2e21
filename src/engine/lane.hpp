// The lane of an attempt. Where caller and target speak the same dialect the caller's bytes are
// sent, patched; where they do not, the request is translated and so is the answer. Called by
// attempt; calls the dialects' machines.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "sluice/exchange.hpp"

#include "dialect/common/fan_in.hpp"
#include "engine/header_policy.hpp"
#include "engine/route.hpp"

namespace sluice::engine {

// A body made here, counted among the bodies in flight while it lives.
class HeldBody {
  public:
    HeldBody() = default;
    HeldBody(HeldBody const&) = delete;
    HeldBody& operator=(HeldBody const&) = delete;
    ~HeldBody();
    // Error overloaded: the process holds too much. Once or again: what was held before is let go.
    Result<void> hold(Exchange const& x, std::string body);
    [[nodiscard]] std::string_view view() const noexcept { return body_; }

  private:
    void let_go() noexcept;

    std::string body_;
    std::atomic<std::int64_t>* counter_ = nullptr;
    std::int64_t bytes_ = 0;
};

// What goes to a target. Not to be moved once written: `request.body` are views into the rest.
struct Outgoing {
    Outgoing() = default;
    Outgoing(Outgoing const&) = delete;
    Outgoing& operator=(Outgoing const&) = delete;

    http::WireRequest request;
    Patches patches;  // same dialect
    HeldBody body;    // translated, or shaped
};

[[nodiscard]] inline bool is_translated(Exchange const& x, Target const& target) noexcept {
    return target.provider->dialect != x.dialect;
}

// `codec`: the caller's. Errors: invalid_request where the request cannot be translated, or where
// the route refuses losses; another target may do better (Retry::next).
Result<void> write_outgoing(Exchange& x, Codec const& codec, Target const& target,
                            provider::Credential const* credential, std::string_view model,
                            Outgoing& out);

// Choices beyond it are not fanned out: what one request may cost stays within bounds.
inline constexpr std::uint32_t fan_out_max = 8;
// How many requests an attempt sends: one for each choice where the route fans out and the target's
// dialect has no choices, else 1.
std::uint32_t requests_of(Exchange const& x, Target const& target) noexcept;

// Reads the answer, which comes as an event stream or whole.
std::unique_ptr<AnswerReader> open_reader(Exchange& x, Codec const& codec, Target const& target,
                                          bool is_stream);
// Reads several at once, each one choice. Precondition: requests_of > 1.
std::unique_ptr<dialect::FanIn> open_fan_in(Exchange& x, Codec const& codec, Target const& target,
                                            std::vector<bool> const& are_streams);

}  // namespace sluice::engine
