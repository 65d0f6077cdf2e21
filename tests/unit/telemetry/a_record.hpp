// A UsageRecord with every field set, for the tests of this folder.
#pragma once

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
    answered.usage.raw = "{\n  \"prompt_tokens\": 100, \"completion_tokens\": 20 }";
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

}  // namespace sluice::telemetry
