// A thread beside the workers has a name and gives way, and keeps its nice value.
#include "base/background.hpp"

#include <array>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace sluice {
namespace {

struct Seen {
    std::string name;
    int policy = -1;
    int nice = -1;
};

Seen look() {
    Seen seen;
    std::array<char, 16> name{};
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
    seen.name = name.data();
    seen.policy = ::sched_getscheduler(0);
    seen.nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()));
    return seen;
}

TEST(Background, AThreadIsNamedAndGivesWay) {
    Seen before, after;
    std::thread{[&] {
        ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 19);
        before = look();
        run_in_background("errands");
        after = look();
    }}.join();
    EXPECT_EQ(after.name, "errands");
    EXPECT_EQ(after.policy, SCHED_BATCH);
    EXPECT_EQ(after.nice, before.nice);
}

TEST(Background, ANameAloneLeavesTheRest) {
    Seen after;
    std::thread{[&] {
        name_this_thread("worker");
        after = look();
    }}.join();
    EXPECT_EQ(after.name, "worker");
    EXPECT_EQ(after.policy, ::sched_getscheduler(0));
}

}  // namespace
}  // namespace sluice
