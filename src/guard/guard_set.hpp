// Guards as they are configured, and a guard set: those that apply to a request together, compiled.
// Made at load by daemon/build; immutable and shared afterwards.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/result.hpp"

#include "guard/matcher.hpp"
#include "guard/starts.hpp"

namespace sluice::guard {

enum class Action : std::uint8_t { flag, redact, block };  // from mild to strict
enum class OnOverflow : std::uint8_t { pass, block };
enum class OnUnscannable : std::uint8_t { pass, reject };
enum class Way : std::uint8_t { request, response };

std::string_view to_string(Action action) noexcept;

// The detectors' names, as in config.
std::span<std::string_view const> detector_names() noexcept;

struct Guard {
    std::string name;
    bool on_request = true;
    bool on_response = true;
    std::vector<std::string> detect;
    std::vector<std::string> patterns;
    Action action = Action::block;
    std::size_t hold_bytes_max = 512;
    OnOverflow on_overflow = OnOverflow::block;
    OnUnscannable on_unscannable = OnUnscannable::pass;
};

// One thing that is looked for, and what becomes of it.
struct Rule {
    std::shared_ptr<Matcher const> matcher;
    std::string label;   // of its placeholders: "EMAIL"
    unsigned guard = 0;  // index into Rules::guards
    Action action = Action::block;
    std::size_t hold_bytes_max = 512;
    OnOverflow on_overflow = OnOverflow::block;
    bool has_leads = false;  // Rules::starts says where it may match

    [[nodiscard]] bool holds() const noexcept { return action != Action::flag; }
};

// What applies to one way. Of a detector that several guards name, the strictest is kept.
struct Rules {
    std::vector<Rule> rules;
    std::vector<std::string> guards;       // names
    std::shared_ptr<Starts const> starts;  // of those that have leads; null: none has
    std::vector<unsigned> without_leads;   // those that look for themselves
    bool rejects_unscannable = false;
    std::string rejecting_guard;
    OnOverflow on_overflow = OnOverflow::pass;  // the strictest of those that hold
    std::size_t hold_bytes_max = 0;             // the least of those that hold

    [[nodiscard]] bool empty() const noexcept { return rules.empty(); }
    [[nodiscard]] bool holds() const noexcept { return hold_bytes_max != 0; }
};

struct GuardSet {
    Rules request;
    Rules response;
    [[nodiscard]] Rules const& of(Way way) const noexcept {
        return way == Way::request ? request : response;
    }
};

// The guards of a configuration and their sets. A set is named by the guards in it, as bits.
class GuardBook {
  public:
    using Mask = std::uint64_t;
    static constexpr std::size_t guards_max = 64;

    static Result<std::unique_ptr<GuardBook>> create(std::vector<Guard> guards);
    // While loading: makes the set unless it is there. Error: it cannot be compiled.
    Result<void> add(Mask mask);
    // Null for no guard. Precondition: it was added.
    [[nodiscard]] GuardSet const* find(Mask mask) const noexcept;
    // Bits of those named; names that are not there give none.
    [[nodiscard]] Mask mask_of(std::span<std::string const> names) const noexcept;
    [[nodiscard]] std::vector<Guard> const& guards() const noexcept { return guards_; }

  private:
    GuardBook() = default;
    [[nodiscard]] Result<Rules> compile(Mask mask, Way way) const;

    std::vector<Guard> guards_;
    std::map<std::string, std::shared_ptr<Matcher const>, std::less<>>
        matchers_;  // by name, pattern
    std::map<Mask, std::unique_ptr<GuardSet const>> sets_;
};

}  // namespace sluice::guard
