// Usage in the running daemon: what /admin/usage says is what the upstreams served, and a database
// that fails harms no request.
#include <fmt/format.h>
#include <fstream>

#include "integration/fixture.hpp"
#include "store/check/verify.hpp"
#include "store/projection/ledger_files.hpp"
#include "store/usage/report_text.hpp"

namespace sluice::test {
namespace {

class Usage : public Integration {
  protected:
    void start_priced(std::string const& admin_token = "") {
        GatewayConfig config;
        config.providers =
            provider_line("up", upstream.url()) + provider_line("spare", upstream.url());
        config.routes = "  \"m-*\": {tiers: [up, spare]}\n";
        config.more =
            "prices:\n  up/m-1: {input: 2.50, output: 10}\n  spare/m-1: {input: 1, output: 1}\n";
        config.admin_token = admin_token;
        start(config);
    }
    Answer admin(std::string path, Headers headers = {}) {
        return fetch(gateway->admin_port(), {"GET", std::move(path), std::move(headers), ""});
    }
    // Asks until all that was sent is counted.
    nlohmann::json usage(std::string const& question) {
        auto const until = Clock::now() + milliseconds{20'000};
        for (;;) {
            auto const answer = admin("/admin/usage?" + question);
            EXPECT_EQ(answer.status, 200) << answer.body;
            auto page = nlohmann::json::parse(answer.body, nullptr, false);
            bool const is_all = page["total"]["requests"] == sent && page["pending_bytes"] == 0;
            if (is_all || Clock::now() > until) return page;
            std::this_thread::sleep_for(milliseconds{20});
        }
    }
    void tagged(std::string_view model, std::string_view tags) {
        auto request = chat_request(chat_body(model));
        request.headers.emplace_back("x-sluice-tags", tags);
        EXPECT_EQ(ask(request).status, 200);
    }
    [[nodiscard]] std::string dir() const { return gateway->daemon().document().storage.dir; }
};

TEST_F(Usage, SumsAreTheUpstreamsJournalTimesThePrice) {
    start_priced();
    for (int i = 0; i < 6; ++i) tagged("m-1", i % 2 == 0 ? "env=prod" : "env=dev");
    EXPECT_EQ(chat(stream_body("m-1")).status, 200);
    EXPECT_EQ(chat(chat_body("m-2")).status, 200);  // has no price
    upstream.then(Reply::error(500, "x", "x"));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);  // at the spare
    EXPECT_EQ(chat(chat_body("unknown")).status, 404);

    auto const page = usage("by=provider,model");
    auto const& total = page["total"];
    EXPECT_EQ(total["requests"], 10);
    EXPECT_EQ(total["errors"], 1);
    EXPECT_EQ(total["attempts"], upstream.request_count());
    EXPECT_EQ(total["tokens"]["input"], upstream.input_tokens());
    EXPECT_EQ(total["tokens"]["output"], upstream.output_tokens());
    EXPECT_EQ(total["cost_unknown_requests"], 1);
    EXPECT_EQ(page["truncated"], false);
    std::int64_t expected = 0;
    for (auto const& group : page["groups"]) {
        std::int64_t const input = group["tokens"]["input"];
        std::int64_t const output = group["tokens"]["output"];
        if (group["model"] == "m-2") {
            EXPECT_TRUE(group["cost_usd"].is_null());
            continue;
        }
        auto const cost = group["provider"] == "up"      ? input * 2'500'000 + output * 10'000'000
                          : group["provider"] == "spare" ? (input + output) * 1'000'000
                                                         : 0;
        EXPECT_EQ(group["cost_pico_usd"], std::to_string(cost)) << group;
        expected += cost;
    }
    EXPECT_EQ(total["cost_pico_usd"], std::to_string(expected));

    auto const by_tag = usage("by=tag:env");
    std::map<std::string, int> requests;
    for (auto const& group : by_tag["groups"]) requests[group["tag:env"]] = group["requests"];
    EXPECT_EQ(requests, (std::map<std::string, int>{{"prod", 3}, {"dev", 3}, {"", 4}}));

