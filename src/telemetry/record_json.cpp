// The ledger's line, written by appending. Called by ledger.cpp; calls base/json_text and simdjson
// (to check and compact what a provider sent).
#include "telemetry/record_json.hpp"

#include <simdjson.h>

#include "base/json_text.hpp"
#include "base/timestamp.hpp"

namespace sluice::telemetry {
namespace {

constexpr std::size_t text_bytes_max = 512;
constexpr std::size_t raw_usage_bytes_max = 4096;

// Members one after the other; the caller opens and closes the object.
class Members {
  public:
    explicit Members(std::string& out) : out_(out) {}

    void text(std::string_view name, std::string_view value) {
        begin(name);
        append_json_string(out_, value.substr(0, text_bytes_max));
    }
    void flag(std::string_view name, bool value) {
        begin(name);
        out_ += value ? "true" : "false";
    }
    template <std::integral T>
    void number(std::string_view name, T value) {
        begin(name);
        append_number(out_, value);
    }
    void time(std::string_view name, microseconds value) { number(name, value.count()); }
    // Opens the member; its value is appended by the caller.
    std::string& begin(std::string_view name) {
        if (!first_) out_ += ',';
        first_ = false;
        out_ += '"';
        out_ += name;
        out_ += "\":";
        return out_;
    }

  private:
    std::string& out_;
    bool first_ = true;
};

void append_usage(std::string& out, llm::Usage const& usage) {
    out += '{';
    Members members{out};
    members.number("input", usage.input);
    members.number("cache_read", usage.cache_read);
    members.number("cache_write", usage.cache_write);
    members.number("audio_input", usage.audio_input);
    members.number("output", usage.output);
    members.number("reasoning", usage.reasoning);
    members.number("audio_output", usage.audio_output);
    members.flag("reported", usage.reported);
    out += '}';
}

// What the provider sent, checked and without white space: a line stays a line.
void append_raw_usage(Members& members, std::string const& raw) {
    if (raw.empty() || raw.size() > raw_usage_bytes_max) return;
    thread_local simdjson::dom::parser parser;
    simdjson::dom::element root;
    if (parser.parse(raw).get(root) != simdjson::SUCCESS || !root.is_object()) return;
    std::string compact(raw.size(), '\0');
    std::size_t size = 0;
    if (simdjson::minify(raw.data(), raw.size(), compact.data(), size) != simdjson::SUCCESS) return;
    members.begin("raw_usage").append(compact, 0, size);
}

void append_attempt(std::string& out, AttemptRecord const& attempt) {
    out += '{';
    Members members{out};
    members.text("provider", attempt.provider);
    members.text("model", attempt.model);
    members.text("credential", attempt.credential);
    members.text("outcome", attempt.outcome);
    members.text("error_detail", attempt.error_detail);
    members.number("status", attempt.status);
    append_usage(members.begin("usage"), attempt.usage);
    members.flag("estimated", attempt.estimated);
    append_raw_usage(members, attempt.usage.raw);
    members.time("connect_us", attempt.connect);
    members.time("first_byte_us", attempt.first_byte);
    members.time("total_us", attempt.total);
    out += '}';
}

void append_caller(Members& members, UsageRecord const& record) {
    members.text("org", record.org);
    members.text("team", record.team);
    members.text("key", record.key);
    members.text("user", record.user);
    members.text("agent", record.agent);
    auto& out = members.begin("tags");
    out += '[';
    for (auto const& tag : record.tags) {
        if (out.back() != '[') out += ',';
        append_json_string(out, std::string_view{tag}.substr(0, text_bytes_max));
    }
    out += ']';
}

void append_outcome(Members& members, UsageRecord const& record) {
    members.text("surface", record.surface);
    members.text("route", record.route);
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
        total.audio_input += usage.audio_input;
        total.output += usage.output;
        total.reasoning += usage.reasoning;
        total.audio_output += usage.audio_output;
        bool const has_tokens = usage.input != 0 || usage.output != 0;
        total.reported = total.reported && (usage.reported || !has_tokens);
    }
    return total;
}

void append_record_line(std::string& out, UsageRecord const& record) {
    out += '{';
    Members members{out};
    members.number("schema", UsageRecord::schema);
    members.text("id", record.id.view());
    members.number("worker", record.worker);
    members.number("sequence", record.sequence);
    out += ",\"at\":\"";
    append_timestamp(out, record.at);
    out += '"';
    append_caller(members, record);
    append_outcome(members, record);
    append_usage(members.begin("usage"), total_usage(record));
    members.begin("attempts") += '[';
    for (auto const& attempt : record.attempts) {
        if (out.back() != '[') out += ',';
        append_attempt(out, attempt);
    }
    out += "]}\n";
}

}  // namespace sluice::telemetry
