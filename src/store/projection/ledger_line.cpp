#include "store/projection/ledger_line.hpp"

#include <algorithm>
#include <simdjson.h>

#include "sluice/ids.hpp"

#include "base/json_text.hpp"
#include "base/timestamp.hpp"

namespace sluice::store {
namespace {

using Element = simdjson::dom::element;

Error bad_line(std::string what) {
    return gateway_error(ErrorCode::internal, 500, "not a ledger line: " + std::move(what));
}

// What is of another type than a field has counts as not there.
std::string_view text_of(Element value) {
    std::string_view text;
    return value.get(text) == simdjson::SUCCESS ? text : std::string_view{};
}
std::optional<std::int64_t> integer_of(Element value) {
    std::int64_t number = 0;
    if (value.get(number) != simdjson::SUCCESS) return std::nullopt;
    return number;
}
std::int64_t number_of(Element value) { return integer_of(value).value_or(0); }
bool flag_of(Element value) {
    bool flag = false;
    return value.get(flag) == simdjson::SUCCESS && flag;
}

// As the ledger writes them: equal tags are one word of the projection.
std::string tags_of(Element value) {
    simdjson::dom::array elements;
    std::string out = "[";
    if (value.get(elements) == simdjson::SUCCESS) {
        for (Element each : elements) {
            if (out.size() > 1) out += ',';
            append_json_string(out, text_of(each));
        }
    }
    return out += ']';
}

void read_usage(Element value, llm::Usage& usage) {
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return;
    for (auto const [name, each] : object) {
        if (name == "input") usage.input = number_of(each);
        if (name == "cache_read") usage.cache_read = number_of(each);
        if (name == "cache_write") usage.cache_write = number_of(each);
        if (name == "audio_input") usage.audio_input = number_of(each);
        if (name == "output") usage.output = number_of(each);
        if (name == "reasoning") usage.reasoning = number_of(each);
        if (name == "audio_output") usage.audio_output = number_of(each);
        if (name == "reported") usage.reported = flag_of(each);
    }
}

LineAttempt read_attempt(Element value) {
    LineAttempt attempt;
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return attempt;
    for (auto const [name, each] : object) {
        if (name == "provider") attempt.provider = text_of(each);
        if (name == "model") attempt.model = text_of(each);
        if (name == "outcome") attempt.outcome = text_of(each);
        if (name == "price") attempt.price = text_of(each);
        if (name == "usage") read_usage(each, attempt.usage);
        if (name == "estimated") attempt.estimated = flag_of(each);
        if (name == "cost_pico_usd") attempt.cost = integer_of(each);
    }
    return attempt;
}

void read_member(std::string_view name, Element value, LedgerLine& line) {
    if (name == "schema") line.schema = number_of(value);
    if (name == "id") line.id = text_of(value);
    if (name == "run") line.run = text_of(value);
    if (name == "worker") line.worker = number_of(value);
    if (name == "sequence") line.sequence = number_of(value);
    if (name == "org") line.org = text_of(value);
    if (name == "team") line.team = text_of(value);
    if (name == "key") line.key = text_of(value);
    if (name == "user") line.user = text_of(value);
    if (name == "tags") line.tags = tags_of(value);
    if (name == "surface") line.surface = text_of(value);
    if (name == "route") line.route = text_of(value);
    if (name == "error_code") line.error_code = text_of(value);
    if (name == "status") line.status = number_of(value);
    if (name == "total_us") line.total_us = number_of(value);
    if (name == "client_gone") line.client_gone = flag_of(value);
    simdjson::dom::array attempts;
    if (name == "attempts" && value.get(attempts) == simdjson::SUCCESS) {
        for (Element each : attempts) line.attempts.push_back(read_attempt(each));
    }
}

}  // namespace

Result<LedgerLine> read_ledger_line(std::string_view text) {
    // Millions of lines are read one after the other: its buffers are kept.
    static thread_local simdjson::dom::parser parser;
    simdjson::dom::object members;
    auto const wrong = parser.parse(text.data(), text.size()).get(members);
    if (wrong != simdjson::SUCCESS) return bad_line(simdjson::error_message(wrong));
    LedgerLine line;
    std::optional<Wall::time_point> at;
    for (auto const [name, value] : members) {
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
