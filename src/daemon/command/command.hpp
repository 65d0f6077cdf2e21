// One file per subcommand. Each add_*() registers its subcommand; its callback does the work and
// leaves the process's exit code in `exit_code`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "config/load.hpp"

namespace sluice::daemon::command {

inline constexpr int exit_fine = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_unsound = 3;  // storage verify: it found something wrong

void add_serve(CLI::App& app, int& exit_code);
void add_check(CLI::App& app, int& exit_code);
void add_usage(CLI::App& app, int& exit_code);
void add_storage(CLI::App& app, int& exit_code);
void add_mock(CLI::App& app, int& exit_code);
void add_keys(CLI::App& app, int& exit_code);
void add_routes(CLI::App& app, int& exit_code);
void add_health(CLI::App& app, int& exit_code);
void add_limits(CLI::App& app, int& exit_code);

// What several of them need.
void add_config_option(CLI::App& command, std::string& path);
void print_problems(std::vector<config::Problem> const& problems);
config::LoadOptions load_options();

}  // namespace sluice::daemon::command
