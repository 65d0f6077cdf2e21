// Lines to an outlet that may be stuck: in order, bounded, and nobody waits for it.
#include "telemetry/queued_lines.hpp"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>

namespace sluice::telemetry {
namespace {

struct Shared {
    std::mutex mutex;
    std::string text;
    std::atomic<bool> is_stuck{false};
    std::atomic<bool> is_failing{false};
};

class Outlet final : public log::LineLog {
  public:
    explicit Outlet(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
    bool write(std::string_view lines) noexcept override {
        while (shared_->is_stuck) std::this_thread::sleep_for(milliseconds{1});
        if (shared_->is_failing) return false;
        std::lock_guard const lock{shared_->mutex};
        shared_->text += lines;
        return true;
    }

  private:
    std::shared_ptr<Shared> shared_;
};

TEST(QueuedLines, AllAreWrittenInOrderBeforeItIsGone) {
    auto const shared = std::make_shared<Shared>();
    std::string expected;
    {
        QueuedLines lines{std::make_unique<Outlet>(shared)};
        for (int i = 0; i < 1'000; ++i) {
            auto const line = std::to_string(i) + "\n";
            EXPECT_TRUE(lines.write(line));
            expected += line;
        }
    }
    std::lock_guard const lock{shared->mutex};
    EXPECT_EQ(shared->text, expected);
}

TEST(QueuedLines, AStuckOutletRefusesWhatDoesNotFitAndHoldsUpNobody) {
    auto const shared = std::make_shared<Shared>();
    shared->is_stuck = true;
    {
        QueuedLines lines{std::make_unique<Outlet>(shared)};
        std::string const line(64 * 1024, 'x');
        std::size_t taken = 0;
        while (lines.write(line)) ++taken;
        EXPECT_GE(taken * line.size(), QueuedLines::bytes_max - line.size());
    }  // comes back although the outlet does not
    shared->is_stuck = false;
}

TEST(QueuedLines, AFailureIsToldOnce) {
    auto const shared = std::make_shared<Shared>();
    shared->is_failing = true;
    QueuedLines lines{std::make_unique<Outlet>(shared)};
    lines.write("a\n");
    int tries = 0;
    while (lines.write("b\n") && ++tries < 10'000) std::this_thread::sleep_for(milliseconds{1});
    EXPECT_LT(tries, 10'000) << "never told";
}

}  // namespace
}  // namespace sluice::telemetry
