#include <fmt/format.h>

#include "daemon/command/command.hpp"
#include "provider/mock/instructions.hpp"

namespace sluice::daemon::command {

void add_config_option(CLI::App& command, std::string& path) {
    path = "config/sluice.yaml";
    command
        .add_option("-c,--config", path,
                    "A YAML file, or a directory whose *.yaml files are merged")
        ->capture_default_str();
}

void print_problems(std::vector<config::Problem> const& problems) {
    for (auto const& problem : problems) {
        bool const is_error = problem.severity == config::Problem::Severity::error;
        if (problem.place.line > 0) {
            fmt::print(stderr, "{}:{}:{}: ", problem.place.file, problem.place.line,
                       problem.place.column);
        } else if (!problem.place.file.empty()) {
            fmt::print(stderr, "{}: ", problem.place.file);
        }
        fmt::print(stderr, "{}: {}\n", is_error ? "error" : "warning", problem.message);
    }
}

// What config cannot know by itself: the grammar of the mock's faults.
config::LoadOptions load_options() {
    config::LoadOptions options;
    options.check_fault = [](std::string const& text) -> std::optional<std::string> {
        auto read = provider::mock::read_instructions(text);
        if (read.ok()) return std::nullopt;
        return std::move(read).error().message;
    };
    return options;
}

}  // namespace sluice::daemon::command
