// What a match begins with: the bytes that may stand in its first places, and before it. Matchers
// tell it once, when a guard set is made; starts.hpp looks for it.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <string_view>

namespace sluice::guard {

using ByteSet = std::bitset<256>;

ByteSet any_byte() noexcept;
ByteSet bytes_of(std::string_view bytes) noexcept;
// "a-z0-9_": ranges and single bytes; '-' stands first or last.
ByteSet bytes_in(std::string_view ranges) noexcept;
ByteSet word_bytes() noexcept;

// A match that is shorter than the places may be followed by anything.
struct Lead {
    static constexpr std::size_t places = 5;
    std::array<ByteSet, places> bytes;
    ByteSet before = any_byte();  // nothing may stand before it, whatever this says

    // No set: anything.
    static Lead of(std::initializer_list<ByteSet> sets, ByteSet const& before = any_byte());

    // How often it is met in prose with numbers, about: of one byte.
    [[nodiscard]] double frequency() const noexcept;
    // Does all that begins as `other` begin as this?
    [[nodiscard]] bool covers(Lead const& other) const noexcept;
};

// The same of one place.
double frequency_of(ByteSet const& bytes) noexcept;

}  // namespace sluice::guard
