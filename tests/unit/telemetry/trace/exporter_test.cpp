// The exporter with a scripted collector: batches, retries, drops, a bounded stop.
#include "telemetry/trace/exporter.hpp"

#include <condition_variable>
#include <deque>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "../a_record.hpp"

namespace sluice::telemetry {
namespace {

// Answers what it is told to, then 200; keeps the bodies.
class Script {
  public:
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<CollectorAnswer> answers;
    std::vector<std::string> bodies;
    bool is_stuck = false;  // answers nothing until hurried
    Steady::time_point hurried = Steady::time_point::max();

    std::size_t wait_for(std::size_t posts) {
        std::unique_lock lock{mutex};
        changed.wait_for(lock, seconds{20}, [&] { return bodies.size() >= posts; });
        return bodies.size();
    }
};

class ScriptedCollector final : public Collector {
  public:
    explicit ScriptedCollector(Script& script) : script_(script) {}

    CollectorAnswer post(std::string_view body, Deadline) override {
        std::unique_lock lock{script_.mutex};
        script_.bodies.emplace_back(body);
        script_.changed.notify_all();
        script_.changed.wait(lock,
                             [&] { return !script_.is_stuck || Steady::now() >= script_.hurried; });
        if (script_.is_stuck) return {};
        CollectorAnswer answer;
        answer.status = 200;
        if (!script_.answers.empty()) {
            answer = script_.answers.front();
            script_.answers.pop_front();
        }
        return answer;
    }
    void hurry(Steady::time_point) noexcept override {
        std::lock_guard const lock{script_.mutex};
        script_.hurried = Steady::now();  // the time of a test is short
        script_.changed.notify_all();
    }

  private:
    Script& script_;
};

struct Rig {
    explicit Rig(unsigned workers = 1) {
        ExporterOptions options;
        options.interval = milliseconds{5};
        options.backoff = milliseconds{2};
        options.backoff_max = milliseconds{10};
        exporter = std::make_unique<TraceExporter>(std::make_unique<ScriptedCollector>(script),
                                                   workers, options);
    }
    bool wait_until(std::function<bool(TraceCounters const&)> const& holds) const {
        auto const until = Steady::now() + seconds{20};
        while (!holds(exporter->counters())) {
            if (Steady::now() > until) return false;
            std::this_thread::yield();
        }
        return true;
    }
    Script script;
    std::unique_ptr<TraceExporter> exporter;
};

CollectorAnswer with_status(int status) {
    CollectorAnswer answer;
    answer.status = status;
    return answer;
}

TEST(TraceExporter, SpansOfAllWorkersArriveOnce) {
    Rig rig{2};
    for (int i = 0; i < 100; ++i) {
        rig.exporter->offer(0, a_record());
        rig.exporter->offer(1, a_record());
    }
    rig.exporter->stop();
    std::size_t spans = 0;
    for (auto const& body : rig.script.bodies) {
        spans += nlohmann::json::parse(body)["resourceSpans"][0]["scopeSpans"][0]["spans"].size();
    }
    EXPECT_EQ(spans, 600U);
    EXPECT_EQ(rig.exporter->counters().exported, 600U);
    EXPECT_EQ(rig.exporter->counters().dropped, 0U);
}

TEST(TraceExporter, WhatMayPassIsTriedAgainWithTheSameBody) {
    Rig rig;
    rig.script.answers = {with_status(0), with_status(503), with_status(429)};
    rig.exporter->offer(0, a_record());
    ASSERT_GE(rig.script.wait_for(4), 4U);
    EXPECT_TRUE(rig.wait_until([](auto const& now) { return now.exported == 3; }));
    EXPECT_EQ(rig.exporter->counters().failures, 3U);
    EXPECT_EQ(rig.exporter->counters().dropped, 0U);
    EXPECT_EQ(rig.script.bodies[0], rig.script.bodies[3]);
}

TEST(TraceExporter, ARefusalIsNotTriedAgain) {
    for (int const status : {400, 401, 404, 413, 500}) {
        Rig rig;
        rig.script.answers = {with_status(status)};
        rig.exporter->offer(0, a_record());
        EXPECT_TRUE(rig.wait_until([](auto const& now) { return now.dropped == 3; })) << status;
        rig.exporter->stop();
        EXPECT_EQ(rig.script.bodies.size(), 1U) << status;
    }
}

TEST(TraceExporter, APartialSuccessIsNotTriedAgain) {
    Rig rig;
    auto partial = with_status(200);
    partial.rejected = 2;
    rig.script.answers = {partial};
    rig.exporter->offer(0, a_record());
    EXPECT_TRUE(rig.wait_until([](auto const& now) { return now.exported == 1; }));
    rig.exporter->stop();
    EXPECT_EQ(rig.exporter->counters().dropped, 2U);
    EXPECT_EQ(rig.script.bodies.size(), 1U);
}

TEST(TraceExporter, ACollectorThatHangsCostsACounterAndNoMemory) {
    Rig rig;
    rig.script.is_stuck = true;
    rig.exporter->offer(0, a_record());
    ASSERT_EQ(rig.script.wait_for(1), 1U);
    for (std::size_t i = 0; i < 3 * TraceExporter::queue_records; ++i) {
        rig.exporter->offer(0, a_record());
    }
    // The queue holds so many; what came later is given up.
    EXPECT_GE(rig.exporter->counters().dropped, 3 * (2 * TraceExporter::queue_records));
    rig.exporter->stop();
    EXPECT_EQ(rig.exporter->counters().exported, 0U);
    EXPECT_EQ(rig.exporter->counters().dropped, 3 * (3 * TraceExporter::queue_records + 1));
}

TEST(TraceExporter, ALongRetryAfterIsGivenUpRatherThanWaitedFor) {
    Rig rig;
    auto later = with_status(503);
    later.retry_after = seconds{120};  // more than the patience
    rig.script.answers = {later};
    rig.exporter->offer(0, a_record());
    EXPECT_TRUE(rig.wait_until([](auto const& now) { return now.dropped == 3; }));
}

}  // namespace
}  // namespace sluice::telemetry
