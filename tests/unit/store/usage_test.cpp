// Questions and answers: grouping, filters, 128-bit sums, and what a wrong question is told.
#include <fmt/format.h>

#include "store/usage/report_text.hpp"
#include "unit/store/rig.hpp"

namespace sluice::store {
namespace {

class UsageTest : public Rig {};

TEST_F(UsageTest, GroupsByEachDimension) {
    record({{.at = "2026-11-01T23:59:59.999Z",
             .team = "a",
             .key = "k",
             .user = "u",
             .route = "r1",
             .tags = R"(["env=prod","beta"])",
             .provider = "p",
             .model = "m",
             .cost = "3"},
            {.at = "2026-11-02T00:00:00.000Z",
             .team = "b",
             .key = "k",
             .route = "r2",
             .tags = R"(["env=dev"])",
             .provider = "q",
             .model = "n",
             .cost = "2"},
            {.at = "2026-11-02T00:00:00.001Z",
             .team = "b",
             .key = "l",
             .route = "r2",
             .provider = "q",
             .model = "m",
             .cost = "2"}});
    project();
    struct Case {
        std::string by, expected;
    };
    for (auto const& [by, expected] : {
             Case{"team", "b 2 20 10 4\na 1 10 5 3\n"},
             Case{"key", "a/k 1 10 5 3\nb/k 1 10 5 2\nb/l 1 10 5 2\n"},
             Case{"user", " 2 20 10 4\nu 1 10 5 3\n"},
             Case{"model", "m 2 20 10 5\nn 1 10 5 2\n"},
             Case{"provider", "q 2 20 10 4\np 1 10 5 3\n"},
             Case{"route", "r2 2 20 10 4\nr1 1 10 5 3\n"},
             Case{"org", "default 3 30 15 7\n"},
             Case{"day", "2026-11-01 1 10 5 3\n2026-11-02 2 20 10 4\n"},
             Case{"tag:env", "prod 1 10 5 3\n 1 10 5 2\ndev 1 10 5 2\n"},
             Case{"tag:beta", " 2 20 10 4\ntrue 1 10 5 3\n"},
             Case{"tag:en", " 3 30 15 7\n"},
             Case{"team,model", "a/m 1 10 5 3\nb/m 1 10 5 2\nb/n 1 10 5 2\n"},
             Case{
                 "day,team,tag:env",
                 "2026-11-01/a/prod 1 10 5 3\n2026-11-02/b/ 1 10 5 2\n2026-11-02/b/dev 1 10 5 2\n"},
         }) {
        EXPECT_EQ(summary(usage({{"by", by}})), expected) << by;
    }
    EXPECT_EQ(summary(usage()), " 3 30 15 7\n");
}

TEST_F(UsageTest, FiltersNarrowAndValuesOfOneWiden) {
    record({{.team = "a", .tags = R"(["env=prod"])", .model = "m", .input = 1},
            {.team = "b", .tags = R"(["env=prod"])", .model = "m", .input = 2},
            {.team = "c", .tags = R"(["env=dev"])", .model = "n", .input = 4}});
    project();
    auto const input = [&](std::vector<std::pair<std::string, std::string>> const& parameters) {
        return static_cast<int>(usage(parameters).total[Measure::input]);
    };
    EXPECT_EQ(input({{"team", "a"}}), 1);
    EXPECT_EQ(input({{"team", "a"}, {"team", "c"}}), 5);
    EXPECT_EQ(input({{"team", "a"}, {"model", "n"}}), 0);
    EXPECT_EQ(input({{"tag:env", "prod"}}), 3);
    EXPECT_EQ(input({{"tag:env", "prod"}, {"model", "m"}, {"team", "b"}}), 2);
    EXPECT_EQ(input({{"tag:env", "dev"}, {"by", "tag:env,team"}}), 4);
    EXPECT_EQ(input({{"team", "nobody"}}), 0);
    EXPECT_EQ(input({{"tag:none", ""}}), 7);
    EXPECT_EQ(usage({{"team", "nobody"}, {"by", "team"}}).groups.size(), 0u);
}

TEST_F(UsageTest, SumsGoBeyond64BitsInRowsAndInDays) {
    auto const most = std::to_string(std::numeric_limits<std::int64_t>::max());
    for (int i = 0; i < 5; ++i) {
        record({{.input = std::numeric_limits<std::int64_t>::max(), .cost = most}});
    }
    project();
    Wide const expected = Wide{std::numeric_limits<std::int64_t>::max()} * 5;
    EXPECT_TRUE(usage().total[Measure::cost] == expected);
    EXPECT_TRUE(usage().total[Measure::input] == expected);
    auto projection = open();
    ASSERT_TRUE(seal_some(*projection, ms_of("2026-11-30")));
    ASSERT_TRUE(purge_some(*projection, ms_of("2026-11-30"), 1));
    EXPECT_EQ(number("SELECT count(*) FROM entry"), 0);
    auto const report = usage();
    EXPECT_TRUE(report.total[Measure::cost] == expected);
    EXPECT_NE(to_json(report).find("\"cost_usd\":\"46116860.184273879035\""), std::string::npos)
        << to_json(report);
    EXPECT_NE(to_json(report).find("\"input\":46116860184273879035"), std::string::npos);
}

TEST_F(UsageTest, GroupsAboveTheLimitAreLeftOutAloudAndStillInTheTotal) {
    for (int i = 0; i < 20; ++i)
        record({{.user = fmt::format("u{}", i), .cost = std::to_string(i)}});
    project();
    auto const report = usage({{"by", "user"}, {"limit", "2"}});
    EXPECT_EQ(summary(report), "u19 1 10 5 19\nu18 1 10 5 18\n");
    EXPECT_TRUE(report.is_truncated());
    EXPECT_EQ(report.group_count, 20u);
    EXPECT_EQ(report.total[Measure::requests], 20);
    EXPECT_NE(to_json(report).find("\"truncated\":true"), std::string::npos);
}

TEST_F(UsageTest, WrongQuestionsAreToldWhatToWrite) {
    struct Case {
        std::string name, value, says;
    };
    for (auto const& [name, value, says] : {
             Case{"by", "colour", "use team, key"},
             Case{"by", "tag:", "tag:<name>"},
             Case{"by", "tag:a,tag:b,tag:c,tag:d,tag:e,tag:f,tag:g,tag:h,tag:i,tag:j,tag:k",
                  "at most 10"},
             Case{"from", "yesterday", "2026-11-01"},
             Case{"to", "2026-11-31", "2026-11-01"},
             Case{"limit", "0", "from 1 to"},
             Case{"limit", "1e3", "from 1 to"},
             Case{"format", "xml", "json, csv or table"},
             Case{"tema", "a", "did you mean team?"},
             Case{"day", "2026-11-01", "no parameter 'day'"},
             Case{"team", std::string(600, 'x'), "longer than 512"},
         }) {
        auto const read = read_usage_query({{name, value}});
        ASSERT_FALSE(read) << name << "=" << value;
        EXPECT_EQ(read.error().http_status, 400);
        EXPECT_NE(read.error().message.find(says), std::string::npos) << read.error().message;
    }
    EXPECT_FALSE(read_usage_query({{"from", "2026-11-02"}, {"to", "2026-11-01"}}));
    EXPECT_FALSE(read_usage_query({{"from", "2026-11-02"}, {"from", "2026-11-02"}}));
    EXPECT_TRUE(read_usage_query({{"from", "2026-11-01"}, {"to", "2026-11-01"}}));
}

TEST_F(UsageTest, NobodyHasPricedItIsNeverZero) {
    record({{.team = "a", .cost = "null"},
            {.team = "b", .cost = "0"},
            {.team = "c", .cost = "null"},
            {.team = "c", .cost = "1500000000000"}});
    project();
    auto const report = usage({{"by", "team"}});
    auto const json = to_json(report);
    EXPECT_NE(json.find(R"("team":"a","requests":1,"errors":0,"client_gone":0,"attempts":1,)"
                        R"("tokens":{"input":10,"cache_read":1,"cache_write":2,"audio_input":3,)"
                        R"("output":5,"reasoning":4,"audio_output":5},"cost_usd":null,)"
                        R"("cost_pico_usd":null,"cost_unknown_requests":1)"),
              std::string::npos)
        << json;
    EXPECT_NE(json.find(R"("cost_usd":"0.00","cost_pico_usd":"0","cost_unknown_requests":0)"),
              std::string::npos);
    EXPECT_NE(json.find(R"("cost_usd":"1.50","cost_pico_usd":"1500000000000",)"
                        R"("cost_unknown_requests":1)"),
              std::string::npos);
    EXPECT_NE(to_csv(report).find("a,1,0,0,1,10,1,2,3,5,4,5,,,1,0,0.0000\r\n"), std::string::npos)
        << to_csv(report);
    EXPECT_NE(to_table(report).find("unknown"), std::string::npos);
}

TEST_F(UsageTest, CsvIsQuotedAndNoFormulaGetsIn) {
    struct Case {
        std::string user, field;
    };
    for (auto const& [user, field] : {
             Case{"plain", "plain"},
             Case{"a,b", "\"a,b\""},
             Case{"say \\\"hi\\\"", "\"say \"\"hi\"\"\""},
             Case{"two\\nlines", "\"two\nlines\""},
             Case{"=1+1", "'=1+1"},
             Case{"+1", "'+1"},
             Case{"-1", "'-1"},
             Case{"@SUM(A1)", "'@SUM(A1)"},
             Case{"\\tx", "'\tx"},
             Case{"=HYPERLINK(\\\"x\\\",\\\"y\\\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""},
             Case{"a=b", "a=b"},
         }) {
        std::filesystem::remove_all(dir);
        std::filesystem::create_directories(dir + "/ledger");
        record({{.user = user}});
        project();
        auto const csv = to_csv(usage({{"by", "user"}}));
        auto const begin = csv.find("\r\n") + 2;
        EXPECT_EQ(csv.substr(begin, field.size() + 3), field + ",1,") << user;
    }
}

TEST_F(UsageTest, TheTableShowsControlBytesAsQuestionMarks) {
    record({{.user = "\\u001b[31mred"}});
    project();
    auto const table = to_table(usage({{"by", "user"}}));
    EXPECT_NE(table.find("?[31mred"), std::string::npos) << table;
    EXPECT_EQ(table.find('\x1b'), std::string::npos);
    EXPECT_TRUE(table.starts_with("user      requests  errors")) << table;
}

TEST_F(UsageTest, TheShareOfEstimatesIsOfTokens) {
    record({{.input = 30, .output = 0}, {.input = 5, .output = 5, .estimated = true}});
    project();
    EXPECT_NE(to_json(usage()).find(R"("estimated_requests":1,"estimated_share":0.2500)"),
              std::string::npos)
        << to_json(usage());
}

TEST_F(UsageTest, SaysWhatOfTheLedgerIsNotCountedYet) {
    record({{}});
    project();
    auto const more = line();
    append("usage-20261120T000000Z-0001.jsonl", more);
    EXPECT_EQ(usage().pending_bytes, static_cast<std::int64_t>(more.size()));
}

TEST_F(UsageTest, WithoutADatabaseItIsAnErrorNotNothing) {
    EXPECT_NE(usage_error({}).message.find("cannot be opened"), std::string::npos);
}

}  // namespace
}  // namespace sluice::store
