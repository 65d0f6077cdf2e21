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

    static constexpr std::size_t name_bytes_max = 64;

    void add(std::string_view field) {
        if (names_.size() >= names_max) return;
        if (!is_name(field)) field = "other members";
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
    // A caller may name a member as it likes; these go into a header and into the ledger.
    static bool is_name(std::string_view field) noexcept {
        return field.size() <= name_bytes_max &&
               std::all_of(field.begin(), field.end(), [](char c) {
                   bool const is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                   return is_letter || (c >= '0' && c <= '9') ||
                          std::string_view{"_.-[] "}.find(c) != std::string_view::npos;
               });
    }

    std::vector<std::string> names_;
};

}  // namespace sluice
