// `sluice limits`: what /admin/limits of a running daemon says, as a table or as it came.
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "config/address.hpp"
#include "daemon/command/command.hpp"
#include "net/upstream_stream.hpp"
#include "net/worker.hpp"

namespace sluice::daemon::command {
namespace {

constexpr auto patience = seconds{5};
constexpr std::size_t answer_bytes_max = 16 << 20;

struct Heard {
    int status = 0;  // 0: no answer
    std::string text;
};

struct Asked {
    std::string path;
    bool as_json = false;
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

Async<> ask(net::Endpoint endpoint, std::string authorization, Heard& heard) {
    http::WireRequest request;
    request.method = http::Method::get;
    request.target = "/admin/limits";
    if (!authorization.empty()) request.headers.add("authorization", authorization);
    Cancel cancel;
    net::UpstreamTimeouts const timeouts{patience, patience, patience, Deadline::in(patience)};
    auto& worker = net::Worker::current();
    auto answer = co_await worker.upstreams().send(endpoint, request, timeouts, cancel);
    if (answer) {
        heard.status = (*answer)->head().status;
        while (heard.text.size() < answer_bytes_max) {
            auto bytes = co_await (*answer)->read_some();
            if (!bytes || bytes->empty()) break;
            heard.text += *bytes;
        }
        (*answer)->close();
    } else {
        auto const& error = answer.error();
        heard.text = error.detail.empty() ? error.message : error.detail;
    }
    worker.stop(Steady::duration::zero());
    co_return Result<void>{};
}

std::string text_of(nlohmann::json const& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
}

void print_table(nlohmann::json const& page) {
    fmt::print("{:<10} {:<28} {:<16} {:>16} {:>16} {:>14} {:>9}\n", "owner", "name", "limit", "cap",
               "used", "reserved", "reset s");
    for (auto const& row : page.at("limits")) {
        fmt::print("{:<10} {:<28} {:<16} {:>16} {:>16} {:>14} {:>9}\n", text_of(row.at("owner")),
                   text_of(row.at("name")), text_of(row.at("limit")), text_of(row.at("cap")),
                   text_of(row.at("used")), text_of(row.at("reserved")),
                   row.contains("reset_s") ? text_of(row.at("reset_s")) : "-");
    }
    if (page.at("store_failing").get<bool>()) fmt::print("budgets cannot be written to disk\n");
}

int show(Asked const& asked) {
    auto const loaded = config::load_document(asked.path, load_options());
    if (!loaded.ok()) {
        print_problems(loaded.problems);
        return exit_usage;
    }
    auto const& admin = loaded.document.admin;
    std::string why;
    auto const address = config::parse_address(admin.address, why);
    if (!address) {
        fmt::print(stderr, "the configuration has no admin address to ask\n");
        return exit_usage;
    }
    Heard heard;
    auto worker = net::Worker::create(0);
    std::string authorization;
    if (!admin.token.empty()) authorization = "Bearer " + std::string{admin.token.reveal()};
    worker->spawn("limits", ask(endpoint_of(*address), authorization, heard));
    worker->run();
    if (heard.status != 200) {
        fmt::print(stderr, "{}: {}{}\n", admin.address,
                   heard.status == 0 ? "" : std::to_string(heard.status) + " ", heard.text);
        return exit_failed;
    }
    auto const page = nlohmann::json::parse(heard.text, nullptr, false);
    if (asked.as_json || page.is_discarded()) {
        fmt::print("{}", heard.text);
    } else {
        print_table(page);
    }
    return exit_fine;
}

}  // namespace

void add_limits(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand("limits", "What is used of each limit and budget.");
    auto asked = std::make_shared<Asked>();
    add_config_option(*command, asked->path);
    command->add_flag("--json", asked->as_json, "As /admin/limits says it");
    command->footer(
        "Asks the admin listener of a running daemon, with the token of the configuration.\nExit "
        "codes: 0 fine, 1 nothing answered, 2 bad usage or bad configuration.\nExample: sluice "
        "limits --config /etc/sluice/sluice.yaml");
    command->callback([asked, &exit_code] { exit_code = show(*asked); });
}

}  // namespace sluice::daemon::command
