// Limits under load, held against the upstream's own journal: four workers, five hundred callers at
// once, answers whose usage differs from any estimate, retries, fallbacks, errors and callers who
// leave.
#include <atomic>
#include <fmt/format.h>
#include <random>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

constexpr int callers = 500;

// What the upstream would bill: tokens of whole answers and of what it sent before an end it did
// not choose, by its own count.
struct Journal {
    std::atomic<std::int64_t> tokens{0};
    std::atomic<std::int64_t> requests{0};
    std::mutex mutex;
    std::vector<std::pair<Clock::time_point, std::int64_t>> entries;

    void note(Clock::time_point at, std::int64_t used) {
        tokens += used;
        ++requests;
        std::lock_guard const lock(mutex);
        entries.emplace_back(at, used);
    }
    // The most in any `window`.
    std::int64_t most_in(milliseconds window, bool count_requests) {
        std::lock_guard const lock(mutex);
        std::sort(entries.begin(), entries.end());
        std::int64_t sum = 0, most = 0;
        std::size_t from = 0;
        for (auto const& [at, used] : entries) {
            sum += count_requests ? 1 : used;
            while (entries[from].first <= at - window) {
                sum -= count_requests ? 1 : entries[from].second;
                ++from;
            }
            most = std::max(most, sum);
        }
        return most;
    }
};

class LimitsUnderLoad : public Integration {
  protected:
    // Answers of 1 to 60 tokens, prompts of 1 to 80: the bound is about 150 and 60.
    Reply reply(Received const& request, bool with_faults) {
        std::uint32_t seed = 0;
        {
            std::lock_guard const lock(dice_mutex_);
            seed = static_cast<std::uint32_t>(dice_());
        }
        std::mt19937 dice(seed);
        int const input = 1 + static_cast<int>(dice() % 80),
                  output = 1 + static_cast<int>(dice() % 60);
        bool const is_stream = request.body.find("\"stream\":true") != std::string::npos;
        auto const fate = with_faults ? dice() % 10 : 9;
        if (fate == 0) return Reply::error(500, "x", "not now");
        if (fate == 1) return Reply::error(429, "x", "slow down", {{"retry-after", "0"}});
        journal.note(request.at, input + output);  // from here on it is worked on, and billed
        if (fate == 2 && is_stream) return Reply::chunked().chunk(": ping\n\n").reset();
        if (fate == 3 && is_stream) return Reply::chunked().chunk(text_frame("half")).reset();
        if (!is_stream)
            return Reply::whole(200, chat_answer("x", input, output)).tokens(input, output);
        std::vector<std::string> frames{chat_frame(R"({"role":"assistant"})"), text_frame("w"),
                                        chat_frame("{}", "\"stop\""), usage_frame(input, output),
                                        done_frame};
        return Reply::events(frames, milliseconds{fate == 4 ? 5 : 0}).tokens(input, output);
    }

