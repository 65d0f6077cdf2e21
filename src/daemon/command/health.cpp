#include <charconv>
#include <fmt/format.h>
#include <memory>

#include "config/address.hpp"
#include "daemon/command/command.hpp"
#include "net/upstream_stream.hpp"
#include "net/worker.hpp"

namespace sluice::daemon::command {
namespace {

constexpr auto patience = seconds{3};
constexpr std::size_t answer_bytes_max = 4096;

// What was said, and whether it was "ready".
struct Verdict {
    bool is_ready = false;
    std::string text;
};

// A wildcard address is reached through loopback.
net::Endpoint endpoint_of(config::Address const& address) {
    net::Endpoint endpoint;
    endpoint.scheme = address.unix_path.empty() ? "http" : "unix";
    endpoint.host = address.unix_path.empty() ? address.host : address.unix_path;
    if (endpoint.host == "0.0.0.0") endpoint.host = "127.0.0.1";
    if (endpoint.host == "::") endpoint.host = "::1";
    endpoint.port = static_cast<std::uint16_t>(address.port);
    endpoint.host_header = "localhost";
    endpoint.seal();
    return endpoint;
}

Async<> ask(net::Endpoint endpoint, Verdict& verdict) {
    http::WireRequest request;
    request.method = http::Method::get;
    request.target = "/readyz";
    Cancel cancel;
    net::UpstreamTimeouts const timeouts{patience, patience, patience, Deadline::in(patience)};
    auto& worker = net::Worker::current();
    auto answer = co_await worker.upstreams().send(endpoint, request, timeouts, cancel);
    if (answer) {
        verdict.is_ready = (*answer)->head().status == 200;
        while (verdict.text.size() < answer_bytes_max) {
            auto bytes = co_await (*answer)->read_some();
            if (!bytes || bytes->empty()) break;
            verdict.text += *bytes;
        }
        (*answer)->close();
    } else {
        auto const& error = answer.error();
        verdict.text = error.detail.empty() ? error.message : error.detail;
    }
    worker.stop(Steady::duration::zero());
    co_return Result<void>{};
}

int check_health(std::string const& path, std::string address) {
    if (address.empty()) {
        auto const loaded = config::load_document(path, load_options());
        if (!loaded.ok()) {
            print_problems(loaded.problems);
            return exit_usage;
        }
        address = loaded.document.admin.address;
    }
    std::string why = "is off, so nothing answers for its health";
    auto const parsed = address.empty() ? std::nullopt : config::parse_address(address, why);
    if (!parsed || (parsed->unix_path.empty() && parsed->port == 0)) {
        fmt::print(stderr, "sluice health: the admin address {}\n",
                   parsed ? "has no fixed port; give --address" : why);
        return exit_usage;
    }
    Verdict verdict;
    auto worker = net::Worker::create(0);
    worker->spawn("health", ask(endpoint_of(*parsed), verdict));
    worker->run();
    while (verdict.text.ends_with('\n')) verdict.text.pop_back();
    fmt::print(verdict.is_ready ? stdout : stderr, "{}: {}\n", parsed->text(), verdict.text);
    return verdict.is_ready ? exit_fine : exit_failed;
}

}  // namespace

void add_health(CLI::App& app, int& exit_code) {
    auto* command =
        app.add_subcommand("health", "Ask a running sluice whether it is ready (GET /readyz).");
    auto path = std::make_shared<std::string>();
    auto address = std::make_shared<std::string>();
    add_config_option(*command, *path);
    command->add_option("-a,--address", *address,
                        "Its admin address; left out: that of the configuration");
    command->footer(
        "Exit codes: 0 ready, 1 not ready or not reachable, 2 bad usage or bad configuration.\n"
        "Example: sluice health --address 127.0.0.1:9090");
    command->callback([path, address, &exit_code] { exit_code = check_health(*path, *address); });
}

}  // namespace sluice::daemon::command
