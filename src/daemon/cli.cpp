#include "daemon/cli.hpp"

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

#include "base/log.hpp"
#include "base/version.hpp"
#include "config/load.hpp"
#include "daemon/banner.hpp"
#include "daemon/daemon.hpp"
#include "provider/mock/instructions.hpp"

namespace sluice::daemon {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr char const* default_config = "config/sluice.yaml";

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

log::Level level_of(std::string const& name) {
    if (name == "debug") return log::Level::debug;
    if (name == "warn") return log::Level::warn;
    if (name == "error") return log::Level::error;
    return log::Level::info;
}

// Thousands of streams need thousands of descriptors: take what the hard limit allows.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

// SIGINT and SIGTERM are taken by sigwait in the main thread; every thread inherits the block.
sigset_t block_stop_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    return set;
}

int wait_for(sigset_t const& set) {
    int number = 0;
    while (sigwait(&set, &number) != 0) {
    }
    return number;
}

// The first signal drains; a second one ends the process at once.
void stop_on_signal(Daemon& daemon, sigset_t const& set) {
    wait_for(set);
    auto const drain = milliseconds{daemon.document().server.drain_ms};
    log::info(
        "stopping: no new connections, requests in flight may take up to {} s; a second "
        "signal stops at once",
        drain.count() / 1000);
    std::thread([set] {
        wait_for(set);
        std::_Exit(128 + SIGTERM);
    }).detach();
    daemon.stop(drain);
    log::info("stopped");
    log::stop();
}

int serve(std::string const& path) {
    auto const signals = block_stop_signals();
    auto loaded = config::load_document(path, load_options());
    print_problems(loaded.problems);
    if (!loaded.ok()) return exit_usage;
    raise_descriptor_limit();
    log::start(level_of(loaded.document.telemetry.log_level), ::isatty(STDERR_FILENO) == 0);
    auto daemon = Daemon::create(std::move(loaded.document));
    if (!daemon) {
        log::stop();
        fmt::print(stderr, "sluice: {}\n", daemon.error().message);
        return exit_failed;
    }
    (*daemon)->start();
    if (::isatty(STDERR_FILENO) != 0) {
        fmt::print(stderr, "{}\n", banner(**daemon, path));
    } else {
        log::info("{}", started_line(**daemon, path));
    }
    stop_on_signal(**daemon, signals);
    return 0;
}

}  // namespace

int run_cli(int argc, char** argv) {
    CLI::App app{"sluice: an AI gateway"};
    app.set_version_flag("--version", "sluice " + std::string{version()});
    app.require_subcommand(1);
    app.failure_message(CLI::FailureMessage::help);
    app.footer("Exit codes: 0 fine, 1 could not run, 2 bad usage or bad configuration.");

    std::string config_path = default_config;
    auto* serve_command = app.add_subcommand("serve", "Serve until SIGTERM or SIGINT.");
    auto* check_command =
        app.add_subcommand("check", "Load the configuration and say everything that is wrong.");
    for (auto* command : {serve_command, check_command}) {
        command
            ->add_option("-c,--config", config_path,
                         "A YAML file, or a directory whose *.yaml files are merged")
            ->capture_default_str();
    }
    try {
        app.parse(argc, argv);
    } catch (CLI::ParseError const& error) {
        return app.exit(error) == 0 ? 0 : exit_usage;
    }
    return check_command->parsed() ? check(config_path) : serve(config_path);
}

}  // namespace sluice::daemon
