// One compiled Vectorscan database of a guard set: which of its matchers can have something to find
// in a text at all. A prefilter: what it does not name is not there; what it names must be looked
// for. Immutable; the scratch is the thread's. Only texts that were proven to be found on this
// machine are left to it (docs/adr/0009).
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "sluice/result.hpp"

namespace sluice::guard {

class Prefilter {
  public:
    static constexpr std::size_t matchers_max = 256;
    using Matchers = std::bitset<matchers_max>;

    // A text that all that the matcher finds has; several may speak for one matcher.
    struct Entry {
        std::string literal;
        unsigned matcher = 0;
    };

    // Takes some milliseconds: once for a configuration. Null: the database misses what it should
    // find, so everything is to be looked for directly.
    static Result<std::unique_ptr<Prefilter const>> create(std::span<Entry const> entries);
    ~Prefilter();
    Prefilter(Prefilter const&) = delete;
    Prefilter& operator=(Prefilter const&) = delete;

    [[nodiscard]] std::size_t literal_bytes_max() const noexcept;

    // Adds those that may have something to find. False: the text could not be scanned.
    bool scan(std::string_view text, Matchers& out) const;

  private:
    Prefilter() = default;
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace sluice::guard
