#include <fmt/format.h>
#include <memory>

#include "daemon/build.hpp"
#include "daemon/command/command.hpp"

namespace sluice::daemon::command {
namespace {

int check(std::string const& path) {
    auto const loaded = config::load_document(path, load_options());
    print_problems(loaded.problems);
    if (!loaded.ok()) return exit_usage;
    engine::Runtime runtime;
    auto const built = build(loaded.document, runtime, ProxyEnvironment::read());
    if (!built) {
        fmt::print(stderr, "{}: error: {}\n", path, built.error().message);
        return exit_usage;
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
    command->callback([path, &exit_code] { exit_code = check(*path); });
}

}  // namespace sluice::daemon::command
