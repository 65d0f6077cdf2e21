#include "daemon/cli.hpp"

#include <CLI/CLI.hpp>

#include "base/version.hpp"
#include "daemon/command/command.hpp"

namespace sluice::daemon {

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
    try {
        app.parse(argc, argv);
    } catch (CLI::ParseError const& error) {
        return app.exit(error) == 0 ? command::exit_fine : command::exit_usage;
    }
    return exit_code;
}

}  // namespace sluice::daemon
