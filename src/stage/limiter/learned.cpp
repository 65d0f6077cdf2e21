#include "stage/limiter/learned.hpp"

#include <algorithm>
#include <bit>

namespace sluice::stage {
namespace {

// 0 1 2 3, then four to the power of two: 4 5 6 7, 8 10 12 14, ...
std::size_t bucket_of(std::int64_t tokens) noexcept {
    auto const value = static_cast<std::uint64_t>(std::max<std::int64_t>(tokens, 0));
    if (value < 4) return static_cast<std::size_t>(value);
    auto const power = static_cast<std::size_t>(std::bit_width(value)) - 1;
    return (power - 1) * 4 + ((value >> (power - 2)) & 3);
}

// The largest value in a bucket.
std::int64_t most_in(std::size_t bucket) noexcept {
    if (bucket < 4) return static_cast<std::int64_t>(bucket);
    auto const power = bucket / 4 + 1;
    auto const step = std::int64_t{1} << (power - 2);
    return (static_cast<std::int64_t>(4 + bucket % 4) + 1) * step - 1;
}

}  // namespace

void Learned::Histogram::add(std::size_t bucket) noexcept {
    counts[std::min(bucket, buckets - 1)].fetch_add(1, std::memory_order_relaxed);
    auto const there = total.fetch_add(1, std::memory_order_relaxed) + 1;
    if (there >= samples_max) fade();
    if (there >= samples_max || there >= find_at.load(std::memory_order_relaxed)) find();
}

void Learned::Histogram::fade() noexcept {
    std::uint32_t left = 0;
    for (auto& count : counts) {
        auto const half = count.load(std::memory_order_relaxed) / 2;
        count.store(half, std::memory_order_relaxed);
        left += half;
    }
    total.store(left, std::memory_order_relaxed);
}

void Learned::Histogram::find() noexcept {
    std::uint32_t all = 0;
    for (auto const& count : counts) all += count.load(std::memory_order_relaxed);
    find_at.store(all + std::max<std::uint32_t>(all / 16, 1), std::memory_order_relaxed);
    auto left = all - all / 20;
    std::uint32_t at = 0;
    for (; at < buckets - 1; ++at) {
        auto const here = counts[at].load(std::memory_order_relaxed);
        if (here >= left) break;
        left -= here;
    }
    found.store(all < samples_needed ? none : at, std::memory_order_relaxed);
}

std::optional<std::size_t> Learned::Histogram::p95() const noexcept {
    auto const at = found.load(std::memory_order_relaxed);
    return at == none ? std::nullopt : std::optional<std::size_t>{at};
}

void Learned::note(std::int64_t estimate, std::int64_t input, std::int64_t output,
                   std::int64_t answers) noexcept {
    output_.add(bucket_of(output / std::max<std::int64_t>(answers, 1)));
    if (estimate > 0)
        ratio_.add(static_cast<std::size_t>(std::max<std::int64_t>(input, 0) * 16 / estimate));
}

std::optional<std::int64_t> Learned::output_p95() const noexcept {
    auto const bucket = output_.p95();
    return bucket ? std::optional{most_in(*bucket)} : std::nullopt;
}

std::optional<std::int64_t> Learned::input_p95(std::int64_t estimate) const noexcept {
    auto const bucket = ratio_.p95();
    if (!bucket) return std::nullopt;
    return (estimate * static_cast<std::int64_t>(*bucket + 1) + 15) / 16;
}

}  // namespace sluice::stage
