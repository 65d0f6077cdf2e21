// What the tests of guard share: a set made of one or more guards.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "guard/filter.hpp"
#include "guard/find.hpp"

namespace sluice::guard {

inline Guard guard_of(std::vector<std::string> detect, Action action = Action::redact,
                      std::vector<std::string> patterns = {}) {
    Guard guard;
    guard.name = "g";
    guard.detect = std::move(detect);
    guard.patterns = std::move(patterns);
    guard.action = action;
    return guard;
}

class Guards {
  public:
    explicit Guards(std::vector<Guard> guards) {
        auto const count = guards.size();
        auto made = GuardBook::create(std::move(guards));
        EXPECT_TRUE(made.ok());
        book_ = std::move(*made);
        auto const mask = (GuardBook::Mask{1} << count) - 1;
        EXPECT_TRUE(book_->add(mask).ok());
        set_ = book_->find(mask);
    }
    [[nodiscard]] GuardSet const& set() const { return *set_; }

  private:
    std::unique_ptr<GuardBook> book_;
    GuardSet const* set_ = nullptr;
};

// What is left of a whole text; "(blocked)" when it may not pass.
inline std::string passed(GuardSet const& set, std::string_view text,
                          Syntax syntax = Syntax::text) {
    GuardRun run(set);
    std::vector<Replacement> found;
    if (find(run, Way::request, text, syntax, found) == Outcome::blocked) return "(blocked)";
    std::string out;
    std::size_t at = 0;
    for (auto const& one : found) {
        out.append(text.substr(at, one.from - at)).append(one.text);
        at = one.to;
    }
    return out + std::string{text.substr(at)};
}

}  // namespace sluice::guard
