#include "base/background.hpp"

#include <cerrno>
#include <cstdint>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sluice {
namespace {

// struct sched_attr of the kernel in its first version; glibc has none before 2.41.
struct SchedAttributes {
    std::uint32_t size;
    std::uint32_t policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t slice_ns;
    std::uint64_t deadline_ns;
    std::uint64_t period_ns;
};
static_assert(sizeof(SchedAttributes) == 48);

// Longer than what threads get by themselves (0.7 to 2.8 ms by the number of cores): who wakes with
// the shorter slice goes first.
constexpr std::uint64_t slice_ns = 5'000'000;

}  // namespace

void name_this_thread(char const* name) noexcept { ::pthread_setname_np(::pthread_self(), name); }

void run_in_background(char const* name) noexcept {
    name_this_thread(name);
    SchedAttributes wanted{};
    wanted.size = sizeof wanted;
    wanted.policy = SCHED_BATCH;
    errno = 0;
    wanted.nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()));
    if (errno != 0) return;
    wanted.slice_ns = slice_ns;
    ::syscall(SYS_sched_setattr, 0, &wanted, 0U);
}

}  // namespace sluice
