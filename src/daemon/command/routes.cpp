#include <fmt/format.h>
#include <memory>

#include "base/sha256.hpp"
#include "daemon/build.hpp"
#include "daemon/command/command.hpp"
#include "engine/explain.hpp"
#include "stage/auth/yaml_directory.hpp"

namespace sluice::daemon::command {
namespace {

using engine::Standing;

struct Asked {
    std::string path;
    std::string model;
    std::string key;  // "team/name", "" = none
    std::string operation = "chat";
};

std::optional<Operation> to_operation(std::string const& name) {
    for (std::size_t i = 0; i < operation_count; ++i) {
        auto const operation = static_cast<Operation>(i);
        if (to_string(operation) == name) return operation;
    }
    return std::nullopt;
}

// As the data path finds it, with a stand-in for the secret that only its holder knows.
Result<std::shared_ptr<Principal const>> find_key(config::Document const& document,
                                                  std::string const& path) {
    constexpr std::string_view stand_in = "stand-in";
    for (auto team : document.teams) {
        for (auto key : team.keys) {
            if (team.name + "/" + key.name != path) continue;
            key.hashes = {sha256_hex(stand_in)};
            team.keys = {key};
            return stage::YamlDirectory({team}).find(stand_in, Wall::now(), true);
        }
    }
    return client_error(ErrorCode::invalid_api_key, 401,
                        "no key has this name; write team/name, as under keys in the "
                        "configuration");
}

std::string_view why(Standing standing) {
    switch (standing) {
        case Standing::does_not_speak:
            return "left out: the provider does not serve this kind of request";
        case Standing::no_credential:
            return "left out: the provider has no credential";
        case Standing::skipped:
            return "left out: skipped after failures";
        case Standing::open:
            break;
    }
    return "";
}

std::string name_of(engine::Target const& target, std::string const& asked) {
    return fmt::format("{}/{}", target.provider->name, target.model.empty() ? asked : target.model);
}

void print(engine::Explanation const& explanation, Asked const& asked) {
    fmt::print("model  {}\nroute  {}\n", asked.model, explanation.route->name);
    for (std::size_t i = 0; i < explanation.tiers.size(); ++i) {
        fmt::print("tier {}\n", i + 1);
        for (auto const& each : explanation.tiers[i]) {
            auto const name = name_of(*each.target, asked.model);
            if (each.standing == Standing::open) {
                fmt::print("  {:<40} weight {:<8} {:.1f} %\n", name, each.target->weight,
                           each.share * 100);
            } else {
                fmt::print("  {:<40} weight {:<8} {}\n", name, each.target->weight,
                           why(each.standing));
            }
        }
    }
    std::string order;
    for (auto const* target : explanation.plan.targets) {
        order += (order.empty() ? "" : ", ") + name_of(*target, asked.model);
    }
    fmt::print("order  {}\n       (one draw; attempts: at most {})\n", order,
               explanation.route->retry.attempts_max);
}

int explain(Asked const& asked) {
    auto const operation = to_operation(asked.operation);
    auto const loaded = config::load_document(asked.path, load_options());
    if (!loaded.ok() || !operation) {
        print_problems(loaded.problems);
        return exit_usage;
    }
    engine::Runtime runtime;
    auto const built = build(loaded.document, runtime, ProxyEnvironment::read());
    if (!built) {
        fmt::print(stderr, "{}: error: {}\n", asked.path, built.error().message);
        return exit_usage;
    }
    std::shared_ptr<Principal const> principal;
    if (!asked.key.empty()) {
        auto found = find_key(loaded.document, asked.key);
        if (!found) {
            fmt::print(stderr, "key {}: {}\n", asked.key, found.error().message);
            return exit_failed;
        }
        principal = std::move(*found);
    }
    engine::Dice dice{static_cast<std::uint64_t>(Wall::now().time_since_epoch().count())};
    auto const explanation =
        engine::explain(**built, asked.model, *operation, principal.get(), dice, Steady::now());
    if (!explanation) {
        auto const& error = explanation.error();
        fmt::print(stderr, "model {}: {}{}\n", asked.model, error.message,
                   error.detail.empty() ? "" : " (" + error.detail + ")");
        return exit_failed;
    }
    if (loaded.document.trial) {
        fmt::print("trial mode: no provider has a credential, so the mock stands in\n");
    }
    print(*explanation, asked);
    return exit_fine;
}

}  // namespace

void add_routes(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand("routes", "Look at routes.");
    command->require_subcommand(1);
    command->footer("Example: sluice routes explain --model gpt-4o --key search/indexer");
    auto* explained = command->add_subcommand(
        "explain", "Where a model name leads: tiers, targets, shares, and what is left out.");
    auto asked = std::make_shared<Asked>();
    add_config_option(*explained, asked->path);
    explained->add_option("-m,--model", asked->model, "The model name a caller sends")->required();
    explained->add_option(
        "-k,--key", asked->key,
        "A key by its name in the configuration, team/name: may it use the model?");
    explained->add_option("-o,--operation", asked->operation, "chat, complete or embed")
        ->check(CLI::IsMember({"chat", "complete", "embed"}))
        ->capture_default_str();
    explained->footer(
        "Looks at the configuration, not at a running process: GET /admin/routes tells what is "
        "skipped there.\nExit codes: 0 it leads somewhere, 1 it does not, 2 bad usage or bad "
        "configuration.\nExample: sluice routes explain --model gpt-4o --key search/indexer");
    explained->callback([asked, &exit_code] { exit_code = explain(*asked); });
}

}  // namespace sluice::daemon::command
