// Learned: what requests of a route mostly use, from what providers report: how long answers are,
// and how many tokens a prompt has beside its estimate. Lock-free, approximate; any worker's
// thread. Asked where a limit says on_unbounded: estimate.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

namespace sluice::stage {

class Learned {
  public:
    static constexpr std::uint32_t samples_needed = 20;

    // `estimate`: of the prompt, before it was sent.
    void note(std::int64_t estimate, std::int64_t input, std::int64_t output,
              std::int64_t answers) noexcept;
    // What 95 of 100 answers do not exceed, in tokens; nullopt: too few were seen.
    [[nodiscard]] std::optional<std::int64_t> output_p95() const noexcept;
    // The same for the prompt: of one whose estimate is `estimate`.
    [[nodiscard]] std::optional<std::int64_t> input_p95(std::int64_t estimate) const noexcept;

  private:
    static constexpr std::size_t buckets = 128;
    static constexpr std::uint32_t samples_max = 4096;  // then all are halved: the old fade

    struct Histogram {
        std::array<std::atomic<std::uint32_t>, buckets> counts{};
        std::atomic<std::uint32_t> total{0};
        // Found anew when a sixteenth more is there than was the last time, not for each request.
        std::atomic<std::uint32_t> found{none};
        std::atomic<std::uint32_t> find_at{0};  // of total
        void add(std::size_t bucket) noexcept;
        // Index of the bucket that holds the 95th of 100; nullopt: too few.
        [[nodiscard]] std::optional<std::size_t> p95() const noexcept;

      private:
        static constexpr std::uint32_t none = buckets;
        void fade() noexcept;
        void find() noexcept;
    };

    Histogram output_;  // four buckets to the power of two
    Histogram ratio_;   // input / estimate, in sixteenths
};

}  // namespace sluice::stage
