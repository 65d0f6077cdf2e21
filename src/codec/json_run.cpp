// A block is looked at as sets of places, a bit each: where backslashes stand, and where what they
// escape. Blocks in which two backslashes meet are rare and read one by one.
#include "codec/json_run.hpp"

#include <bit>
#include <cstring>

#include "codec/json_bytes.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sluice::codec::json_bytes {

namespace {

Run skip_by_bytes(char const* at, char const* end) noexcept {
    Run run;
    for (;;) {
        at = find_special(at, end);
        if (end - at < 2 || *at != '\\' || !is_short_escape(at[1])) break;
        ++run.escapes;
        at += 2;
    }
    run.end = at;
    return run;
}

#if defined(__x86_64__)

constexpr std::ptrdiff_t block_bytes = 64;

using Places = std::uint64_t;

struct Block {
    Places backslashes = 0;
    Places ends = 0;    // quotes and control characters
    Places shorts = 0;  // what may stand behind a backslash; only where there are backslashes
};

// Goes from block to block: the first byte of the next one may be escaped.
class Escapes {
  public:
    explicit Escapes(char const* at) noexcept : run_{at, 0} {}

    // False: the run ends in the block.
    [[gnu::always_inline]] bool take(Block const& block) noexcept {
        auto const escaped = escaped_of(block.backslashes);
        auto const stops = (block.ends & ~escaped) | (escaped & ~block.shorts);
        if (stops != 0) {
            auto const place = std::countr_zero(stops);
            auto const before = (Places{1} << place) - 1;
            run_.escapes += static_cast<std::size_t>(std::popcount(escaped & before));
            run_.end += place;
            is_open_ = (escaped >> place & 1) != 0;
            return false;
        }
        run_.escapes += static_cast<std::size_t>(std::popcount(escaped));
        run_.end += block_bytes;
        return true;
    }
    [[nodiscard]] char const* at() const noexcept { return run_.end; }
    [[nodiscard]] bool is_open() const noexcept { return is_open_; }
    // Of a backslash whose escape is not in the run, the run ends before it.
    [[nodiscard]] Run run() const noexcept { return {run_.end - (is_open_ ? 1 : 0), run_.escapes}; }

  private:
    [[gnu::always_inline]] Places escaped_of(Places backslashes) noexcept {
        Places const carried = is_open_ ? 1 : 0;
        auto escaped = backslashes << 1 | carried;
        if ((backslashes & escaped) == 0) [[likely]] {
            is_open_ = backslashes >> (block_bytes - 1) != 0;
            return escaped;
        }
        escaped = 0;
        bool is_escaped = is_open_;
        for (int i = 0; i < block_bytes; ++i) {
            auto const bit = Places{1} << i;
            if (is_escaped) {
                escaped |= bit;
                is_escaped = false;
            } else {
                is_escaped = (backslashes & bit) != 0;
            }
        }
        is_open_ = is_escaped;
        return escaped;
    }

    Run run_;
    bool is_open_ = false;  // the byte at run_.end is escaped
};

// The places of a block where one of some bytes stands.
#define SLUICE_64 [[gnu::target("avx512f,avx512bw"), gnu::always_inline]]
#define SLUICE_32 [[gnu::target("avx2"), gnu::always_inline]]

class Whole {
  public:
    SLUICE_64 explicit Whole(char const* at) noexcept { std::memcpy(&bytes_, at, sizeof bytes_); }
    SLUICE_64 Places are(char c) const noexcept {
        return _mm512_cmpeq_epi8_mask(bytes_, _mm512_set1_epi8(c));
    }
    SLUICE_64 Places controls() const noexcept {
        return _mm512_cmplt_epu8_mask(bytes_, _mm512_set1_epi8(0x20));
    }
    SLUICE_64 Places shorts() const noexcept {
        return are('n') | are('"') | are('\\') | are('t') | are('/') | are('r') | are('b') |
               are('f');
    }

  private:
    __m512i bytes_;
};

class Halves {
  public:
    SLUICE_32 explicit Halves(char const* at) noexcept {
        std::memcpy(&first_, at, sizeof first_);
        std::memcpy(&second_, at + sizeof first_, sizeof second_);
    }
    SLUICE_32 Places are(char c) const noexcept {
        auto const wanted = _mm256_set1_epi8(c);
        return places(_mm256_cmpeq_epi8(first_, wanted), _mm256_cmpeq_epi8(second_, wanted));
    }
    SLUICE_32 Places controls() const noexcept {
        auto const last = _mm256_set1_epi8(0x1f);
        return places(_mm256_cmpeq_epi8(_mm256_min_epu8(first_, last), first_),
                      _mm256_cmpeq_epi8(_mm256_min_epu8(second_, last), second_));
    }
    SLUICE_32 Places shorts() const noexcept {
        return are('n') | are('"') | are('\\') | are('t') | are('/') | are('r') | are('b') |
               are('f');
    }

  private:
    SLUICE_32 static Places places(__m256i first, __m256i second) noexcept {
        auto const low = static_cast<std::uint32_t>(_mm256_movemask_epi8(first));
        auto const high = static_cast<std::uint32_t>(_mm256_movemask_epi8(second));
        return low | Places{high} << 32;
    }

    __m256i first_;
    __m256i second_;
};

[[gnu::target("avx512f,avx512bw")]] Run skip_by_64(char const* at, char const* end) noexcept {
    Escapes escapes(at);
    while (end - escapes.at() >= block_bytes) {
        Whole const bytes(escapes.at());
        Block block{bytes.are('\\'), bytes.are('"') | bytes.controls(), 0};
        if (block.backslashes != 0 || escapes.is_open()) block.shorts = bytes.shorts();
        if (!escapes.take(block)) break;
    }
    return escapes.run();
}

[[gnu::target("avx2")]] Run skip_by_32(char const* at, char const* end) noexcept {
    Escapes escapes(at);
    while (end - escapes.at() >= block_bytes) {
        Halves const bytes(escapes.at());
        Block block{bytes.are('\\'), bytes.are('"') | bytes.controls(), 0};
        if (block.backslashes != 0 || escapes.is_open()) block.shorts = bytes.shorts();
        if (!escapes.take(block)) break;
    }
    return escapes.run();
}

#endif

}  // namespace

Vectors vectors() noexcept {
#if defined(__x86_64__)
    static Vectors const widest = __builtin_cpu_supports("avx512bw") ? Vectors::avx512
                                  : __builtin_cpu_supports("avx2")   ? Vectors::avx2
                                                                     : Vectors::none;
    return widest;
#else
    return Vectors::none;
#endif
}

Run skip_run(char const* at, char const* end, Vectors with) noexcept {
#if defined(__x86_64__)
    if (with == Vectors::avx512) return skip_by_64(at, end);
    if (with == Vectors::avx2) return skip_by_32(at, end);
#endif
    (void)with;
    return skip_by_bytes(at, end);
}

}  // namespace sluice::codec::json_bytes
