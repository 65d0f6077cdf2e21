// What a scrape of the running daemon has, against docs/reference/metrics.md.
#include <fmt/format.h>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

std::set<std::string> all_of(std::string const& text, char const* pattern) {
    std::set<std::string> found;
    std::regex const regex(pattern, std::regex::ECMAScript | std::regex::multiline);
    for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) {
        found.insert((*at)[1]);
    }
    return found;
}

class MetricsPage : public Integration {
  protected:
    std::string scrape() {
        auto const answer = fetch(gateway->admin_port(), {"GET", "/metrics", {}, ""});
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
        return answer.body;
    }
};

TEST_F(MetricsPage, ListsExactlyWhatAScrapeHas) {
    FakeUpstream collector;
    GatewayConfig config;
    config.telemetry = fmt::format(
        "  access_log: {{format: \"off\"}}\n  traces: {{endpoint: \"http://127.0.0.1:{}\"}}\n",
        collector.port());
    config.keys = fmt::format(
        "  team:\n    limits: {{rpm: 1, tokens: {{amount: 1000000, per: day}}}}\n    keys: {{app: "
        "{{value: {}}}}}\n",
        test_key);
    config.defaults = "guardrails: [watch]";
    config.more = "guardrails: {watch: {patterns: [\"[a-z]{1,20}\"], action: flag}}\n";
    start(config);
    EXPECT_EQ(chat(stream_body("m-1")).status, 200);
    EXPECT_EQ(chat(chat_body("no-such")).status, 404);
    EXPECT_EQ(chat(chat_body("m-1")).status, 429);
    auto const in_scrape = all_of(scrape(), "^# TYPE (\\S+) ");
    std::ifstream file(SLUICE_SOURCE_DIR "/docs/reference/metrics.md");
    std::ostringstream page;
    page << file.rdbuf();
    auto const on_page = all_of(page.str(), "^\\| `([a-z_]+)` \\| (?:counter|gauge|histogram) \\|");
    EXPECT_EQ(in_scrape, on_page);
    EXPECT_GT(on_page.size(), 40U);
}

TEST_F(MetricsPage, EachFamilyHasHelpAndTypeOnceAndBeforeItsSamples) {
    start();
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    auto const text = scrape();
    std::set<std::string> seen;
    std::string family;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::smatch found;
        if (std::regex_match(line, found, std::regex("# HELP (\\S+) (.+)"))) {
            family = found[1];
            EXPECT_TRUE(seen.insert(family).second) << line;
        } else if (std::regex_match(line, found, std::regex("# TYPE (\\S+) (\\S+)"))) {
            EXPECT_EQ(found[1], family) << line;
            bool const is_counter = found[2] == "counter";
            EXPECT_EQ(is_counter, family.ends_with("_total")) << line;
        } else {
            EXPECT_TRUE(line.starts_with(family)) << line;
        }
    }
    EXPECT_GT(seen.size(), 30U);
}

// The pace of a stream is measured from its first content to its last.
TEST_F(MetricsPage, TheRecordKnowsTheStreamsPace) {
    start();
    upstream.then(Reply::events(chat_stream(5), milliseconds{20}).tokens(11, 7));
    EXPECT_EQ(chat(stream_body("m-1")).status, 200);
    auto const attempt = last_record().at("attempts").at(0);
    EXPECT_GE(attempt.at("chunks").get<int>(), 5);
    EXPECT_GE(attempt.at("chunk_time_us").get<std::int64_t>(), 4 * 20'000 / 2);
    EXPECT_LE(attempt.at("chunk_time_us"), attempt.at("total_us"));
    EXPECT_GE(attempt.at("total_us").get<std::int64_t>(), 5 * 20'000 / 2)
        << "an attempt lasts until its answer's end";
    EXPECT_NE(scrape().find("gen_ai_client_operation_time_per_output_chunk_seconds_count{"
                            "gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"up\"} 1\n"),
              std::string::npos);
}

}  // namespace
}  // namespace sluice::test
