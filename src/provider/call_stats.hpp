// How the latest calls to one target, or with one credential, went: for the admin API. Written once
// an attempt, by all workers, each mostly into a shard of its own (relaxed atomics, no lock); read
// seldom. A shard is made at the first call that needs it, so what is never called costs a pointer.
//
// Lives in engine::Runtime by identity, so it outlives a reload. Called by engine/dispatch (writes)
// and endpoint/admin (reads).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "sluice/error.hpp"
#include "sluice/time.hpp"

namespace sluice::provider {

class CallStats {
  public:
    struct Report {
        std::uint64_t calls = 0;
        std::uint64_t failures = 0;
        std::optional<ErrorCode> last_error;
        Wall::time_point last_error_at{};
        std::uint32_t samples = 0;  // the percentiles are of so many
        microseconds p50{0};        // sending to the first byte of the answer, of calls that
        microseconds p95{0};        // were answered
    };

    CallStats() = default;
    CallStats(CallStats const&) = delete;
    CallStats& operator=(CallStats const&) = delete;
    ~CallStats();

    void answered(unsigned worker, microseconds first_byte) noexcept;
    void failed(unsigned worker, ErrorCode code, Wall::time_point now) noexcept;
    // Any thread. Sums and percentiles over the shards; calls that end meanwhile may be half in.
    [[nodiscard]] Report report() const;

  private:
    static constexpr std::size_t shards = 8;
    static constexpr std::size_t samples_max = 64;  // latest ones of a shard

    struct alignas(64) Shard {
        std::atomic<std::uint64_t> answered{0};
        std::atomic<std::uint64_t> failed{0};
        std::array<std::atomic<std::uint32_t>, samples_max> first_bytes_us{};
    };
    Shard* shard_of(unsigned worker) noexcept;  // null: out of memory

    std::array<std::atomic<Shard*>, shards> shards_{};
    std::atomic<std::uint64_t> last_error_{0};  // seconds << 8 | code + 1; 0 = none
};

}  // namespace sluice::provider
