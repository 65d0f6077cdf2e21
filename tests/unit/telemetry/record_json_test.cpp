// The ledger's line: every field, valid JSON whatever the texts hold, bounded.
#include "telemetry/record_json.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "a_record.hpp"

namespace sluice::telemetry {
namespace {

Ulid const& run() {
    static Ulid const id = Ulid::next(Wall::time_point{milliseconds{1'795'350'000'000}});
    return id;
}

nlohmann::json line_of(UsageRecord const& record) {
    std::string line;
    append_record_line(line, record, run());
    EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
    return nlohmann::json::parse(line);
}

TEST(RecordLine, HoldsEveryField) {
    auto const record = a_record();
    auto const json = line_of(record);
    nlohmann::json const expected = nlohmann::json::parse(R"({
        "schema": 2, "worker": 3, "sequence": 7, "at": "2026-11-22T12:33:04.123Z",
        "org": "default", "team": "search", "key": "api", "user": "user \"7\"",
        "agent": "crawler", "tags": ["a", "b\n"], "losses": [], "guards": ["pii:redact:request:2"], "surface": "chat.completions",
        "route": "chat-fast", "model_asked": "chat-fast", "status": 200, "error_code": "",
        "error_origin": "", "streamed": true, "client_gone": false, "completed": true,
        "mock": false, "bytes_in": 1000, "bytes_out": 2000, "first_token_us": 12340,
        "total_us": 456789, "upstream_wait_us": 456000, "caller_wait_us": 100,
        "usage": {"input": 100, "cache_read": 40, "cache_write": 0, "cache_write_1h": 0, "audio_input": 0,
                  "output": 20, "reasoning": 5, "audio_output": 0, "reported": true},
        "cost_pico_usd": 41500000, "attempts": [
            {"provider": "openai", "model": "gpt-4o", "credential": "prod-1",
             "outcome": "upstream_rate_limited", "error_detail": "429 retry_after=2",
             "status": 429, "estimated": false, "drained": false, "cost_pico_usd": null,
             "price": "", "service_tier": "", "finish_reason": "", "response_model": "", "started_us": 0,
             "chunks": 0, "chunk_time_us": 0, "connect_us": 0, "first_byte_us": 0,
             "total_us": 5000,
             "usage": {"input": 0, "cache_read": 0, "cache_write": 0, "cache_write_1h": 0, "audio_input": 0,
                       "output": 0, "reasoning": 0, "audio_output": 0, "reported": false}},
            {"provider": "local", "model": "qwen3", "credential": "", "outcome": "answered",
             "error_detail": "", "status": 200, "estimated": false, "drained": true,
             "cost_pico_usd": 41500000, "price": "2026-11-01", "service_tier": "", "finish_reason": "stop",
             "response_model": "qwen3-8b", "started_us": 6000, "chunks": 12,
             "chunk_time_us": 430000, "connect_us": 300, "first_byte_us": 11000,
             "total_us": 450000,
             "usage": {"input": 100, "cache_read": 40, "cache_write": 0, "cache_write_1h": 0, "audio_input": 0,
                       "output": 20, "reasoning": 5, "audio_output": 0, "reported": true},
             "raw_usage": {"prompt_tokens": 100, "completion_tokens": 20}}]})");
    auto without_id = json;
    without_id.erase("id");
    without_id.erase("run");
    EXPECT_EQ(without_id, expected);
    EXPECT_EQ(json["id"], std::string{record.id.view()});
    EXPECT_EQ(json["run"], std::string{run().view()});
}

TEST(RecordLine, StandsByteForByte) {
    std::string line = "before\n";
    append_record_line(line, a_full_record(), Ulid{});
    EXPECT_EQ(
        line,
        "before\n"
        R"({"schema":2,"id":"00000000000000000000000000",)"
        R"("run":"00000000000000000000000000","worker":4294967295,)"
        R"("sequence":18446744073709551615,"at":"2026-11-22T12:33:04.007Z",)"
        R"("org":"\"acme\"","team":"Поиск","key":"a\\b",)"
        R"("user":"\u0001\u001f\u007f\u0008\u000c\n\r\t\u0000 end",)"
        R"("agent":"exactly 16 bytes","tags":["env=prod","",")" +
            std::string(511, 't') +
            R"(�"],"surface":"chat.completions","route":"a text of thirty-three bytes, yes",)"
            R"("losses":["seed","café"],"guards":["pii:redact:request:2","��"],"model_asked":")" +
            std::string(127, 'm') + R"(€)" + std::string(382, 'n') +
            R"(","status":65535,"error_code":"upstream_reset","error_origin":"upstream",)"
            R"("streamed":true,"client_gone":true,"completed":true,"mock":true,"bytes_in":10,)"
            R"("bytes_out":99,"first_token_us":-1,"total_us":9223372036854775807,)"
            R"("upstream_wait_us":-9223372036854775808,"caller_wait_us":100,)"
            R"("usage":{"input":2000000,"cache_read":24,"cache_write":690,)"
            R"("cache_write_1h":13578,"audio_input":20222,"output":426282,"reasoning":10323436,)"
            R"("audio_output":2199023255552,"reported":true},"cost_pico_usd":1234567890123451,)"
            R"("attempts":[{"provider":"open\"ai","model":"gpt-4o","credential":"prod\n1",)"
            R"("outcome":"answered","error_detail":"1234567","status":200,)"
            R"("usage":{"input":1000000,"cache_read":12,"cache_write":345,)"
            R"("cache_write_1h":6789,"audio_input":10111,"output":213141,"reasoning":5161718,)"
            R"("audio_output":1099511627776,"reported":true},"estimated":true,"drained":true,)"
            R"("cost_pico_usd":1234567890123456,"price":"2026-11-01",)"
            R"("service_tier":"pri\\ority","finish_reason":"st\top",)"
            R"("response_model":"��� half a pair","raw_usage":{"a":[1,-2.5e3,"\u0041\n",null],)"
            R"("é":{}},"started_us":9,"chunks":1234567,"chunk_time_us":8765432,)"
            R"("connect_us":101,"first_byte_us":9999,"total_us":99999999},)"
            R"({"provider":"open\"ai","model":"gpt-4o","credential":"prod\n1",)"
            R"("outcome":"answered","error_detail":"1234567","status":200,)"
            R"("usage":{"input":1000000,"cache_read":12,"cache_write":345,)"
            R"("cache_write_1h":6789,"audio_input":10111,"output":213141,"reasoning":5161718,)"
            R"("audio_output":1099511627776,"reported":true},"estimated":true,"drained":true,)"
            R"("cost_pico_usd":-5,"price":"2026-11-01","service_tier":"pri\\ority",)"
            R"("finish_reason":"st\top","response_model":"��� half a pair",)"
            R"("raw_usage":{"prompt_tokens":1,"x":"\u00e9"},"started_us":9,"chunks":1234567,)"
            R"("chunk_time_us":8765432,"connect_us":101,"first_byte_us":9999,)"
            R"("total_us":99999999}]})"
            "\n");
}

