#include "provider/mock/mock.hpp"

#include <csignal>
#include <fmt/format.h>
#include <memory>
#include <pthread.h>
#include <thread>

#include "daemon/command/command.hpp"
#include "net/bind.hpp"
#include "net/worker.hpp"

namespace sluice::daemon::command {
namespace {

struct Settings {
    std::string address = "127.0.0.1:8090";
    config::MockOptions options;
};

int serve_mock(Settings const& settings) {
    auto mock = provider::mock::Mock::create(settings.options);
    if (!mock) {
        fmt::print(stderr, "sluice mock: --fault {}\n", mock.error().message);
        return exit_usage;
    }
    auto bound = net::bind_listeners(settings.address, 1);
    if (!bound) {
        fmt::print(stderr, "sluice mock: {}\n", bound.error().message);
        return exit_failed;
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    auto worker = net::Worker::create(0);
    net::ListenerFd listener;
    listener.fd = bound->fds.front();
    worker->add_listener(std::move(listener), **mock, std::make_shared<net::ServerOptions const>());
    std::thread thread{[&worker] { worker->run(); }};
    fmt::print("mock: an OpenAI-compatible upstream on {}{}\n",
               bound->address.starts_with("unix:") ? "" : "http://",
               bound->address.starts_with("unix:") ? bound->address : bound->address + "/v1");
    std::fflush(stdout);
    int number = 0;
    while (sigwait(&set, &number) != 0) {
    }
    worker->stop(seconds{1});
    thread.join();
    return exit_fine;
}

}  // namespace

void add_mock(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand(
        "mock",
        "Serve the built-in mock alone, as an upstream for tests, until SIGTERM or SIGINT.");
    auto settings = std::make_shared<Settings>();
    command->add_option("-l,--listen", settings->address, "Address, or unix:/path; port 0: any")
        ->capture_default_str();
    command
        ->add_option("--chunk-ms", settings->options.chunk_ms,
                     "Pause between the chunks of a stream")
        ->check(CLI::Range(0, 600'000));
    command
        ->add_option("--first-byte-ms", settings->options.first_byte_ms, "Pause before the answer")
        ->check(CLI::Range(0, 600'000));
    command->add_option("--fault", settings->options.fault,
                        "A fault in every answer, as in the header x-sluice-mock");
    command->footer(
        "Asks for no key. See docs/guide/mock.md for what it answers.\n"
        "Example: sluice mock --listen 127.0.0.1:8090 --chunk-ms 20");
    command->callback([settings, &exit_code] { exit_code = serve_mock(*settings); });
}

}  // namespace sluice::daemon::command
