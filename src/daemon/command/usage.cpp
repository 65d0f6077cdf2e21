#include <filesystem>
#include <fmt/format.h>

#include "daemon/command/command.hpp"
#include "daemon/command/storage_dir.hpp"
#include "store/projection/ledger_files.hpp"
#include "store/usage/report_text.hpp"

namespace sluice::daemon::command {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

struct UsageOptions {
    std::shared_ptr<StorageOptions> storage;
    std::vector<std::string> by;
    std::vector<std::string> filters;  // name=value
    std::string from, to, limit;
    bool is_csv = false, is_json = false, is_table = false;
};

// As the admin API takes them: one reader for both.
std::optional<Parameters> to_parameters(UsageOptions const& options) {
    Parameters parameters;
    for (auto const& by : options.by) parameters.emplace_back("by", by);
    for (auto const& filter : options.filters) {
        auto const at = filter.find('=');
        if (at == filter.npos) {
            fmt::print(stderr, "sluice: --where {}: write name=value, like team=search\n", filter);
            return std::nullopt;
        }
        parameters.emplace_back(filter.substr(0, at), filter.substr(at + 1));
    }
    for (auto const& [name, value] :
         {std::pair{"from", options.from}, {"to", options.to}, {"limit", options.limit}}) {
        if (!value.empty()) parameters.emplace_back(name, value);
    }
    parameters.emplace_back("format", options.is_csv ? "csv" : options.is_json ? "json" : "table");
    return parameters;
}

int usage(UsageOptions const& options) {
    auto const parameters = to_parameters(options);
    if (!parameters) return exit_usage;
    auto const query = store::read_usage_query(*parameters);
    if (!query) {
        fmt::print(stderr, "sluice: {}\n", query.error().message);
        return exit_usage;
    }
    auto const dir = storage_dir(*options.storage);
    if (!dir) return exit_usage;
    auto const ready = bring_up_to_date(*dir);
    if (!ready) {
        fmt::print(stderr, "sluice: {}\n", ready.error().message);
        // Who may only read still gets what is there; the answer says what it does not count.
        if (!std::filesystem::exists(store::database_path(*dir))) return exit_failed;
    }
    auto const report = store::read_usage(*dir, *query);
    if (!report) {
        fmt::print(stderr, "sluice: {}\n", report.error().message);
        return report.error().origin == Origin::client ? exit_usage : exit_failed;
    }
    fmt::print("{}", store::to_text(*report, query->format));
    return exit_fine;
}

}  // namespace

void add_usage(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand(
        "usage", "Requests, tokens and cost, from the ledger; also while the daemon runs.");
    auto options = std::make_shared<UsageOptions>();
    options->storage = add_storage_options(*command);
    command->add_option("--by", options->by,
                        "Group by team, key, user, model, provider, route, org, day, tag:<name>; "
                        "several with commas");
    command->add_option("--where", options->filters,
                        "Only what matches, like team=search or tag:env=prod; several narrow "
                        "down, the same name twice widens");
    command->add_option("--from", options->from,
                        "First day (2026-11-01) or time (2026-11-01T12:00:00Z), UTC");
    command->add_option("--to", options->to, "Last day, counted whole; or a time, not counted");
    command->add_option("--limit", options->limit, "At most this many groups (10000)");
    auto* csv = command->add_flag("--csv", options->is_csv, "CSV");
    auto* json = command->add_flag("--json", options->is_json, "JSON")->excludes(csv);
    command->add_flag("--table", options->is_table, "A table (the default)")
        ->excludes(csv)
        ->excludes(json);
    command->footer("Exit codes: 0 fine, 1 the database cannot be read, 2 bad usage.");
    command->callback([options, &exit_code] { exit_code = usage(*options); });
}

}  // namespace sluice::daemon::command
