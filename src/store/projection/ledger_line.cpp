#include "store/projection/ledger_line.hpp"

#include <algorithm>

#include "sluice/ids.hpp"
#include "sluice/json.hpp"

#include "base/timestamp.hpp"

namespace sluice::store {
namespace {

Error bad_line(std::string what) {
    return gateway_error(ErrorCode::internal, 500, "not a ledger line: " + std::move(what));
}

std::string text_of(json::Value value) { return value.string().value_or(std::string{}); }
std::int64_t number_of(json::Value value) { return value.integer().value_or(0); }
bool flag_of(json::Value value) { return value.boolean().value_or(false); }

void read_usage(json::Value object, llm::Usage& usage) {
    json::Members members{object};
    std::string name;
    for (json::Value value; members.next(name, value);) {
        if (name == "input") usage.input = number_of(value);
        if (name == "cache_read") usage.cache_read = number_of(value);
        if (name == "cache_write") usage.cache_write = number_of(value);
        if (name == "audio_input") usage.audio_input = number_of(value);
        if (name == "output") usage.output = number_of(value);
        if (name == "reasoning") usage.reasoning = number_of(value);
        if (name == "audio_output") usage.audio_output = number_of(value);
        if (name == "reported") usage.reported = flag_of(value);
    }
}

LineAttempt read_attempt(json::Value object) {
    LineAttempt attempt;
    json::Members members{object};
    std::string name;
    for (json::Value value; members.next(name, value);) {
        if (name == "provider") attempt.provider = text_of(value);
        if (name == "model") attempt.model = text_of(value);
        if (name == "outcome") attempt.outcome = text_of(value);
        if (name == "price") attempt.price = text_of(value);
        if (name == "usage") read_usage(value, attempt.usage);
        if (name == "estimated") attempt.estimated = flag_of(value);
        if (name == "cost_pico_usd") attempt.cost = value.integer();
    }
    return attempt;
}

void read_member(std::string const& name, json::Value value, LedgerLine& line) {
    if (name == "schema") line.schema = number_of(value);
    if (name == "id") line.id = text_of(value);
    if (name == "run") line.run = text_of(value);
    if (name == "worker") line.worker = number_of(value);
    if (name == "sequence") line.sequence = number_of(value);
    if (name == "org") line.org = text_of(value);
    if (name == "team") line.team = text_of(value);
    if (name == "key") line.key = text_of(value);
    if (name == "user") line.user = text_of(value);
    if (name == "tags" && value.is_array()) line.tags = value.raw();
    if (name == "surface") line.surface = text_of(value);
    if (name == "route") line.route = text_of(value);
    if (name == "error_code") line.error_code = text_of(value);
    if (name == "status") line.status = number_of(value);
    if (name == "total_us") line.total_us = number_of(value);
    if (name == "client_gone") line.client_gone = flag_of(value);
    if (name == "attempts") {
        json::Elements elements{value};
        for (json::Value each; elements.next(each);) line.attempts.push_back(read_attempt(each));
    }
}

}  // namespace

Result<LedgerLine> read_ledger_line(std::string_view text) {
    auto parsed = json::parse(text);
    if (!parsed) return bad_line(parsed.error().message);
    LedgerLine line;
    std::optional<Wall::time_point> at;
    json::Members members{*parsed};
    std::string name;
    for (json::Value value; members.next(name, value);) {
        if (name == "at") at = read_timestamp(text_of(value));
        read_member(name, value, line);
    }
    if (line.schema > line_schema_max) return line;
    if (line.schema < 1) return bad_line("no schema");
    if (line.id.size() != Ulid::length) return bad_line("no id");
    if (!at) return bad_line("no time");
    line.at_ms = std::chrono::floor<milliseconds>(at->time_since_epoch()).count();
    return line;
}

std::vector<Sums> to_sums(LedgerLine const& line) {
    std::vector<Sums> rows(std::max<std::size_t>(1, line.attempts.size()));
    rows.back()[Measure::requests] = 1;
    rows.back()[Measure::errors] = line.error_code.empty() ? 0 : 1;
    rows.back()[Measure::client_gone] = line.client_gone ? 1 : 0;
    bool is_unknown_told = false;
    bool is_estimate_told = false;
    for (std::size_t i = 0; i < line.attempts.size(); ++i) {
        auto const& attempt = line.attempts[i];
        auto const& usage = attempt.usage;
        auto& row = rows[i];
        row[Measure::attempts] = 1;
        row[Measure::input] = usage.input;
        row[Measure::cache_read] = usage.cache_read;
        row[Measure::cache_write] = usage.cache_write;
        row[Measure::audio_input] = usage.audio_input;
        row[Measure::output] = usage.output;
        row[Measure::reasoning] = usage.reasoning;
        row[Measure::audio_output] = usage.audio_output;
        row[Measure::cost] = attempt.cost.value_or(0);
        if (!attempt.cost && attempt.has_tokens()) {
            row[Measure::cost_unknown] = is_unknown_told ? 0 : 1;
            is_unknown_told = true;
        }
        if (attempt.estimated && attempt.has_tokens()) {
            row[Measure::estimated] = is_estimate_told ? 0 : 1;
            row[Measure::estimated_tokens] = Wide{usage.input} + usage.output;
            is_estimate_told = true;
        }
    }
    return rows;
}

}  // namespace sluice::store
