// The ledger's line. Called by ledger/threads.cpp; calls json_members, codec's check of what a
// provider sent and simdjson (to take line breaks out of it).
#include "telemetry/record_json.hpp"

#include <simdjson.h>
#include <utility>

#include "codec/json_walk.hpp"
#include "telemetry/json_members.hpp"

namespace sluice::telemetry {
namespace {

constexpr std::size_t text_bytes_max = 512;
constexpr std::size_t raw_usage_bytes_max = 4096;

void put_usage(LineWriter& out, llm::Usage const& usage) {
    Members members{out, text_bytes_max};
    members.number("input", usage.input);
    members.number("cache_read", usage.cache_read);
    members.number("cache_write", usage.cache_write);
    members.number("cache_write_1h", usage.cache_write_1h);
    members.number("audio_input", usage.audio_input);
    members.number("output", usage.output);
    members.number("reasoning", usage.reasoning);
    members.number("audio_output", usage.audio_output);
    members.flag("reported", usage.reported);
    members.close();
}

bool is_bounded_object(llm::RawUsage const& raw) {
    auto const& text = raw.text();
    if (text.size() > raw_usage_bytes_max || !text.starts_with('{')) return false;
    return raw.is_walked() ? codec::is_valid_utf8(text) : codec::is_json(text);
}

// What the provider sent, checked, and without line breaks: a line stays a line. Inside its strings
// there are none, or it would not be right.
void put_raw_usage(Members& members, llm::RawUsage const& raw) {
    if (!is_bounded_object(raw)) return;
    auto const& text = raw.text();
    auto& out = members.begin("raw_usage");
    if (text.find('\n') == text.npos && text.find('\r') == text.npos) return out.put(text);
    std::string compact(text.size(), '\0');
    std::size_t size = 0;
    bool const ok =
        simdjson::minify(text.data(), text.size(), compact.data(), size) == simdjson::SUCCESS;
    out.put(ok ? std::string_view{compact}.substr(0, size) : "null");
}

void put_cost(Members& members, std::optional<PicoUsd> cost) {
    if (cost) {
        members.number("cost_pico_usd", *cost);
    } else {
        members.begin("cost_pico_usd").put("null");
    }
}

void put_attempt(LineWriter& out, AttemptRecord const& attempt) {
    Members members{out, text_bytes_max};
    members.text("provider", attempt.provider);
    members.text("model", attempt.model);
    members.text("credential", attempt.credential);
    members.text("outcome", attempt.outcome);
    members.text("error_detail", attempt.error_detail);
    members.number("status", attempt.status);
    put_usage(members.begin("usage"), attempt.usage);
    members.flag("estimated", attempt.estimated);
    members.flag("drained", attempt.drained);
    put_cost(members, attempt.cost);
    members.text("price", attempt.price);
    members.text("service_tier", attempt.usage.service_tier);
    members.text("finish_reason", attempt.finish_reason);
    members.text("response_model", attempt.response_model);
    put_raw_usage(members, attempt.usage.raw);
    members.time("started_us", attempt.started);
    members.number("chunks", attempt.chunks);
    members.time("chunk_time_us", attempt.chunk_time);
    members.time("connect_us", attempt.connect);
    members.time("first_byte_us", attempt.first_byte);
    members.time("total_us", attempt.total);
    members.close();
}

void put_texts(LineWriter& out, std::vector<std::string> const& texts) {
    char before = '[';
    for (auto const& text : texts) {
        out.put(before);
        out.string(std::string_view{text}.substr(0, text_bytes_max));
        before = ',';
    }
    out.put(texts.empty() ? "[]" : "]");
}

void put_caller(Members& members, UsageRecord const& record) {
    members.text("org", record.org);
    members.text("team", record.team);
    members.text("key", record.key);
    members.text("user", record.user);
    members.text("agent", record.agent);
    put_texts(members.begin("tags"), record.tags);
}

void put_outcome(Members& members, UsageRecord const& record) {
    members.text("surface", record.surface);
    members.text("route", record.route);
    put_texts(members.begin("losses"), record.losses);
    put_texts(members.begin("guards"), record.guards);
    members.text("model_asked", record.model_asked);
    members.number("status", record.status);
    members.text("error_code", record.error_code);
    members.text("error_origin", record.error_origin);
    members.flag("streamed", record.streamed);
    members.flag("client_gone", record.client_gone);
    members.flag("completed", record.completed);
    members.flag("mock", record.mock);
    members.number("bytes_in", record.bytes_in);
    members.number("bytes_out", record.bytes_out);
    members.time("first_token_us", record.first_token);
    members.time("total_us", record.total);
    members.time("upstream_wait_us", record.upstream_wait);
    members.time("caller_wait_us", record.caller_wait);
}

}  // namespace

llm::Usage total_usage(UsageRecord const& record) {
    llm::Usage total;
    total.reported = !record.attempts.empty();
    for (auto const& attempt : record.attempts) {
        auto const& usage = attempt.usage;
        total.input += usage.input;
        total.cache_read += usage.cache_read;
        total.cache_write += usage.cache_write;
        total.cache_write_1h += usage.cache_write_1h;
        total.audio_input += usage.audio_input;
        total.output += usage.output;
        total.reasoning += usage.reasoning;
        total.audio_output += usage.audio_output;
        bool const has_tokens = usage.input != 0 || usage.output != 0;
        total.reported = total.reported && (usage.reported || !has_tokens);
    }
    return total;
}

std::optional<PicoUsd> total_cost(UsageRecord const& record) {
    PicoUsdSum sum = 0;
    for (auto const& attempt : record.attempts) {
        bool const has_tokens = attempt.usage.input != 0 || attempt.usage.output != 0;
        if (!attempt.cost && has_tokens) return std::nullopt;
        sum += attempt.cost.value_or(0);
    }
    return to_pico_usd(sum);
}

void append_record_line(std::string& out, UsageRecord const& record, Ulid const& run) {
    LineWriter line{out};
    Members members{line, text_bytes_max};
    members.number("schema", UsageRecord::schema);
    members.text("id", record.id.view());
    members.text("run", run.view());
    members.number("worker", record.worker);
    members.number("sequence", record.sequence);
    members.begin("at").put('"');
    line.timestamp(record.at);
    line.put('"');
    put_caller(members, record);
    put_outcome(members, record);
    put_usage(members.begin("usage"), total_usage(record));
    put_cost(members, total_cost(record));
    members.begin("attempts").put('[');
    bool first = true;
    for (auto const& attempt : record.attempts) {
        if (!std::exchange(first, false)) line.put(',');
        put_attempt(line, attempt);
    }
    line.put("]}\n");
    line.finish();
}

}  // namespace sluice::telemetry
