// Identifiers: 26-character ULIDs (https://github.com/ulid/spec), Crockford base32, time-ordered.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sluice/time.hpp"

namespace sluice {

class Ulid {
  public:
    static constexpr std::size_t length = 26;

    Ulid() { text_.fill('0'); }
    // Not thread-safe per generator state: each thread has its own; strictly increasing per thread.
    static Ulid next(Wall::time_point now);

    [[nodiscard]] std::string_view view() const { return {text_.data(), length}; }
    friend auto operator<=>(Ulid const&, Ulid const&) = default;

  private:
    std::array<char, length> text_;
};

}  // namespace sluice
