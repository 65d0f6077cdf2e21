#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <pthread.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

#include "base/log.hpp"
#include "daemon/banner.hpp"
#include "daemon/command/command.hpp"
#include "daemon/daemon.hpp"

namespace sluice::daemon::command {
namespace {

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
    auto inherited = net::inherited_sockets(net::InheritedNames::read_and_forget(), ::getpid());
    if (!inherited) {
        log::stop();
        fmt::print(stderr, "sluice: {}\n", inherited.error().message);
        return exit_failed;
    }
    auto daemon =
        Daemon::create(std::move(loaded.document), ProxyEnvironment::read(), std::move(*inherited));
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

void add_serve(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand("serve", "Serve until SIGTERM or SIGINT.");
    auto path = std::make_shared<std::string>();
    add_config_option(*command, *path);
    command->callback([path, &exit_code] { exit_code = serve(*path); });
}

}  // namespace sluice::daemon::command