TEST(RecordLine, RawUsageThatIsNoBoundedObjectIsLeftOut) {
    for (std::string const& raw :
         {std::string{"{\"a\":"}, std::string{"[1]"}, std::string{"nonsense"}, std::string{},
          std::string{"{\"a\":1} x"}, "{\"a\":\"" + std::string(5000, 'x') + "\"}"}) {
        auto record = a_record();
        record.attempts[1].usage.raw.set(raw);
        EXPECT_FALSE(line_of(record)["attempts"][1].contains("raw_usage")) << raw.substr(0, 20);
    }
}

TEST(RecordLine, RawUsageStandsAsItCameButOnOneLine) {
    auto record = a_record();
    auto const raw_in = [&](std::string const& raw) {
        record.attempts[1].usage.raw.set(raw);
        std::string line;
        append_record_line(line, record, run());
        EXPECT_EQ(line.find_first_of("\n\r"), line.size() - 1) << raw;
        auto const from = line.find("\"raw_usage\":");
        return from == line.npos
                   ? ""
                   : line.substr(from + 12, line.find("\"started_us", from) - from - 13);
    };
    EXPECT_EQ(raw_in(R"({"a": 1, "b":"x y"})"), R"({"a": 1, "b":"x y"})");
    EXPECT_EQ(raw_in("{\r\n  \"a\": 1,\n\t\"b\": \"x y\"\n}"), R"({"a":1,"b":"x y"})");
    EXPECT_EQ(raw_in("{\"a\":\"\xff\"}"), "");
}

TEST(RecordLine, RawUsageThatWasWalkedIsCheckedForWhatThatDoesNotTell) {
    auto record = a_record();
    auto const raw_in = [&](std::string const& raw) {
        record.attempts[1].usage.raw.set_walked(raw);
        auto const json = line_of(record)["attempts"][1];
        return json.contains("raw_usage") ? json["raw_usage"].dump() : "";
    };
    EXPECT_EQ(raw_in(R"({"a":"x y"})"), R"({"a":"x y"})");
    EXPECT_EQ(raw_in("{\n\"a\":\r\n1}"), R"({"a":1})");
    EXPECT_EQ(raw_in("{\"a\":\"caf\xc3\xa9\"}"), "{\"a\":\"caf\xc3\xa9\"}");
    EXPECT_EQ(raw_in("{\"a\":\"\xff\"}"), "") << "no UTF-8";
    EXPECT_EQ(raw_in("{\"a\":\"" + std::string(5000, 'x') + "\"}"), "") << "too long";
    EXPECT_EQ(raw_in("[1]"), "") << "no object";
}

TEST(RecordLine, TextsAreCut) {
    auto record = a_record();
    record.user = std::string(100'000, 'u');
    record.model_asked =
        std::string(511, 'm') + "\xe2\x82\xac";  // the cut falls inside a character
    auto const json = line_of(record);
    EXPECT_EQ(json["user"].get<std::string>().size(), 512u);
    EXPECT_EQ(json["model_asked"], std::string(511, 'm') + "\xef\xbf\xbd");
}

TEST(RecordLine, NothingHappenedIsStillALine) {
    auto const json = line_of(UsageRecord{});
    EXPECT_TRUE(json["attempts"].empty());
    EXPECT_TRUE(json["tags"].empty());
    EXPECT_EQ(json["usage"]["reported"], false);
}

TEST(RecordLine, AnUnpricedModelCostsNullNotZero) {
    auto record = a_record();
    record.attempts[1].cost.reset();
    auto const json = line_of(record);
    EXPECT_TRUE(json["attempts"][1]["cost_pico_usd"].is_null());
    EXPECT_TRUE(json["cost_pico_usd"].is_null());
}

TEST(TotalUsage, SumsAttemptsAndIsReportedOnlyWhenAllAre) {
    auto record = a_record();
    record.attempts[0].usage.input = 7;
    record.attempts[0].estimated = true;
    auto const total = total_usage(record);
    EXPECT_EQ(total.input, 107);
    EXPECT_EQ(total.output, 20);
    EXPECT_FALSE(total.reported);
}

}  // namespace
}  // namespace sluice::telemetry
