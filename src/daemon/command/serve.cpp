#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <malloc.h>
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

// Large bodies come and go: their memory returns to the system at once. By itself glibc raises this
// threshold with each one that is freed, and keeps what lies below it (measured: resident memory
// 2.3 to 3.3 times the bound on bodies in flight, instead of 1.5 times).
void return_large_blocks_at_once() {
#ifdef __GLIBC__
    constexpr int large_bytes = 1 << 20;
    ::mallopt(M_MMAP_THRESHOLD, large_bytes);
    // Not those of a usual request: a thread's heap that shrinks and grows with each one costs more
    // page faults than the request's work.
    constexpr int kept_bytes = 4 << 20;
    ::mallopt(M_TRIM_THRESHOLD, kept_bytes);
#endif
}

// Thousands of streams need thousands of descriptors: take what the hard limit allows.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

// The signals that steer sluice are taken by sigwait in the main thread; every thread inherits the
// block.
sigset_t block_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
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

// SIGHUP has the configuration loaded again. The first SIGTERM or SIGINT drains; a second one ends
// the process at once.
void run_until_stopped(Daemon& daemon, sigset_t const& set) {
    while (wait_for(set) == SIGHUP) daemon.request_reload("SIGHUP");
    auto const drain = milliseconds{daemon.current_document()->server.drain_ms};
    log::info(
        "stopping: no new connections, requests in flight may take up to {} s; a second "
        "signal stops at once",
        drain.count() / 1000);
    std::thread([set] {
        int number = SIGHUP;
        while (number == SIGHUP) number = wait_for(set);
        std::_Exit(128 + number);
    }).detach();
    daemon.stop(drain);
    log::info("stopped");
    log::stop();
}

int serve(std::string const& path, bool watches) {
    auto const signals = block_signals();
    return_large_blocks_at_once();
    auto source = std::make_unique<ConfigSource>(path, load_options());
    auto loaded = source->load();
    print_problems(loaded.problems);
    if (!loaded.ok()) return exit_usage;
    raise_descriptor_limit();
    log::start(log::to_level(loaded.document.telemetry.log_level).value_or(log::Level::info),
               ::isatty(STDERR_FILENO) == 0);
    auto inherited = net::inherited_sockets(net::InheritedNames::read_and_forget(), ::getpid());
    if (!inherited) {
        log::stop();
        fmt::print(stderr, "sluice: {}\n", inherited.error().message);
        return exit_failed;
    }
    WatchOptions watch;
    watch.files = watches;
    auto daemon = Daemon::create(std::move(loaded.document), ProxyEnvironment::read(),
                                 std::move(source), watch, {}, std::move(*inherited));
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
    run_until_stopped(**daemon, signals);
    return 0;
}

}  // namespace

void add_serve(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand("serve", "Serve until SIGTERM or SIGINT.");
    auto path = std::make_shared<std::string>();
    command->footer(
        "SIGHUP loads the configuration again. SIGTERM and SIGINT let running requests end (at "
        "most "
        "server.drain_ms), a second one ends at once.\n"
        "Exit codes: 0 stopped as asked, 1 could not run, 2 bad usage or bad configuration.\n"
        "Example: sluice serve --config /etc/sluice/sluice.yaml");
    auto is_unwatched = std::make_shared<bool>(false);
    add_config_option(*command, *path);
    command->add_flag(
        "--no-watch", *is_unwatched,
        "Load the configuration again on SIGHUP and POST /admin/reload only, not when "
        "a file changes");
    command->callback(
        [path, is_unwatched, &exit_code] { exit_code = serve(*path, !*is_unwatched); });
}

}  // namespace sluice::daemon::command
