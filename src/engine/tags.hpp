// Tags: what the caller says a request is for, from x-sluice-tags, OpenAI's metadata and user.
// Their values are bounded in number, so that sums by tag stay sums and not lists. Called by
// intake.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "sluice/exchange.hpp"

namespace sluice::engine {

inline constexpr std::string_view other_value = "(other)";

// The values seen so far by name; one per worker. What would make more than the bound is not kept
// apart any more.
class KnownValues {
  public:
    static constexpr std::size_t names_max = 100;

    // False: there are names_max other names already.
    [[nodiscard]] bool admit_name(std::string_view name);
    // `value` if it is known or there is room for it, else other_value. Precondition: the name is
    // admitted, else every value is another.
    std::string_view admit(std::string_view name, std::string_view value, std::size_t values_max);

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept {
            return std::hash<std::string_view>{}(s);
        }
    };
    using Values = std::unordered_set<std::string, Hash, std::equal_to<>>;
    std::unordered_map<std::string, Values, Hash, std::equal_to<>> by_name_;
};

// Fills record.tags and record.user. Error invalid_request: the header cannot be read.
// Precondition: facts are read.
Result<void> tag(Exchange& x);

}  // namespace sluice::engine
