// ULIDs: 48 bits of milliseconds, 80 bits of randomness, written in Crockford base32.
// Per thread: seeded once from the kernel; within one millisecond (or when the clock steps back)
// the last value plus one, so that ids of a thread sort in the order they were made.
#include "sluice/ids.hpp"

#include <bit>
#include <cerrno>
#include <chrono>
#include <sys/random.h>
#include <system_error>

namespace sluice {
namespace {

constexpr char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void fill_from_kernel(void* into, std::size_t bytes) {
    auto* at = static_cast<char*>(into);
    while (bytes > 0) {
        auto const got = ::getrandom(at, bytes, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            throw std::system_error(errno, std::generic_category(), "getrandom");
        }
        at += got;
        bytes -= static_cast<std::size_t>(got);
    }
}

// xoshiro256** by Blackman and Vigna. Ids are unique, not secret.
class Random {
  public:
    Random() { fill_from_kernel(state_.data(), sizeof state_); }

    std::uint64_t next() {
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

struct Generator {
    Random random;
    std::uint64_t ms = 0;
    std::uint16_t high = 0;  // upper 16 of the 80 random bits
    std::uint64_t low = 0;   // lower 64

    void advance(std::uint64_t now_ms) {
        if (now_ms > ms) {
            ms = now_ms;
            high = static_cast<std::uint16_t>(random.next());
            low = random.next();
        } else if (++low == 0 && ++high == 0) {
            ++ms;  // 80 bits ran over: borrow the next millisecond
        }
    }
};

}  // namespace

Ulid Ulid::next(Wall::time_point now) {
    thread_local Generator generator;
    auto const since_epoch = std::chrono::duration_cast<milliseconds>(now.time_since_epoch());
    auto const now_ms =
        since_epoch.count() > 0 ? static_cast<std::uint64_t>(since_epoch.count()) : 0;
    generator.advance(now_ms & 0xffff'ffff'ffffu);

    Ulid id;
    std::uint64_t ms = generator.ms;
    for (std::size_t i = 10; i-- > 0; ms >>= 5) id.text_[i] = alphabet[ms & 31];
    // 80 bits are sixteen digits: four from (high, top of low) would straddle, so shift both.
    std::uint64_t high = generator.high;
    std::uint64_t low = generator.low;
    for (std::size_t i = length; i-- > 10;) {
        id.text_[i] = alphabet[low & 31];
        low = (low >> 5) | (high << 59);
        high >>= 5;
    }
    return id;
}

}  // namespace sluice
