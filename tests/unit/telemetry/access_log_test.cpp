// Access lines: what they hold, and that a client's words cannot forge one.
#include "telemetry/access_log.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "a_record.hpp"

namespace sluice::telemetry {
namespace {

TEST(AccessJson, OneObjectALine) {
    std::string line;
    append_access_json(line, a_record());
    auto const json = nlohmann::json::parse(line);
    EXPECT_EQ(line.back(), '\n');
    EXPECT_EQ(json["status"], 200);
    EXPECT_EQ(json["provider"], "local");
    EXPECT_EQ(json["attempts"], 2);
    EXPECT_EQ(json["input_tokens"], 100);
    EXPECT_EQ(json["output_tokens"], 20);
    EXPECT_EQ(json["first_token_ms"], 12.3);
    EXPECT_EQ(json["total_ms"], 456.7);
    EXPECT_EQ(json["streamed"], true);
    EXPECT_FALSE(json.contains("error_code"));
    EXPECT_FALSE(json.contains("client_gone"));
}

TEST(AccessJson, StandsByteForByte) {
    std::string line = "before\n";
    append_access_json(line, a_full_record());
    EXPECT_EQ(
        line,
        "before\n"
        R"({"at":"2026-11-22T12:33:04.007Z","id":"00000000000000000000000000",)"
        R"("status":65535,"client":"2001:db8::1","client_certificate":"CN=café,O=\"x y\"",)"
        R"("surface":"chat.completions","team":"Поиск","key":"a\\b",)"
        R"("route":"a text of thirty-three bytes, yes","model":")" +
            std::string(127, 'm') +
            R"(�","provider":"open\"ai","provider_model":"gpt-4o","attempts":2,)"
            R"("input_tokens":2000000,"output_tokens":426282,"cost_usd":1234.567890123451,)"
            R"("bytes_in":10,"bytes_out":99,"first_token_ms":0.0,"total_ms":9223372036854775.8,)"
            R"("finish_reason":"st\top",)"
            R"("user":"\u0001\u001f\u007f\u0008\u000c\n\r\t\u0000 end",)"
            R"("trace_id":"0af7651916cd43dd8448eb211c80319c","error_code":"upstream_reset",)"
            R"("error_origin":"upstream","streamed":true,"client_gone":true,"mock":true})"
            "\n");
}

TEST(AccessText, StandsByteForByte) {
    std::string line = "before\n";
    append_access_text(line, a_full_record());
    EXPECT_EQ(line,
              "before\n"
              R"(2026-11-22T12:33:04.007Z 65535 chat.completions "Поиск"/"a\\b" model=")" +
                  std::string(127, 'm') +
                  R"(�" provider="open\"ai" attempts=2 tokens=2000000+426282 )"
                  R"(cost_usd=1234.567890123451 finish="st\top" first_token_ms=0.0 )"
                  R"(total_ms=9223372036854775.8 error=upstream:upstream_reset client=2001:db8::1 )"
                  R"(client_certificate="CN=café,O=\"x y\"" client_gone mock )"
                  R"(trace=0af7651916cd43dd8448eb211c80319c id=00000000000000000000000000)"
                  "\n");
}

TEST(AccessText, OneLine) {
    auto const record = a_record();
    std::string line;
    append_access_text(line, record);
    EXPECT_EQ(line,
              "2026-11-22T12:33:04.123Z 200 chat.completions search/api model=chat-fast "
              "provider=local attempts=2 tokens=100+20 cost_usd=0.0000415 finish=stop "
              "first_token_ms=12.3 total_ms=456.7 id=" +
                  std::string{record.id.view()} + "\n");
}

TEST(AccessText, ErrorsAndEmptyFields) {
    UsageRecord record;
    record.at = a_record().at;
    record.status = 401;
    record.error_code = "invalid_api_key";
    record.error_origin = "client";
    record.client_gone = true;
    std::string line;
    append_access_text(line, record);
    EXPECT_EQ(line,
              "2026-11-22T12:33:04.123Z 401 - -/- model=- attempts=0 tokens=0+0 "
              "first_token_ms=0.0 total_ms=0.0 error=client:invalid_api_key client_gone "
              "id=00000000000000000000000000\n");
}

