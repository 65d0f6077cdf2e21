// What the guards of one request have seen and done so far: shared by its request side, its
// answer's channels and the record. Lives in the Exchange; one thread. Texts in it die with the
// request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "guard/guard_set.hpp"

namespace sluice::guard {

// [EMAIL_1]: numbered per label, equal texts alike.
class Placeholders {
  public:
    std::string of(std::string_view label, std::string_view text);

  private:
    static constexpr std::size_t known_max = 10'000;
    std::unordered_map<std::string, std::string> known_;  // label, line feed, text
    std::unordered_map<std::string, unsigned> last_;      // number of a label
};

class GuardRun {
  public:
    explicit GuardRun(GuardSet const& guards) : set(guards) {}

    struct Tally {
        std::string_view guard;  // of the set
        Action action = Action::flag;
        Way way = Way::request;
        std::uint32_t matches = 0;
    };
    struct Blocked {
        std::string guard;
        std::string place;
        bool overflow = false;     // no match: what may have become one was too long to hold
        bool unscannable = false;  // no match: it could not be looked at
    };

    void count(Way way, Rule const& rule, std::uint32_t matches = 1);
    void block(std::string_view guard, std::string_view place, bool overflow = false,
               bool unscannable = false);
    // The error that a caller is told. Precondition: blocked.
    [[nodiscard]] Error error(Way way) const;

    GuardSet const& set;
    Placeholders placeholders;
    std::vector<Tally> tallies;
    std::optional<Blocked> blocked;
    std::uint32_t unscannable = 0;  // parts that could not be looked at and passed
    std::uint32_t overflows = 0;
};

}  // namespace sluice::guard
