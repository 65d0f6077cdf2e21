#include "daemon/cli.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "base/nearest.hpp"
#include "base/version.hpp"
#include "daemon/command/command.hpp"

namespace sluice::daemon {
namespace {

// A first word that is no command: names the nearest one that is.
bool knows_command(CLI::App const& app, int argc, char** argv) {
    if (argc < 2 || argv[1][0] == '-' || argv[1][0] == '\0') return true;
    std::string_view const given = argv[1];
    std::vector<std::string> names;
    for (auto const* command : app.get_subcommands({})) names.push_back(command->get_name());
    if (std::find(names.begin(), names.end(), given) != names.end()) return true;
    auto const near = nearest(given, names);
    std::string all;
    for (auto const& name : names) all += (all.empty() ? "" : ", ") + name;
    fmt::print(stderr, "sluice: there is no command '{}'{}; there are: {}\n", given,
               near.empty() ? "" : fmt::format("; did you mean '{}'?", near), all);
    return false;
}

}  // namespace

int run_cli(int argc, char** argv) {
    CLI::App app{"sluice: an AI gateway"};
    app.set_version_flag("--version", "sluice " + std::string{version()});
    app.require_subcommand(1);
    app.failure_message(CLI::FailureMessage::help);
    app.footer(
        "Exit codes: 0 fine, 1 could not run, 2 bad usage or bad configuration, "
        "3 storage verify found something wrong.");
    int exit_code = command::exit_fine;
    command::add_serve(app, exit_code);
    command::add_check(app, exit_code);
    command::add_usage(app, exit_code);
    command::add_storage(app, exit_code);
    command::add_mock(app, exit_code);
    command::add_keys(app, exit_code);
    command::add_routes(app, exit_code);
    command::add_health(app, exit_code);
    command::add_limits(app, exit_code);
    if (!knows_command(app, argc, argv)) return command::exit_usage;
    try {
        app.parse(argc, argv);
    } catch (CLI::ParseError const& error) {
        return app.exit(error) == 0 ? command::exit_fine : command::exit_usage;
    }
    return exit_code;
}

}  // namespace sluice::daemon
