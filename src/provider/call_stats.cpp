#include "provider/call_stats.hpp"

#include <algorithm>
#include <new>
#include <vector>

namespace sluice::provider {

CallStats::~CallStats() {
    for (auto& shard : shards_) delete shard.load(std::memory_order_acquire);
}

CallStats::Shard* CallStats::shard_of(unsigned worker) noexcept {
    auto& place = shards_[worker % shards];
    if (auto* shard = place.load(std::memory_order_acquire)) return shard;
    auto* made = new (std::nothrow) Shard;
    Shard* held = nullptr;
    if (!made || place.compare_exchange_strong(held, made, std::memory_order_acq_rel)) return made;
    delete made;  // another worker of this shard was first
    return held;
}

void CallStats::answered(unsigned worker, microseconds first_byte) noexcept {
    auto* const shard = shard_of(worker);
    if (!shard) return;
    auto const nth = shard->answered.fetch_add(1, std::memory_order_relaxed);
    auto const us = std::clamp<std::int64_t>(first_byte.count(), 0, UINT32_MAX);
    shard->first_bytes_us[nth % samples_max].store(static_cast<std::uint32_t>(us),
                                                   std::memory_order_relaxed);
}

void CallStats::failed(unsigned worker, ErrorCode code, Wall::time_point now) noexcept {
    auto const at = std::chrono::duration_cast<seconds>(now.time_since_epoch()).count();
    last_error_.store(static_cast<std::uint64_t>(at) << 8 | (static_cast<std::uint64_t>(code) + 1),
                      std::memory_order_relaxed);
    if (auto* const shard = shard_of(worker)) {
        shard->failed.fetch_add(1, std::memory_order_relaxed);
    }
}

CallStats::Report CallStats::report() const {
    Report report;
    std::vector<std::uint32_t> samples;
    for (auto const& place : shards_) {
        auto const* shard = place.load(std::memory_order_acquire);
        if (!shard) continue;
        auto const answered = shard->answered.load(std::memory_order_relaxed);
        auto const failed = shard->failed.load(std::memory_order_relaxed);
        report.calls += answered + failed;
        report.failures += failed;
        for (std::size_t i = 0; i < std::min<std::uint64_t>(answered, samples_max); ++i) {
            samples.push_back(shard->first_bytes_us[i].load(std::memory_order_relaxed));
        }
    }
    if (auto const last = last_error_.load(std::memory_order_relaxed)) {
        report.last_error = static_cast<ErrorCode>((last & 0xFF) - 1);
        report.last_error_at = Wall::time_point{seconds{last >> 8}};
    }
    std::sort(samples.begin(), samples.end());
    report.samples = static_cast<std::uint32_t>(samples.size());
    // The smallest value that so many of a hundred do not exceed.
    auto const percentile = [&samples](std::size_t percent) {
        auto const rank = (samples.size() * percent + 99) / 100;
        return microseconds{samples[std::max<std::size_t>(rank, 1) - 1]};
    };
    if (!samples.empty()) {
        report.p50 = percentile(50);
        report.p95 = percentile(95);
    }
    return report;
}

}  // namespace sluice::provider
