// Access lines. What a client sent (its model name) is escaped and cut: a line cannot be forged.
#include "telemetry/access_log.hpp"

#include <algorithm>

#include "base/json_text.hpp"
#include "base/timestamp.hpp"
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

void append_member(std::string& out, std::string_view name, std::string_view value) {
    out.append(",\"").append(name).append("\":");
    append_json_string(out, cut(value));
}

template <std::integral T>
void append_member(std::string& out, std::string_view name, T value) {
    out.append(",\"").append(name).append("\":");
    append_number(out, value);
}

void append_member(std::string& out, std::string_view name, microseconds value) {
    out.append(",\"").append(name).append("\":");
    append_ms(out, value);
}

}  // namespace

void append_access_json(std::string& out, UsageRecord const& record) {
    auto const usage = total_usage(record);
    out += "{\"at\":\"";
    append_timestamp(out, record.at);
    out += '"';
    append_member(out, "id", record.id.view());
    append_member(out, "status", record.status);
    if (record.client.is_known()) append_member(out, "client", record.client.text());
    if (!record.client_certificate.empty()) {
        append_member(out, "client_certificate", record.client_certificate);
    }
    append_member(out, "surface", record.surface);
    append_member(out, "team", record.team);
    append_member(out, "key", record.key);
    append_member(out, "route", record.route);
    append_member(out, "model", record.model_asked);
    if (!record.attempts.empty()) {
        append_member(out, "provider", record.attempts.back().provider);
        append_member(out, "provider_model", record.attempts.back().model);
    }
    append_member(out, "attempts", record.attempts.size());
    append_member(out, "input_tokens", usage.input);
    append_member(out, "output_tokens", usage.output);
    append_member(out, "bytes_in", record.bytes_in);
    append_member(out, "bytes_out", record.bytes_out);
    append_member(out, "first_token_ms", record.first_token);
    append_member(out, "total_ms", record.total);
    if (!record.error_code.empty()) {
        append_member(out, "error_code", record.error_code);
        append_member(out, "error_origin", record.error_origin);
    }
    if (record.streamed) out += ",\"streamed\":true";
    if (record.client_gone) out += ",\"client_gone\":true";
    if (record.mock) out += ",\"mock\":true";
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
    out += " id=";
    out += record.id.view();
    out += '\n';
}

Result<std::unique_ptr<AccessLog>> AccessLog::open(Format format, std::string const& path) {
    auto out = log::LineLog::open(path);
    if (!out.ok()) return std::move(out).error();
    return std::make_unique<AccessLog>(format, std::move(*out));
}

void AccessLog::append(UsageRecord const& record) {
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
