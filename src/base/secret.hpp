// A string that cannot be printed: no stream operator, no formatter, no implicit conversion.
// Wiped when it dies. reveal() is the one way in; each caller of it is a place to look at.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace sluice {

class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string text) : text_(std::move(text)) {}
    Secret(Secret const&) = default;
    Secret& operator=(Secret const&) = default;
    Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }
    Secret& operator=(Secret&& other) noexcept {
        wipe();
        text_ = std::move(other.text_);
        other.wipe();
        return *this;
    }
    ~Secret() { wipe(); }

    [[nodiscard]] std::string_view reveal() const noexcept { return text_; }
    [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
    // "…abcd": the last four characters, for people to tell keys apart; "…" when too short for
    // that.
    [[nodiscard]] std::string hint() const {
        return text_.size() < 12 ? "…" : "…" + text_.substr(text_.size() - 4);
    }

  private:
    void wipe() noexcept {
        for (auto& c : text_) static_cast<char volatile&>(c) = '\0';
        text_.clear();
    }

    std::string text_;
};

}  // namespace sluice