TEST(AccessLines, AClientCannotForgeOne) {
    auto record = a_record();
    record.model_asked = "x\n2026 200 forged \"\x1b[2J" + std::string(1000, 'y');
    std::string text;
    append_access_text(text, record);
    EXPECT_EQ(text.find('\n'), text.size() - 1);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_LT(text.size(), 500u);
    std::string json;
    append_access_json(json, record);
    EXPECT_EQ(json.find('\n'), json.size() - 1);
    EXPECT_TRUE(nlohmann::json::accept(json));
}

TEST(AccessLines, CostReasonAndTraceWhereTheyAreKnown) {
    auto record = a_record();
    record.attempts[1].cost = 1'234'500'000;
    record.attempts[1].finish_reason = "stop";
    record.trace.trace = {0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd,
                          0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c};
    std::string text;
    append_access_text(text, record);
    EXPECT_NE(text.find(" cost_usd=0.0012345 finish=stop "), text.npos) << text;
    EXPECT_NE(text.find(" trace=0af7651916cd43dd8448eb211c80319c id="), text.npos) << text;
    std::string line;
    append_access_json(line, record);
    auto const json = nlohmann::json::parse(line);
    EXPECT_EQ(json["cost_usd"], 0.0012345);
    EXPECT_EQ(json["finish_reason"], "stop");
    EXPECT_EQ(json["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(json["user"], "user \"7\"");
    line.clear();
    record.attempts[1].cost.reset();
    append_access_json(line, record);
    EXPECT_TRUE(nlohmann::json::parse(line)["cost_usd"].is_null()) << "an unknown price is no 0";
    text.clear();
    append_access_text(text, record);
    EXPECT_NE(text.find(" cost_usd=unknown "), text.npos) << text;
    line.clear();
    append_access_json(line, UsageRecord{});
    EXPECT_FALSE(nlohmann::json::parse(line).contains("cost_usd"));
}

struct Lines final : log::LineLog {
    explicit Lines(std::string& into) : text(into) {}
    bool write(std::string_view lines) noexcept override {
        text += lines;
        return works;
    }
    std::string& text;
    bool works = true;
};

TEST(AccessLog, ASampleLeavesOutOnlyWhatWentWell) {
    std::string out;
    AccessLog log{AccessLog::Format::text, std::make_unique<Lines>(out), 0};
    log.append(a_record());
    EXPECT_TRUE(log.flush());
    EXPECT_EQ(out, "");
    auto refused = a_record();
    refused.status = 429;
    auto broken = a_record();
    broken.error_code = "upstream_reset";  // after its 200 had been sent
    auto gone = a_record();
    gone.client_gone = true;
    for (auto const& record : {refused, broken, gone}) log.append(record);
    EXPECT_TRUE(log.flush());
    EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 3);
}

TEST(AccessLog, ASampleIsTheShareThatIsWritten) {
    std::string out;
    AccessLog log{AccessLog::Format::text, std::make_unique<Lines>(out), 0.25};
    for (int i = 0; i < 4000; ++i) log.append(a_record());
    EXPECT_TRUE(log.flush());
    auto const lines = std::count(out.begin(), out.end(), '\n');
    EXPECT_GT(lines, 800);
    EXPECT_LT(lines, 1200);
}

TEST(AccessLog, HandsOverBatchesOnce) {
    std::string out;
    auto lines = std::make_unique<Lines>(out);
    auto* const sink = lines.get();
    AccessLog log{AccessLog::Format::text, std::move(lines)};
    log.append(a_record());
    log.append(a_record());
    EXPECT_EQ(out, "");
    EXPECT_TRUE(log.flush());
    EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 2);
    sink->works = false;
    log.append(a_record());
    EXPECT_FALSE(log.flush());
    sink->works = true;
    out.clear();
    EXPECT_TRUE(log.flush());
    EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace sluice::telemetry
