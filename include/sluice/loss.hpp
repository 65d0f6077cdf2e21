// What a target's dialect cannot carry: named to the caller, never dropped silently.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// Why a dialect has no place for something: docs/reference/dialects.md is made from these.
struct LossRule {
    std::string_view field;  // as Losses names it
    std::string_view why;
};

// Fields as the caller's dialect names them: "logit_bias", "messages[].name"; each once.
class Losses {
  public:
    static constexpr std::size_t names_max = 32;

    void add(std::string_view field) {
        if (names_.size() >= names_max) return;
        if (std::find(names_.begin(), names_.end(), field) != names_.end()) return;
        names_.emplace_back(field);
    }
    [[nodiscard]] bool empty() const noexcept { return names_.empty(); }
    [[nodiscard]] std::vector<std::string> const& names() const noexcept { return names_; }
    [[nodiscard]] std::string joined() const {
        std::string out;
        for (auto const& name : names_) out.append(out.empty() ? "" : ", ").append(name);
        return out;
    }

  private:
    std::vector<std::string> names_;
};

}  // namespace sluice
