// See gateway.hpp.
#include "support/gateway.hpp"

#include <fmt/format.h>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include "config/load.hpp"
#include "daemon/daemon.hpp"

namespace sluice::test {

namespace {

std::string to_yaml(GatewayConfig const& config, FakeUpstream const& upstream,
                    std::string const& dir) {
    std::string const defaults = config.defaults.empty() ? "" : ", " + config.defaults;
    std::string const listener = config.listener.empty() ? "" : ", " + config.listener;
    std::string const providers =
        config.providers.empty() ? provider_line("up", upstream.url()) : config.providers;
    std::string const routes = config.routes.empty() ? "  \"m-*\": up\n" : config.routes;
    std::string const keys =
        config.keys.empty() ? fmt::format("  team:\n    keys: {{app: {{value: {}}}}}\n", test_key)
                            : config.keys;
    return fmt::format(
        "server:\n"
        "  listeners: [{{address: \"127.0.0.1:0\"{}}}]\n"
        "  workers: {}\n"
        "  drain_ms: 5000\n"
        "  defaults: {{{}}}\n"
        "{}"
        "admin: {{address: \"127.0.0.1:0\"{}}}\n"
        "providers:\n{}routes:\n{}keys:\n{}"
        "storage: {{dir: \"{}\"}}\n"
        "telemetry:\n  log_level: error\n{}{}",
        listener, config.workers,
        config.defaults.find("retry") == std::string::npos
            ? "retry: {backoff_ms: 5, backoff_max_ms: 2000}" + defaults
            : config.defaults,
        config.server, config.admin_token.empty() ? "" : ", token: " + config.admin_token,
        providers, routes, keys, dir,
        config.telemetry.empty() ? "  access_log: {format: \"off\"}\n" : config.telemetry,
        config.more);
}

std::string problems_of(sluice::config::Loaded const& loaded) {
    std::string text;
    for (auto const& problem : loaded.problems) {
        text +=
            fmt::format("{}:{} {}\n", problem.place.line, problem.place.column, problem.message);
    }
    return text;
}

}  // namespace

std::string provider_line(std::string_view name, std::string_view base_url, std::string_view more,
                          std::string_view keys) {
    auto const default_keys = fmt::format("{{main: {{value: {}}}}}", provider_key);
    return fmt::format("  {}: {{kind: openai_compatible, base_url: \"{}\", keys: {}{}{}}}\n", name,
                       base_url, keys.empty() ? default_keys : std::string(keys),
                       more.empty() ? "" : ", ", more);
}

Gateway::Gateway(GatewayConfig const& config, FakeUpstream const& upstream)
    : dir_(make_temp_dir()), upstream_(upstream) {
    config::LoadOptions options;
    options.env = [](std::string const&) { return std::nullopt; };
    options.is_trial_allowed = false;
    std::filesystem::create_directory(dir_ / "config");
    write(config);
    auto source = std::make_unique<daemon::ConfigSource>(config_path(), options);
    auto loaded = source->load();
    if (!loaded.ok()) throw std::runtime_error(problems_of(loaded) + yaml(config));
    auto made = daemon::Daemon::create(std::move(loaded.document), config.proxies,
                                       std::move(source), config.watch, config.disks);
    if (!made) throw std::runtime_error(made.error().message + " " + made.error().detail);
    daemon_ = std::move(*made);
    daemon_->start();
}

std::string Gateway::config_path() const { return (dir_ / "config" / "sluice.yaml").string(); }

std::string Gateway::yaml(GatewayConfig const& config) const {
    return to_yaml(config, upstream_, dir_.string());
}

void Gateway::write(GatewayConfig const& config) {
    auto const fresh = config_path() + ".new";
    std::ofstream(fresh) << yaml(config);
    std::filesystem::rename(fresh, config_path());
}

endpoint::ReloadReport Gateway::reload(GatewayConfig const& config) {
    write(config);
    return daemon_->reload("test");
}

Gateway::~Gateway() {
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
}

std::uint16_t Gateway::port() const { return daemon_->port(); }
std::uint16_t Gateway::admin_port() const { return daemon_->admin_port(); }
void Gateway::stop(milliseconds drain) {
    if (!stopped_) daemon_->stop(drain);
    stopped_ = true;
}

std::vector<nlohmann::json> Gateway::records() const {
    std::vector<nlohmann::json> all;
    for (auto const& entry : std::filesystem::recursive_directory_iterator(dir_)) {
        if (entry.path().extension() != ".jsonl") continue;
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);) {
            if (file.eof()) break;  // still being written
            all.push_back(nlohmann::json::parse(line));
        }
    }
    return all;
}

std::vector<nlohmann::json> Gateway::wait_for_records(std::size_t n, milliseconds within) const {
    auto const until = Clock::now() + within;
    for (;;) {
        auto all = records();
        if (all.size() >= n || Clock::now() > until) return all;
        std::this_thread::sleep_for(milliseconds{10});
    }
}

net::WorkerStats Gateway::stats() const {
    net::WorkerStats sum;
    if (stopped_) return sum;
    for (auto const& one : daemon_->worker_stats()) {
        sum.connections_open += one.connections_open;
        sum.connections_accepted += one.connections_accepted;
        sum.requests_in_flight += one.requests_in_flight;
        sum.upstream_open += one.upstream_open;
        sum.upstream_idle += one.upstream_idle;
        sum.upstream_connects += one.upstream_connects;
        sum.upstream_reuses += one.upstream_reuses;
        sum.tasks_running += one.tasks_running;
    }
    return sum;
}

bool Gateway::wait_until(std::function<bool(net::WorkerStats const&)> const& holds,
                         milliseconds within) const {
    auto const until = Clock::now() + within;
    while (!holds(stats())) {
        if (Clock::now() > until) return false;
        std::this_thread::sleep_for(milliseconds{5});
    }
    return true;
}

bool Gateway::wait_until_quiet(milliseconds within) const {
    return wait_until(
        [](auto const& now) {
            return now.requests_in_flight == 0 && now.upstream_open == now.upstream_idle;
        },
        within);
}

long Gateway::resident_kb() {
    std::ifstream file("/proc/self/statm");
    long pages = 0;
    long resident = 0;
    file >> pages >> resident;
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

Headers with_key(std::string_view key) {
    return {{"Authorization", "Bearer " + std::string(key)}, {"Content-Type", "application/json"}};
}

std::string chat_body(std::string_view model, std::string_view more) {
    return fmt::format(R"({{"model":"{}","messages":[{{"role":"user","content":"hi"}}]{}}})", model,
                       more);
}

Request chat_request(std::string_view body) {
    return {"POST", "/v1/chat/completions", with_key(), std::string(body)};
}

}  // namespace sluice::test
