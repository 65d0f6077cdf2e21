#include "store/usage/report_text.hpp"

#include <algorithm>

#include "sluice/json.hpp"

#include "base/timestamp.hpp"

namespace sluice::store {
namespace {

constexpr Measure token_kinds[] = {Measure::input,       Measure::cache_read, Measure::cache_write,
                                   Measure::audio_input, Measure::output,     Measure::reasoning,
                                   Measure::audio_output};

std::string_view name_of(Measure measure) {
    return measure_columns[static_cast<std::size_t>(measure)];
}

// What nobody has priced costs something unknown: never 0.
bool is_cost_known(Sums const& sums) {
    return sums[Measure::cost] != 0 || sums[Measure::cost_unknown] == 0;
}

// Of input and output tokens, with four decimals.
std::string estimated_share(Sums const& sums) {
    auto const tokens = sums[Measure::input] + sums[Measure::output];
    if (tokens <= 0) return "0.0000";
    auto const share =
        std::clamp<Wide>(sums[Measure::estimated_tokens] * 10'000 / tokens, 0, 10'000);
    auto const digits = to_digits(10'000 + share % 10'000);
    return (share == 10'000 ? "1." : "0.") + digits.substr(1);
}

std::string time_text(std::optional<std::int64_t> at) {
    std::string text;
    if (at) append_timestamp(text, Wall::time_point{milliseconds{*at}});
    return text;
}

void append_sums(json::Writer& out, Sums const& sums) {
    auto const number = [&](std::string_view name, Measure measure) {
        out.key(name).raw(to_digits(sums[measure]));
    };
    number("requests", Measure::requests);
    number("errors", Measure::errors);
    number("client_gone", Measure::client_gone);
    number("attempts", Measure::attempts);
    out.key("tokens").begin_object();
    for (auto const kind : token_kinds) number(name_of(kind), kind);
    out.end_object();
    if (is_cost_known(sums)) {
        out.member("cost_usd", to_usd_text(sums[Measure::cost]));
        out.member("cost_pico_usd", to_digits(sums[Measure::cost]));
    } else {
        out.key("cost_usd").null();
        out.key("cost_pico_usd").null();
    }
    number("cost_unknown_requests", Measure::cost_unknown);
    number("estimated_requests", Measure::estimated);
    out.key("estimated_share").raw(estimated_share(sums));
}

void append_time(json::Writer& out, std::string_view name, std::optional<std::int64_t> at) {
    out.key(name);
    at ? out.string(time_text(at)) : out.null();
}

std::string csv_field(std::string_view value) {
    std::string guarded;
    // A spreadsheet reads these as the beginning of a formula.
    if (!value.empty() && std::string_view{"=+-@\t\r"}.find(value.front()) != value.npos) {
        guarded = "'";
    }
    guarded += value;
    if (guarded.find_first_of(",\"\r\n") == guarded.npos) return guarded;
    std::string quoted = "\"";
    for (auto const c : guarded) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

std::string printable(std::string_view value) {
    std::string text{value};
    for (auto& c : text) {
        auto const byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) c = '?';
    }
    return text.empty() ? "-" : text;
}

// Letters, not bytes: continuation bytes of UTF-8 take no room.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

std::vector<std::string> table_row(std::vector<std::string> values, Sums const& sums) {
    for (auto const measure :
         {Measure::requests, Measure::errors, Measure::input, Measure::output}) {
        values.push_back(to_digits(sums[measure]));
    }
    values.push_back(is_cost_known(sums) ? to_usd_text(sums[Measure::cost]) : "unknown");
    values.push_back(to_digits(sums[Measure::cost_unknown]));
    auto const share = estimated_share(sums);
    values.push_back(share);
    return values;
}

std::string lay_out(std::vector<std::vector<std::string>> const& rows, std::size_t left) {
    std::vector<std::size_t> widths(rows.front().size());
    for (auto const& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], width_of(row[i]));
        }
    }
    std::string text;
    for (auto const& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            std::string const room(widths[i] - width_of(row[i]), ' ');
            if (i > 0) line += "  ";
            line += i < left ? row[i] + room : room + row[i];
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

}  // namespace

std::string to_digits(Wide value) {
    std::string digits;  // backwards
    bool const negative = value < 0;
    do {
        auto const digit = static_cast<int>(value % 10);
        digits += static_cast<char>('0' + (digit < 0 ? -digit : digit));
        value /= 10;
    } while (value != 0);
    if (negative) digits += '-';
    std::reverse(digits.begin(), digits.end());
    return digits;
}

std::string to_json(UsageReport const& report) {
    json::Writer out;
    out.begin_object();
    append_time(out, "from", report.query.from);
    append_time(out, "to", report.query.until);
    out.key("by").begin_array();
    for (auto const& column : report.query.by) out.string(column.name);
    out.end_array();
    out.key("groups").begin_array();
    for (auto const& group : report.groups) {
        out.begin_object();
        for (std::size_t i = 0; i < group.values.size(); ++i) {
            out.member(report.query.by[i].name, group.values[i]);
        }
        append_sums(out, group.sums);
        out.end_object();
    }
    out.end_array();
    out.key("total").begin_object();
    append_sums(out, report.total);
    out.end_object();
    out.member("group_count", report.group_count);
    out.member("truncated", report.is_truncated());
    out.member("pending_bytes", report.pending_bytes);
    out.end_object();
    return out.take() + '\n';
}

std::string to_csv(UsageReport const& report) {
    std::string text;
    for (auto const& column : report.query.by) text += csv_field(column.name) + ',';
    text += "requests,errors,client_gone,attempts";
    for (auto const kind : token_kinds) text += ",tokens_" + std::string{name_of(kind)};
    text += ",cost_usd,cost_pico_usd,cost_unknown_requests,estimated_requests,estimated_share\r\n";
    for (auto const& group : report.groups) {
        auto const& sums = group.sums;
        for (auto const& value : group.values) text += csv_field(value) + ',';
        text += to_digits(sums[Measure::requests]) + ',' + to_digits(sums[Measure::errors]) + ',' +
                to_digits(sums[Measure::client_gone]) + ',' + to_digits(sums[Measure::attempts]);
        for (auto const kind : token_kinds) text += ',' + to_digits(sums[kind]);
        bool const known = is_cost_known(sums);
        text += ',' + (known ? to_usd_text(sums[Measure::cost]) : std::string{});
        text += ',' + (known ? to_digits(sums[Measure::cost]) : std::string{});
        text += ',' + to_digits(sums[Measure::cost_unknown]) + ',' +
                to_digits(sums[Measure::estimated]) + ',' + estimated_share(sums) + "\r\n";
    }
    return text;
}

std::string to_table(UsageReport const& report) {
    std::vector<std::vector<std::string>> rows;
    auto& head = rows.emplace_back();
    for (auto const& column : report.query.by) head.push_back(printable(column.name));
    for (auto const* name :
         {"requests", "errors", "input", "output", "cost USD", "unpriced", "estimated"}) {
        head.emplace_back(name);
    }
    for (auto const& group : report.groups) {
        std::vector<std::string> values;
        for (auto const& value : group.values) values.push_back(printable(value));
        rows.push_back(table_row(std::move(values), group.sums));
    }
    auto const columns = report.query.by.size();
    if (columns > 0) {
        std::vector<std::string> total(columns);
        total.front() = "total";
        rows.push_back(table_row(std::move(total), report.total));
    } else if (report.groups.empty()) {
        rows.push_back(table_row({}, report.total));
    }
    auto text = lay_out(rows, columns);
    if (report.is_truncated()) {
        text += std::to_string(report.groups.size()) + " of " + std::to_string(report.group_count) +
                " groups are shown (--limit)\n";
    }
    if (report.pending_bytes > 0) {
        text += std::to_string(report.pending_bytes) + " bytes of the ledger are not counted yet\n";
    }
    return text;
}

std::string to_text(UsageReport const& report, UsageFormat format) {
    if (format == UsageFormat::csv) return to_csv(report);
    if (format == UsageFormat::table) return to_table(report);
    return to_json(report);
}

}  // namespace sluice::store
