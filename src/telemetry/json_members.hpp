// Members of a JSON object, written by appending: for lines of which each request has one. Called
// by record_json and access_log; calls base/json_text.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include "sluice/time.hpp"

#include "base/json_text.hpp"

namespace sluice::telemetry {

// A member's name as it is written, made by the compiler: ,"name":
class Name {
  public:
    template <std::size_t size>
    consteval Name(char const (&name)[size])
        : size_(size + 3) {  // with a NUL, which is not written
        static_assert(size + 3 <= sizeof(text_));
        text_[0] = ',';
        text_[1] = '"';
        std::copy_n(name, size - 1, text_.begin() + 2);
        text_[size + 1] = '"';
        text_[size + 2] = ':';
    }
    static constexpr std::size_t bytes_max = 24;

    [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }
    // Writes all of its bytes_max bytes; returns where the name ends.
    char* copy_to(char* to) const noexcept {
        std::memcpy(to, text_.data(), bytes_max);
        return to + size_;
    }

  private:
    std::array<char, bytes_max> text_{};
    std::size_t size_;
};

// Members one after the other; the caller opens and closes the object.
class Members {
  public:
    // Texts are cut to `text_bytes_max`.
    Members(std::string& out, std::size_t text_bytes_max)
        : out_(out), text_bytes_max_(text_bytes_max) {}

    void text(Name const& name, std::string_view value) {
        begin(name);
        append_json_string(out_, value.substr(0, text_bytes_max_));
    }
    void flag(Name const& name, bool value) {
        begin(name);
        out_ += value ? "true" : "false";
    }
    // Name and digits are put together aside and appended in one go: a line has forty of them.
    template <std::integral T>
    void number(Name const& name, T value) {
        std::array<char, Name::bytes_max + 24> member;
        auto* const digits = name.copy_to(member.data());
        auto const end = std::to_chars(digits, member.data() + member.size(), value).ptr;
        auto const* const from = member.data() + (first_ ? 1 : 0);
        first_ = false;
        out_.append(from, static_cast<std::size_t>(end - from));
    }
    void time(Name const& name, microseconds value) { number(name, value.count()); }
    // A member was written already, by other means.
    void go_on() noexcept { first_ = false; }
    // Opens the member; its value is appended by the caller.
    std::string& begin(Name const& name) {
        out_ += name.view().substr(first_ ? 1 : 0);
        first_ = false;
        return out_;
    }

  private:
    std::string& out_;
    std::size_t text_bytes_max_;
    bool first_ = true;
};

}  // namespace sluice::telemetry