    // One caller, once; some leave in the middle.
    int call(std::uint32_t seed) {
        std::mt19937 dice(seed);
        bool const is_stream = dice() % 2 == 0;
        auto const body = is_stream ? stream_body("m-1", R"(,"max_tokens":60)")
                                    : chat_body("m-1", R"(,"max_tokens":60)");
        ++calls;
        if (is_stream && dice() % 8 == 0) {
            RawClient client(gateway->port());
            client.send(to_wire(chat_request(body)));
            client.read_until("data:", milliseconds{200});
            return 0;
        }
        return fetch(gateway->port(), chat_request(body), milliseconds{60'000}).status;
    }

    // Everybody calls until `is_over` says so.
    void storm(std::function<bool()> const& is_over) {
        std::vector<std::thread> threads;
        std::atomic<std::uint32_t> next{1};
        for (int i = 0; i < callers; ++i) {
            threads.emplace_back([&] {
                while (!is_over()) {
                    int const status = call(next++);
                    if (status == 429) std::this_thread::sleep_for(milliseconds{20});
                }
            });
        }
        for (auto& thread : threads) thread.join();
        sent += static_cast<std::size_t>(calls.load());
    }

    nlohmann::json row(std::string const& limit) {
        Request request;
        request.method = "GET";
        request.target = "/admin/limits";
        auto const page =
            nlohmann::json::parse(fetch(gateway->admin_port(), request).body, nullptr, false);
        for (auto const& each : page["limits"]) {
            if (each["limit"] == limit) return each;
        }
        return {};
    }

    Journal journal;
    std::atomic<int> calls{0};

  private:
    std::mutex dice_mutex_;
    std::mt19937 dice_{7};
};

TEST_F(LimitsUnderLoad, ABudgetIsNeverExceededAndAlmostAllOfItCanBeSpent) {
    constexpr std::int64_t cap = 60'000;
    GatewayConfig config;
    config.workers = 4;
    config.defaults = "retry: {attempts_max: 3, backoff_ms: 1, backoff_max_ms: 20}";
    FakeUpstream spare;
    config.providers = provider_line("up", upstream.url()) + provider_line("spare", spare.url());
    config.routes = "  m-1: {tiers: [up/m-1, spare/m-1]}\n";
    config.keys = fmt::format(
        "  team: {{limits: {{tokens: {{amount: {}, per: total}}, concurrency: 400}}, keys: {{app: "
        "{{value: {}}}}}}}\n",
        cap, test_key);
    compare_tokens = false;  // broken streams report nothing
    upstream.answer_with([this](Received const& request) { return reply(request, true); });
    spare.answer_with([this](Received const& request) { return reply(request, true); });
    start(config);
    auto const until = Clock::now() + seconds{60};
    std::atomic<bool> is_spent{false};
    std::thread watcher([&] {
        while (!is_spent && Clock::now() < until) {
            is_spent = row("tokens total").value("used", std::int64_t{0}) >= cap * 96 / 100;
            std::this_thread::sleep_for(milliseconds{50});
        }
        is_spent = true;
    });
    storm([&] { return is_spent.load(); });
    watcher.join();
    ASSERT_TRUE(gateway->wait_until_quiet());
    auto const budget = row("tokens total");
    EXPECT_EQ(budget["reserved"], 0);
    EXPECT_EQ(row("concurrency")["used"], 0);
    EXPECT_LE(budget["used"], cap);
    EXPECT_LE(journal.tokens.load(), cap);
    // What the gateway holds spent is all but what no request fits into.
    EXPECT_GE(budget["used"], cap * 95 / 100);
}

TEST_F(LimitsUnderLoad, NoMinuteOfTheUpstreamsJournalHoldsMoreThanTheCaps) {
    constexpr std::int64_t requests_cap = 400, tokens_cap = 22'000;
    GatewayConfig config;
    config.workers = 4;
    config.defaults = "retry: {attempts_max: 1}";
    config.keys =
        fmt::format("  team: {{limits: {{rpm: {}, tpm: {}}}, keys: {{app: {{value: {}}}}}}}\n",
                    requests_cap, tokens_cap, test_key);
    upstream.answer_with([this](Received const& request) { return reply(request, false); });
    compare_tokens = false;
    start(config);
    // Over the end of the first minute and into the second, in real time.
    auto const until = Clock::now() + seconds{68};
    storm([&] {
        std::this_thread::sleep_for(milliseconds{1500});
        return Clock::now() > until;
    });
    EXPECT_LE(journal.most_in(milliseconds{60'000}, true), requests_cap);
    EXPECT_LE(journal.most_in(milliseconds{60'000}, false), tokens_cap);
    auto const is_tight = journal.most_in(milliseconds{60'000}, true) >= requests_cap * 95 / 100 ||
                          journal.most_in(milliseconds{60'000}, false) >= tokens_cap * 95 / 100;
    EXPECT_TRUE(is_tight);
    EXPECT_GT(journal.requests.load(), requests_cap) << "the second minute was not reached";
}

}  // namespace
}  // namespace sluice::test
