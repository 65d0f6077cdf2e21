#include <fmt/format.h>
#include <memory>

#include "config/print.hpp"
#include "daemon/build.hpp"
#include "daemon/command/command.hpp"

namespace sluice::daemon::command {
namespace {

// With `prints`: the configuration as it will be run, every default and inherited setting written
// out, secrets masked. Problems go to standard error, so the output stays clean.
int check(std::string const& path, bool prints) {
    auto const loaded = config::load_document(path, load_options());
    print_problems(loaded.problems);
    if (!loaded.ok()) return exit_usage;
    engine::Runtime runtime;
    auto const built = build(loaded.document, runtime, ProxyEnvironment::read());
    if (!built) {
        fmt::print(stderr, "{}: error: {}\n", path, built.error().message);
        return exit_usage;
    }
    if (prints) {
        fmt::print("{}", config::to_yaml(config::to_json(loaded.document)));
        return exit_fine;
    }
    fmt::print("{}: ok (providers: {}, routes: {}, teams: {}{})\n", path,
               loaded.document.providers.size(), loaded.document.routes.size(),
               loaded.document.teams.size(),
               loaded.document.trial ? "; trial mode: no credential found" : "");
    return 0;
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
    auto* command =
        app.add_subcommand("check", "Load the configuration and say everything that is wrong.");
    auto path = std::make_shared<std::string>();
    add_config_option(*command, *path);
    auto prints = std::make_shared<bool>(false);
    command->add_flag("--print", *prints,
                      "Print the configuration with every default written out, secrets masked");
    command->footer(
        "Exit codes: 0 fine (warnings allowed), 2 something is wrong.\n"
        "Example: sluice check --config config/sluice.yaml");
    command->callback([path, prints, &exit_code] { exit_code = check(*path, *prints); });
}

}  // namespace sluice::daemon::command
