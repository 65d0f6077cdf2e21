// Members of a JSON object, written by appending: for lines of which each request has one. Called
// by record_json and access_log; calls line_writer.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstring>
#include <string_view>

#include "sluice/time.hpp"

#include "telemetry/line_writer.hpp"

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

    // Writes all of its bytes_max bytes; returns where the name ends.
    char* copy_to(char* to) const noexcept {
        std::memcpy(to, text_.data(), bytes_max);
        return to + size_;
    }

  private:
    std::array<char, bytes_max> text_{};
    std::size_t size_;
};

// An object: its first member opens it, the caller closes it.
class Members {
  public:
    // Texts are cut to `text_bytes_max`, at most LineWriter's.
    Members(LineWriter& out, std::size_t text_bytes_max)
        : out_(out), text_bytes_max_(text_bytes_max) {}

    void text(Name const& name, std::string_view value) {
        out_.string_at(name_at(name), value.substr(0, text_bytes_max_));
    }
    void flag(Name const& name, bool value) {
        auto* const at = name_at(name);
        std::memcpy(at, value ? "true " : "false", 5);
        out_.wrote_to(at + (value ? 4 : 5));
    }
    template <std::integral T>
    void number(Name const& name, T value) {
        out_.wrote_to(LineWriter::write_number(name_at(name), value));
    }
    void time(Name const& name, microseconds value) { number(name, value.count()); }
    // Its value is put by the caller.
    LineWriter& begin(Name const& name) {
        out_.wrote_to(name_at(name));
        return out_;
    }
    void close() { out_.put('}'); }

  private:
    char* name_at(Name const& name) {
        auto* const at = out_.room();
        auto* const end = name.copy_to(at);
        *at = before_;
        before_ = ',';
        return end;
    }

    LineWriter& out_;
    std::size_t text_bytes_max_;
    char before_ = '{';
};

}  // namespace sluice::telemetry
