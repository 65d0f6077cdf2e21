// UsageRecords for the tests of this folder: one as it may be, and one that fills every field.
#pragma once

#include <limits>
#include <string>

#include "sluice/usage_record.hpp"

namespace sluice::telemetry {

inline UsageRecord a_record() {
    UsageRecord record;
    record.id = Ulid::next(Wall::time_point{milliseconds{1'795'350'784'123}});
    record.worker = 3;
    record.sequence = 7;
    record.at = Wall::time_point{milliseconds{1'795'350'784'123}};
    record.team = "search";
    record.key = "api";
    record.user = "user \"7\"";
    record.agent = "crawler";
    record.tags = {"a", "b\n"};
    record.surface = "chat.completions";
    record.route = "chat-fast";
    record.guards = {"pii:redact:request:2"};
    record.model_asked = "chat-fast";
    record.status = 200;
    record.streamed = true;
    record.completed = true;
    record.bytes_in = 1000;
    record.bytes_out = 2000;
    record.first_token = microseconds{12'340};
    record.total = microseconds{456'789};
    record.upstream_wait = microseconds{456'000};
    record.caller_wait = microseconds{100};

    AttemptRecord failed;
    failed.provider = "openai";
    failed.model = "gpt-4o";
    failed.credential = "prod-1";
    failed.outcome = "upstream_rate_limited";
    failed.error_detail = "429 retry_after=2";
    failed.status = 429;
    failed.total = microseconds{5'000};
    record.attempts.push_back(failed);

    AttemptRecord answered;
    answered.provider = "local";
    answered.model = "qwen3";
    answered.outcome = "answered";
    answered.status = 200;
    answered.usage.input = 100;
    answered.usage.cache_read = 40;
    answered.usage.output = 20;
    answered.usage.reasoning = 5;
    answered.usage.reported = true;
    answered.usage.raw.set("{\n  \"prompt_tokens\": 100, \"completion_tokens\": 20 }");
    answered.drained = true;
    answered.cost = 41'500'000;
    answered.price = "2026-11-01";
    answered.finish_reason = "stop";
    answered.response_model = "qwen3-8b";
    answered.started = microseconds{6'000};
    answered.chunks = 12;
    answered.chunk_time = microseconds{430'000};
    answered.connect = microseconds{300};
    answered.first_byte = microseconds{11'000};
    answered.total = microseconds{450'000};
    record.attempts.push_back(answered);
    return record;
}

// Every field, no two numbers alike; texts hold what is escaped, what is no UTF-8 and what is cut.
inline UsageRecord a_full_record() {
    using namespace std::string_literals;
    UsageRecord record;
    record.worker = 4'294'967'295U;
    record.sequence = 18'446'744'073'709'551'615U;
    record.at = Wall::time_point{milliseconds{1'795'350'784'007}};
    record.org = "\"acme\"";
    record.team = "\xd0\x9f\xd0\xbe\xd0\xb8\xd1\x81\xd0\xba";
    record.key = "a\\b";
    record.user = "\x01\x1f\x7f\b\f\n\r\t\0 end"s;
    record.agent = "exactly 16 bytes";
    record.tags = {"env=prod", "", std::string(511, 't') + "\xe2\x82\xac"};
    record.losses = {"seed", "caf\xc3\xa9"};
    record.guards = {"pii:redact:request:2", "\xff\xfe"};
    record.trace.trace = {0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd,
                          0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c};
    record.surface = "chat.completions";
    record.client = *IpAddress::parse("2001:db8::1");
    record.client_certificate = "CN=caf\xc3\xa9,O=\"x y\"";
    record.route = "a text of thirty-three bytes, yes";
    record.model_asked = std::string(127, 'm') + "\xe2\x82\xac" + std::string(500, 'n');
    record.status = 65'535;
    record.error_code = "upstream_reset";
    record.error_origin = "upstream";
    record.streamed = record.client_gone = record.completed = record.mock = true;
    record.bytes_in = 10;
    record.bytes_out = 99;
    record.guarded_in = 1;
    record.guarded_out = 2;
    record.first_token = microseconds{-1};
    record.total = microseconds{std::numeric_limits<std::int64_t>::max()};
    record.upstream_wait = microseconds{std::numeric_limits<std::int64_t>::min()};
    record.caller_wait = microseconds{100};

    AttemptRecord attempt;
    attempt.provider = "open\"ai";
    attempt.model = "gpt-4o";
    attempt.credential = "prod\n1";
    attempt.outcome = "answered";
    attempt.error_detail = "1234567";
    attempt.status = 200;
    attempt.usage = {.input = 1'000'000,
                     .cache_read = 12,
                     .cache_write = 345,
                     .cache_write_1h = 6'789,
                     .audio_input = 10'111,
                     .output = 213'141,
                     .reasoning = 5'161'718,
                     .audio_output = 1'099'511'627'776,
                     .service_tier = "pri\\ority",
                     .reported = true,
                     .is_open = true,
                     .raw = {}};
    attempt.usage.raw.set("{\n \"a\" : [1, -2.5e3, \"\\u0041\\n\", null], \"\xc3\xa9\": {} }");
    attempt.estimated = attempt.is_sibling = attempt.drained = true;
    attempt.cost = 1'234'567'890'123'456;
    attempt.price = "2026-11-01";
    attempt.finish_reason = "st\top";
    attempt.response_model = "\xed\xa0\x80 half a pair";
    attempt.span = {1, 2, 3, 4, 5, 6, 7, 8};
    attempt.system = "openai";
    attempt.server_address = "192.0.2.1";
    attempt.server_port = 443;
    attempt.started = microseconds{9};
    attempt.chunks = 1'234'567;
    attempt.chunk_time = microseconds{8'765'432};
    attempt.connect = microseconds{101};
    attempt.first_byte = microseconds{9'999};
    attempt.total = microseconds{99'999'999};
    record.attempts.push_back(attempt);
    attempt.usage.raw.set(R"({"prompt_tokens":1,"x":"\u00e9"})");
    attempt.cost = -5;
    record.attempts.push_back(attempt);
    return record;
}

}  // namespace sluice::telemetry
