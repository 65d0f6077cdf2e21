// xoshiro256** by Blackman and Vigna, one per thread, seeded from the kernel: numbers for ids that
// must be unique and not for secrets.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace sluice {

class Random {
  public:
    Random();  // throws std::system_error when the kernel has no randomness: at a thread's start
    static Random& of_this_thread();

    std::uint64_t next() noexcept {
        auto& s = state_;
        std::uint64_t const result = std::rotl(s[1] * 5, 7) * 9;
        std::uint64_t const t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = std::rotl(s[3], 45);
        return result;
    }

  private:
    std::array<std::uint64_t, 4> state_{};
};

}  // namespace sluice
