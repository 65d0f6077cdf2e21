// ULIDs: 48 bits of milliseconds, 80 bits of randomness, written in Crockford base32.
// Per thread; within one millisecond (or when the clock steps back)
// the last value plus one, so that ids of a thread sort in the order they were made.
#include "sluice/ids.hpp"

#include <chrono>

#include "base/random.hpp"

namespace sluice {
namespace {

constexpr char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct Generator {
    Random& random = Random::of_this_thread();
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
