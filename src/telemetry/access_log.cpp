// Access lines. What a client sent (its model name) is escaped and cut: a line cannot be forged.
#include "telemetry/access_log.hpp"

#include <algorithm>

#include "base/json_text.hpp"
#include "base/random.hpp"
#include "base/timestamp.hpp"
#include "base/trace_context.hpp"
#include "telemetry/json_members.hpp"
#include "telemetry/queued_lines.hpp"
#include "telemetry/record_json.hpp"

namespace sluice::telemetry {
namespace {

constexpr std::size_t text_bytes_max = 128;

std::string_view cut(std::string_view text) { return text.substr(0, text_bytes_max); }

// Milliseconds with one decimal: 12.3
void append_ms(std::string& out, microseconds time) {
    auto const tenths = std::max<std::int64_t>(time.count(), 0) / 100;
    append_number(out, tenths / 10);
    out += '.';
    append_number(out, tenths % 10);
}

// As it is when it is one plain word, else as a JSON string; "-" for nothing.
void append_word(std::string& out, std::string_view text) {
    text = cut(text);
    if (text.empty()) {
        out += '-';
        return;
    }
    bool const plain = std::all_of(text.begin(), text.end(), [](char c) {
        return c > ' ' && c < 0x7f && c != '"' && c != '\\';
    });
    if (plain) {
        out += text;
    } else {
        append_json_string(out, text);
    }
}

// Nothing when no token was used; an unknown price is not 0.
bool has_cost(UsageRecord const& record) {
    return std::any_of(record.attempts.begin(), record.attempts.end(), [](auto const& attempt) {
        return attempt.cost || attempt.usage.input != 0 || attempt.usage.output != 0;
    });
}

void append_json_cost(Members& members, UsageRecord const& record) {
    if (!has_cost(record)) return;
    auto& out = members.begin("cost_usd");
    auto const cost = total_cost(record);
    out += cost ? to_usd_text(*cost) : "null";
}

std::string_view finish_reason_of(UsageRecord const& record) {
    if (record.attempts.empty()) return {};
    return record.attempts.back().finish_reason;
}

std::string trace_id_of(UsageRecord const& record) {
    std::string text;
    append_hex(text, record.trace.trace);
    return text;
}

}  // namespace

void append_access_json(std::string& out, UsageRecord const& record) {
    auto const usage = total_usage(record);
    out += "{\"at\":\"";
    append_timestamp(out, record.at);
    out += '"';
    Members members{out, text_bytes_max};
    members.go_on();
    members.text("id", record.id.view());
    members.number("status", record.status);
    if (record.client.is_known()) members.text("client", record.client.text());
    if (!record.client_certificate.empty()) {
        members.text("client_certificate", record.client_certificate);
    }
    members.text("surface", record.surface);
    members.text("team", record.team);
    members.text("key", record.key);
    members.text("route", record.route);
    members.text("model", record.model_asked);
    if (!record.attempts.empty()) {
        members.text("provider", record.attempts.back().provider);
        members.text("provider_model", record.attempts.back().model);
    }
    members.number("attempts", record.attempts.size());
    members.number("input_tokens", usage.input);
    members.number("output_tokens", usage.output);
    append_json_cost(members, record);
    members.number("bytes_in", record.bytes_in);
    members.number("bytes_out", record.bytes_out);
    append_ms(members.begin("first_token_ms"), record.first_token);
    append_ms(members.begin("total_ms"), record.total);
    if (auto const reason = finish_reason_of(record); !reason.empty()) {
        members.text("finish_reason", reason);
    }
    if (!record.user.empty()) members.text("user", record.user);
    if (is_set(record.trace.trace)) members.text("trace_id", trace_id_of(record));
    if (!record.error_code.empty()) {
        members.text("error_code", record.error_code);
        members.text("error_origin", record.error_origin);
    }
    if (record.streamed) members.flag("streamed", true);
    if (record.client_gone) members.flag("client_gone", true);
    if (record.mock) members.flag("mock", true);
    out += "}\n";
}

void append_access_text(std::string& out, UsageRecord const& record) {
    auto const usage = total_usage(record);
    append_timestamp(out, record.at);
    out += ' ';
    append_number(out, record.status);
    out += ' ';
    append_word(out, record.surface);
    out += ' ';
    append_word(out, record.team);
    out += '/';
    append_word(out, record.key);
    out += " model=";
    append_word(out, record.model_asked);
    if (!record.attempts.empty()) {
        out += " provider=";
        append_word(out, record.attempts.back().provider);
    }
    out += " attempts=";
    append_number(out, record.attempts.size());
    out += " tokens=";
    append_number(out, usage.input);
    out += '+';
    append_number(out, usage.output);
    if (has_cost(record)) {
        auto const cost = total_cost(record);
        out += " cost_usd=";
        out += cost ? to_usd_text(*cost) : "unknown";
    }
    if (auto const reason = finish_reason_of(record); !reason.empty()) {
        out += " finish=";
        append_word(out, reason);
    }
    out += " first_token_ms=";
    append_ms(out, record.first_token);
    out += " total_ms=";
    append_ms(out, record.total);
    if (!record.error_code.empty()) {
        out += " error=";
        append_word(out, record.error_origin);
        out += ':';
        append_word(out, record.error_code);
    }
    if (record.client.is_known()) out.append(" client=").append(record.client.text());
    if (!record.client_certificate.empty()) {
        out += " client_certificate=";
        append_word(out, record.client_certificate);
    }
    if (record.client_gone) out += " client_gone";
    if (record.mock) out += " mock";
    if (is_set(record.trace.trace)) {
        out += " trace=";
        append_hex(out, record.trace.trace);
    }
    out += " id=";
    out += record.id.view();
    out += '\n';
}

Result<std::unique_ptr<AccessLog>> AccessLog::open(Format format, std::string const& path,
                                                   double sample) {
    auto out = log::LineLog::open(path);
    if (!out.ok()) return std::move(out).error();
    return std::make_unique<AccessLog>(format, std::make_unique<QueuedLines>(std::move(*out)),
                                       sample);
}

bool AccessLog::is_wanted(UsageRecord const& record) const {
    bool const went_well = record.status >= 100 && record.status < 400 &&
                           record.error_code.empty() && !record.client_gone;
    if (sample_ >= 1 || !went_well) return true;
    constexpr double two_to_64 = 18446744073709551616.0;
    return static_cast<double>(Random::of_this_thread().next()) < sample_ * two_to_64;
}

void AccessLog::append(UsageRecord const& record) {
    if (!is_wanted(record)) return;
    if (format_ == Format::json) {
        append_access_json(lines_, record);
    } else {
        append_access_text(lines_, record);
    }
}

bool AccessLog::flush() noexcept {
    bool const done = out_->write(lines_);
    lines_.clear();
    return done;
}

}  // namespace sluice::telemetry