    // The command reads the same directory beside the daemon, and after it.
    auto const now = store::read_usage(dir(), *store::read_usage_query({{"by", "provider,model"}}));
    ASSERT_TRUE(now);
    EXPECT_EQ(nlohmann::json::parse(store::to_json(*now)), page);
    gateway->stop();
    auto const verified = store::verify(dir());
    ASSERT_TRUE(verified);
    EXPECT_TRUE(verified->is_sound());
    EXPECT_EQ(verified->records, 10);
    EXPECT_EQ(verified->pending_bytes, 0);
}

TEST_F(Usage, AnswersAreCsvWhenAskedForAndErrorsSayWhatToWrite) {
    start_priced();
    tagged("m-1", "env=prod");
    usage("");
    for (auto const& answer : {admin("/admin/usage?by=team%2Cmodel", {{"Accept", "text/csv"}}),
                               admin("/admin/usage?by=team&by=model&format=csv")}) {
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.header("content-type"), "text/csv; charset=utf-8");
        EXPECT_TRUE(answer.body.starts_with("team,model,requests,")) << answer.body;
        EXPECT_NE(answer.body.find("\r\nteam,m-1,1,0,0,1,11,"), std::string::npos) << answer.body;
    }
    EXPECT_EQ(usage("tag%3Aenv=prod")["groups"].size(), 1u);
    for (auto const& [question, says] :
         std::map<std::string, std::string>{{"by=colour", "use team"},
                                            {"from=x", "2026-11-01"},
                                            {"tema=x", "did you mean team"},
                                            {"by=%zz", "write %25"},
                                            {"by=team%2", "write %25"}}) {
        auto const answer = admin("/admin/usage?" + question);
        EXPECT_EQ(answer.status, 400) << question;
        EXPECT_NE(error_message(answer).find(says), std::string::npos) << answer.body;
    }
}

TEST_F(Usage, NeedsTheAdminToken) {
    start_priced("sk-admin-token-0001");
    EXPECT_EQ(admin("/admin/usage").status, 401);
    EXPECT_EQ(admin("/admin/usage", {{"Authorization", "Bearer sk-admin-token-0001"}}).status, 200);
}

TEST_F(Usage, WithoutItsDatabaseTheDaemonServesAndCatchesUpLater) {
    start_priced();
    usage("");
    auto const path = store::database_path(dir());
    for (auto const* end : {"", "-wal", "-shm"}) std::filesystem::remove(path + end);
    std::filesystem::create_directory(path);  // cannot be opened, by root neither
    for (int i = 0; i < 5; ++i) EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    auto const until = Clock::now() + milliseconds{20'000};
    while (!gateway->daemon().projector().counters().failing && Clock::now() < until) {
        std::this_thread::sleep_for(milliseconds{20});
    }
    EXPECT_EQ(admin("/admin/usage").status, 500);
    EXPECT_EQ(admin("/readyz").status, 200);
    EXPECT_NE(admin("/metrics").body.find("sluice_projection_failing 1\n"), std::string::npos);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    std::filesystem::remove(path);
    while (gateway->daemon().projector().counters().failing && Clock::now() < until) {
        gateway->daemon().projector().catch_up(milliseconds{1'000});
    }
    EXPECT_EQ(usage("")["total"]["requests"], 6);
    EXPECT_NE(admin("/metrics").body.find("sluice_projection_failing 0\n"), std::string::npos);
}

TEST_F(Usage, AStopTakesInTheLastRecords) {
    start_priced();
    for (int i = 0; i < 20; ++i) EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    gateway->stop();
    auto const report = store::read_usage(dir(), store::UsageQuery{});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->total[store::Measure::requests], 20);
    EXPECT_EQ(report->pending_bytes, 0);
}

}  // namespace
}  // namespace sluice::test
