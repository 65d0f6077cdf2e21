// AuthThrottle: which client addresses showed so many unknown keys that their next one is not even
// looked at.
//
// Called by: engine (authenticate). One table for the process, of fixed size; it outlives reloads.
// Thread: any; no locks. While nobody is blocked a caller costs one relaxed load, else eight loads
// side by side. When many addresses fail at once the oldest unblocked ones are forgotten first: the
// table bounds memory, and whoever has that many addresses is not slowed by any per-address rule.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "sluice/ip.hpp"
#include "sluice/time.hpp"

#include "base/zero_pages.hpp"

namespace sluice::stage {

class AuthThrottle {
  public:
    struct Settings {
        std::uint32_t failures = 50;  // within window_s; 0 = nobody is ever blocked
        std::uint32_t window_s = 60;
        std::uint32_t block_s = 60;
    };

    AuthThrottle();
    AuthThrottle(AuthThrottle const&) = delete;
    AuthThrottle& operator=(AuthThrottle const&) = delete;

    // How long this address (IPv6: its /64) has to wait; 0 = it may try.
    [[nodiscard]] std::uint32_t blocked_s(IpAddress const& address,
                                          Steady::time_point now) const noexcept;
    // True when this failure blocks the address.
    bool note_failure(IpAddress const& address, Settings const& settings,
                      Steady::time_point now) noexcept;

  private:
    // Seconds since start, rounded up by one: 0 means never.
    struct State {
        std::uint32_t failures = 0;
        std::uint32_t since_s = 0;
        std::uint32_t until_s = 0;
    };
    struct Slot {
        std::atomic<std::uint64_t> tag{0};  // hash of the address; 0 = free
        std::atomic<std::uint64_t> state{0};
    };
    static constexpr std::size_t set_slots = 8;
    static constexpr std::size_t sets = 1024;
    struct alignas(64) Set {
        std::array<Slot, set_slots> slots;
    };

    static std::uint64_t pack(State const& state) noexcept;
    static State unpack(std::uint64_t word) noexcept;
    [[nodiscard]] std::uint64_t tag_of(IpAddress const& address) const noexcept;
    [[nodiscard]] std::uint32_t seconds_of(Steady::time_point now) const noexcept;
    Slot& slot_for(std::uint64_t tag, std::uint32_t now_s) noexcept;

    std::uint64_t seed_;
    Steady::time_point start_;
    std::atomic<std::uint32_t> latest_until_s_{0};  // nobody is blocked from then on
    ZeroPages<Set> sets_{sets};
};

}  // namespace sluice::stage
