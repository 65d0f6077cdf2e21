// Access lines. What a client sent (its model name) is escaped and cut: a line cannot be forged.
#include "telemetry/access_log.hpp"

#include <algorithm>

#include "base/json_text.hpp"
#include "base/random.hpp"
#include "base/trace_context.hpp"
#include "telemetry/json_members.hpp"
#include "telemetry/queued_lines.hpp"
#include "telemetry/record_json.hpp"

namespace sluice::telemetry {
namespace {

constexpr std::size_t text_bytes_max = 128;

std::string_view cut(std::string_view text) { return text.substr(0, text_bytes_max); }

// Milliseconds with one decimal: 12.3
void put_ms(LineWriter& out, microseconds time) {
    auto const tenths = std::max<std::int64_t>(time.count(), 0) / 100;
    out.number(tenths / 10);
    out.put('.');
    out.number(tenths % 10);
}

// As it is when it is one plain word, else as a JSON string; "-" for nothing.
void put_word(LineWriter& out, std::string_view text) {
    text = cut(text);
    if (text.empty()) return out.put('-');
    auto* const at = out.room();
    if (copy_if_plain(at, text) && text.find(' ') == text.npos) {
        out.wrote_to(at + text.size());
    } else {
        out.string(text);
    }
}

void put_hex(LineWriter& out, TraceId const& id) {
    constexpr std::string_view digits = "0123456789abcdef";
    auto* at = out.room();
    for (auto const byte : id) {
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
    }
    out.wrote_to(at);
}

// Nothing when no token was used; an unknown price is not 0.
bool has_cost(UsageRecord const& record) {
    return std::any_of(record.attempts.begin(), record.attempts.end(), [](auto const& attempt) {
        return attempt.cost || attempt.usage.input != 0 || attempt.usage.output != 0;
    });
}

void put_cost(LineWriter& out, UsageRecord const& record, std::string_view unknown) {
    auto const cost = total_cost(record);
    if (!cost) return out.put(unknown);
    out.put(to_usd_text(*cost));
}

std::string_view finish_reason_of(UsageRecord const& record) {
    if (record.attempts.empty()) return {};
    return record.attempts.back().finish_reason;
}

}  // namespace

void append_access_json(std::string& out, UsageRecord const& record) {
    auto const usage = total_usage(record);
    LineWriter line{out};
    Members members{line, text_bytes_max};
    members.begin("at").put('"');
    line.timestamp(record.at);
    line.put('"');
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
    if (has_cost(record)) put_cost(members.begin("cost_usd"), record, "null");
    members.number("bytes_in", record.bytes_in);
    members.number("bytes_out", record.bytes_out);
    put_ms(members.begin("first_token_ms"), record.first_token);
    put_ms(members.begin("total_ms"), record.total);
    if (auto const reason = finish_reason_of(record); !reason.empty()) {
        members.text("finish_reason", reason);
    }
    if (!record.user.empty()) members.text("user", record.user);
    if (is_set(record.trace.trace)) {
        members.begin("trace_id").put('"');
        put_hex(line, record.trace.trace);
        line.put('"');
    }
    if (!record.error_code.empty()) {
        members.text("error_code", record.error_code);
        members.text("error_origin", record.error_origin);
    }
    if (record.streamed) members.flag("streamed", true);
    if (record.client_gone) members.flag("client_gone", true);
    if (record.mock) members.flag("mock", true);
    line.put("}\n");
    line.finish();
}

void append_access_text(std::string& out, UsageRecord const& record) {
    auto const usage = total_usage(record);
    LineWriter line{out};
    line.timestamp(record.at);
    line.put(' ');
    line.number(record.status);
    line.put(' ');
    put_word(line, record.surface);
    line.put(' ');
    put_word(line, record.team);
    line.put('/');
    put_word(line, record.key);
    line.put(" model=");
    put_word(line, record.model_asked);
    if (!record.attempts.empty()) {
        line.put(" provider=");
        put_word(line, record.attempts.back().provider);
    }
    line.put(" attempts=");
    line.number(record.attempts.size());
    line.put(" tokens=");
    line.number(usage.input);
    line.put('+');
    line.number(usage.output);
    if (has_cost(record)) {
        line.put(" cost_usd=");
        put_cost(line, record, "unknown");
    }
    if (auto const reason = finish_reason_of(record); !reason.empty()) {
        line.put(" finish=");
        put_word(line, reason);
    }
    line.put(" first_token_ms=");
    put_ms(line, record.first_token);
    line.put(" total_ms=");
    put_ms(line, record.total);
    if (!record.error_code.empty()) {
        line.put(" error=");
        put_word(line, record.error_origin);
        line.put(':');
        put_word(line, record.error_code);
    }
    if (record.client.is_known()) {
        line.put(" client=");
        line.put(record.client.text());
    }
    if (!record.client_certificate.empty()) {
        line.put(" client_certificate=");
        put_word(line, record.client_certificate);
    }
    if (record.client_gone) line.put(" client_gone");
    if (record.mock) line.put(" mock");
    if (is_set(record.trace.trace)) {
        line.put(" trace=");
        put_hex(line, record.trace.trace);
    }
    line.put(" id=");
    line.put(record.id.view());
    line.put('\n');
    line.finish();
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
