#include "daemon/banner.hpp"

#include <fmt/format.h>

#include "base/version.hpp"

namespace sluice::daemon {
namespace {

// An address that can be connected to: "all interfaces" is reached through loopback.
std::string reachable(std::string address) {
    if (address.starts_with("0.0.0.0:")) return "127.0.0.1" + address.substr(7);
    if (address.starts_with("[::]:")) return "[::1]" + address.substr(4);
    return address;
}

std::string url_of(Daemon const& daemon, std::size_t index) {
    auto const& described = daemon.document().server.listeners[index];
    auto const& address = daemon.address(index);
    if (address.starts_with("unix:")) return address;
    return fmt::format("{}://{}{}", described.tls ? "https" : "http", reachable(address),
                       described.base_path);
}

std::string example_model(config::Document const& document) {
    for (auto const& route : document.routes) {
        // One for chat, as far as a name can tell.
        bool const is_plain = route.pattern.find('*') == std::string::npos &&
                              route.pattern.find("embed") == std::string::npos;
        if (is_plain) return route.pattern;
    }
    return "gpt-4o-mini";
}

bool has_trial_key(config::Document const& document) {
    for (auto const& team : document.teams) {
        for (auto const& key : team.keys) {
            if (key.is_trial && !key.disabled) return true;
        }
    }
    return false;
}

std::string credential_lines(config::Document const& document) {
    std::string found;
    std::string missing;
    for (auto const& provider : document.providers) {
        if (provider.kind == "mock" || !provider.needs_credential) continue;
        bool any = false;
        for (auto const& key : provider.keys) {
            if (key.value.empty()) continue;
            any = true;
            found += fmt::format("{}{} from {} ({})", found.empty() ? "" : ", ", provider.name,
                                 key.source, key.value.hint());
        }
        if (any) continue;
        std::string wanted;
        for (auto const& key : provider.keys) {
            wanted += fmt::format("{}{}", wanted.empty() ? "" : " or ", key.source);
        }
        if (wanted.empty()) wanted = provider.credential_env;
        missing += fmt::format("{}{} (looked for {})", missing.empty() ? "" : ", ", provider.name,
                               wanted.empty() ? "keys in the config" : wanted);
    }
    std::string lines = fmt::format("  credentials  {}\n", found.empty() ? "none found" : found);
    if (!missing.empty()) lines += fmt::format("  unavailable  {}\n", missing);
    return lines;
}

std::string target_text(config::TargetRef const& target) {
    auto text = target.model.empty() ? target.provider : target.provider + "/" + target.model;
    if (target.weight != 1) text += fmt::format(":{}", target.weight);
    return text;
}

bool leads_to_mocks_only(config::Document const& document, config::Route const& route) {
    for (auto const& tier : route.tiers) {
        for (auto const& target : tier.targets) {
            auto const* provider = document.provider(target.provider);
            if (provider && provider->kind != "mock") return false;
        }
    }
    return true;
}

std::string route_lines(config::Document const& document) {
    std::string lines;
    for (auto const& route : document.routes) {
        std::string way;
        for (auto const& tier : route.tiers) {
            if (!way.empty()) way += ", then ";
            for (std::size_t i = 0; i < tier.targets.size(); ++i) {
                way += (i == 0 ? "" : " | ") + target_text(tier.targets[i]);
            }
        }
        if (document.trial && !leads_to_mocks_only(document, route)) {
            way = "mock (instead of " + way + ")";
        }
        lines +=
            fmt::format("  {:<11}  {} -> {}\n", lines.empty() ? "routes" : "", route.pattern, way);
    }
    if (document.trial) lines += "               any other model -> mock\n";
    return lines;
}

std::string paste_lines(Daemon const& daemon) {
    auto const url = first_url(daemon);
    if (url.empty()) return {};
    auto const& document = daemon.document();
    std::string const key = has_trial_key(document) ? "sk-sluice-trial" : "YOUR_SLUICE_KEY";
    auto const model = example_model(document);
    return fmt::format(
        "\nTry it:\n"
        "  curl -N {0}/v1/chat/completions -H 'Authorization: Bearer {1}' -H 'Content-Type: "
        "application/json' -d '{{\"model\":\"{2}\",\"stream\":true,\"messages\":[{{\"role\":"
        "\"user\",\"content\":\"Hello\"}}]}}'\n"
        "  python3 -c 'from openai import OpenAI; print(OpenAI(base_url=\"{0}/v1\", api_key="
        "\"{1}\").chat.completions.create(model=\"{2}\", messages=[{{\"role\": \"user\", "
        "\"content\": \"Hello\"}}]).choices[0].message.content)'\n"
        "  node --input-type=module -e 'import OpenAI from \"openai\"; console.log((await new "
        "OpenAI({{baseURL: \"{0}/v1\", apiKey: \"{1}\"}}).chat.completions.create({{model: "
        "\"{2}\", messages: [{{role: \"user\", content: \"Hello\"}}]}})).choices[0].message."
        "content)'\n",
        url, key, model);
}

}  // namespace

std::string first_url(Daemon const& daemon) {
    auto const count = daemon.document().server.listeners.size();
    for (std::size_t i = 0; i < count; ++i) {
        auto url = url_of(daemon, i);
        if (!url.starts_with("unix:")) return url;
    }
    return {};
}

std::string banner(Daemon const& daemon, std::string const& config_path) {
    auto const& document = daemon.document();
    std::string text = fmt::format("sluice {}\n  config       {}\n", version(), config_path);
    for (std::size_t i = 0; i < document.server.listeners.size(); ++i) {
        text += fmt::format("  {:<11}  {}\n", i == 0 ? "listening" : "", url_of(daemon, i));
    }
    if (!daemon.admin_address().empty()) {
        text += fmt::format("  admin        http://{}\n", reachable(daemon.admin_address()));
    }
    text += credential_lines(document);
    text += route_lines(document);
    if (document.trial) {
        text +=
            "  trial mode: no provider credential was found, so the built-in mock answers "
            "every model.\n";
    }
    if (document.server.auth == config::Auth::none) {
        text +=
            "  WARNING: server.auth is none: everybody who reaches this machine's loopback may "
            "use it.\n";
    }
    text += paste_lines(daemon);
    return text;
}

std::string started_line(Daemon const& daemon, std::string const& config_path) {
    auto const& document = daemon.document();
    std::string urls;
    for (std::size_t i = 0; i < document.server.listeners.size(); ++i) {
        urls += (i == 0 ? "" : ", ") + url_of(daemon, i);
    }
    return fmt::format("sluice {} started: config {}, listening on {}, admin {}, {} workers{}{}",
                       version(), config_path, urls,
                       daemon.admin_address().empty() ? "off" : daemon.admin_address(),
                       daemon.worker_count(), document.trial ? ", trial mode (mock)" : "",
                       document.server.auth == config::Auth::none ? ", AUTH IS OFF" : "");
}

}  // namespace sluice::daemon
