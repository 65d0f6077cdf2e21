// See validate.hpp.
#include "config/validate.hpp"

#include <algorithm>
#include <map>

#include "config/address.hpp"
#include "config/kind.hpp"
#include "config/names.hpp"
#include "config/prose.hpp"

namespace sluice::config {
namespace {

constexpr char const* make_a_key =
    "make a key with  key=\"sk-sluice-$(openssl rand -hex 24)\"; echo \"$key\"; printf %s \"$key\" "
    "| "
    "sha256sum  and write  hash: \"sha256:<that sum>\"  in its place";

class Problems {
  public:
    explicit Problems(std::vector<Problem>& out) : out_(out) {}
    void error(Place const& place, std::string message) {
        out_.push_back({place, std::move(message), Problem::Severity::error});
    }
    void warn(Place const& place, std::string message) {
        out_.push_back({place, std::move(message), Problem::Severity::warning});
    }

    // Is something wrong with `setting` already?
    [[nodiscard]] bool has(std::string const& setting) const {
        return std::any_of(out_.begin(), out_.end(), [&setting](auto const& problem) {
            return problem.message.starts_with(setting + ' ');
        });
    }

  private:
    std::vector<Problem>& out_;
};

// A name as written; not the value of a variable.
std::string shown(std::string const& name, std::vector<std::string> const& from_variables) {
    bool const is_hidden =
        std::any_of(from_variables.begin(), from_variables.end(),
                    [&name](auto const& text) { return text.find(name) != text.npos; });
    return is_hidden ? "(not shown: it comes from a variable)" : in_quotes(name);
}

// Addresses in the document have been parsed once: this cannot fail on those.
bool is_loopback(std::string const& address) {
    std::string why;
    auto const parsed = parse_address(address, why);
    return !parsed || parsed->is_loopback();
}

bool takes_any_port(std::string const& address) {
    return !address.starts_with("unix:") && address.ends_with(":0");
}

Listener const* open_listener(Document const& document) {
    for (auto const& listener : document.server.listeners) {
        if (!is_loopback(listener.address)) return &listener;
    }
    return nullptr;
}

void check_listeners(Document const& document, Problems& problems) {
    std::map<std::string, Place> seen;
    auto const claim = [&](std::string const& address, Place const& place) {
        if (address.empty() || takes_any_port(address)) return;
        auto const [first, is_new] = seen.emplace(address, place);
        if (!is_new) {
            problems.error(place, "the address " + in_quotes(address) + " is taken already, at " +
                                      to_text(first->second));
        }
    };
    for (auto const& listener : document.server.listeners) claim(listener.address, listener.place);
    claim(document.admin.address, document.admin.place);
}

void check_proxies(Document const& document, Problems& problems) {
    auto const& server = document.server;
    std::map<std::string, Place> names;
    for (auto const& listener : server.listeners) {
        if (listener.proxy_protocol && server.trusted_proxies.empty()) {
            problems.error(listener.place,
                           "server.listeners[] with proxy_protocol needs server.trusted_proxies: "
                           "the balancer's addresses, as whoever may send such a header can claim "
                           "any address");
        }
        if (listener.name.empty()) continue;
        auto const [first, is_new] = names.emplace(listener.name, listener.place);
        if (is_new) continue;
        problems.error(listener.place, "the listener name " + in_quotes(listener.name) +
                                           " is taken already, at " + to_text(first->second));
    }
}

void check_doors(Document const& document, Problems& problems) {
    auto const* open = open_listener(document);
    bool const has_keys = std::any_of(document.teams.begin(), document.teams.end(),
                                      [](auto const& team) { return !team.keys.empty(); });
    if (document.server.auth == Auth::none) {
        problems.warn(document.server.place,
                      "server.auth is none: whoever reaches a listener may call every model" +
                          std::string(has_keys ? "; the keys are not looked at" : ""));
        if (open != nullptr) {
            problems.error(open->place, "server.auth: none is for loopback listeners only, and " +
                                            in_quotes(open->address) +
                                            " is not one; use 127.0.0.1, or auth: keys");
        }
    } else if (!has_keys) {
        problems.warn(document.server.place,
                      "no client key is configured, so every call is answered 401; add one under "
                      "keys, or say server.auth: none on a loopback listener");
    }
    auto const& admin = document.admin;
    bool const is_open = !admin.address.empty() && !is_loopback(admin.address);
    if (is_open && admin.token.empty() && !problems.has("admin.token")) {
        problems.error(admin.place,
                       "admin.token is needed when admin.address is not loopback; "
                       "write  token: \"${SLUICE_ADMIN_TOKEN}\"");
    }
}

void check_keys(Document const& document, std::chrono::sys_days today, Problems& problems) {
    auto const* open = open_listener(document);
    bool const is_asked = document.server.auth == Auth::keys;
    std::map<std::string, Place> seen;
    for (auto const& team : document.teams) {
        for (auto const& key : team.keys) {
            auto const name = "keys." + team.name + ".keys." + key.name;
            if (key.is_trial && is_asked && open != nullptr) {
                problems.error(key.place, name +
                                              " is the trial key, for loopback listeners only, "
                                              "and " +
                                              in_quotes(open->address) + " is not one; " +
                                              make_a_key);
            }
            if (key.expires && *key.expires <= today) {
                problems.warn(key.place, name + " has expired");
            }
            for (auto const& hash : key.hashes) {
                auto const [first, is_new] = seen.emplace(hash, key.place);
                if (is_new) continue;
                problems.error(key.place, name + " has a secret that stands already at " +
                                              to_text(first->second) + "; each key needs its own");
            }
        }
        if (team.keys.empty()) {
            problems.warn(team.place, "keys." + team.name + " has no keys");
        }
    }
}

// An entry of a key that its team does not allow does nothing.
void check_narrowing(Document const& document, Findings const& findings, Problems& problems) {
    for (auto const& team : document.teams) {
        if (!team.models) continue;
        for (auto const& key : team.keys) {
            if (!key.models) continue;
            for (auto const& model : *key.models) {
                bool const is_allowed =
                    std::any_of(team.models->begin(), team.models->end(),
                                [&](auto const& other) { return do_patterns_meet(other, model); });
                if (is_allowed) continue;
                problems.warn(key.place, "keys." + team.name + ".keys." + key.name + " lists " +
                                             shown(model, findings.from_variables) +
                                             ", which its team may not use; a key "
                                             "narrows its team, never widens it");
            }
        }
    }
}

void check_providers(Document const& document, bool is_read_whole, Problems& problems) {
    for (auto const& provider : document.providers) {
        auto const name = "providers." + provider.name;
        if (!provider.tls_verify) {
            problems.warn(provider.place, name +
                                              ".tls.verify is false: anybody on the way can "
                                              "read and change what is sent");
        }
        std::string why;
        auto const url = parse_url(provider.base_url, why);
        bool const has_credential = std::any_of(provider.keys.begin(), provider.keys.end(),
                                                [](auto const& k) { return !k.value.empty(); });
        if (url && !url->is_tls && has_credential && !is_loopback_host(url->host)) {
            problems.warn(provider.place,
                          name + " sends its credential over http, readable on the way");
        }
        if (provider.is_available() || document.trial || !is_read_whole) continue;
        std::vector<std::string> sources;
        for (auto const& key : provider.keys) sources.push_back(key.source);
        problems.warn(provider.place,
                      name + " is unavailable: " +
                          (sources.empty() ? "it has no keys" : joined(sources) + " not set"));
    }
}

void check_target_names(Document const& document, Route const& route, Findings const& findings,
                        Problems& problems) {
    std::vector<std::string> names;
    for (auto const& provider : document.providers) names.push_back(provider.name);
    for (auto const& tier : route.tiers) {
        for (auto const& target : tier.targets) {
            if (document.provider(target.provider) != nullptr) continue;
            problems.error(target.place, "routes." + route.pattern + " names the provider " +
                                             shown(target.provider, findings.from_variables) +
                                             ", which is not defined" +
                                             suggestion(target.provider, names));
        }
    }
}

void check_mock_place(Document const& document, Route const& route, bool has_real_provider,
                      bool is_read_whole, Problems& problems) {
    bool has_mock = false, has_real = false, is_reachable = false, is_known = true;
    for (auto const& tier : route.tiers) {
        for (auto const& target : tier.targets) {
            auto const* provider = document.provider(target.provider);
            if (provider == nullptr) {
                is_known = false;
                continue;
            }
            (provider->kind == mock_kind ? has_mock : has_real) = true;
            is_reachable = is_reachable || provider->is_available();
        }
    }
    auto const name = "routes." + route.pattern;
    if (has_mock && (has_real || has_real_provider) && !route.allow_mock) {
        problems.error(route.place,
                       name +
                           (has_real ? " mixes the mock with a real provider"
                                     : " goes to the mock while real providers are there") +
                           ", so callers could be answered with made-up text; remove it, or say "
                           "allow_mock: true");
    }
    if (!is_reachable && is_known && !document.trial && is_read_whole) {
        problems.warn(route.place, name + " goes only to providers without a credential");
    }
}

void check_times(Route const& route, Problems& problems) {
    auto const name = "routes." + route.pattern + ".";
    auto const& t = route.timeout;
    if (t.connect_ms > t.total_ms || t.first_byte_ms > t.total_ms || t.idle_ms > t.total_ms) {
        problems.warn(route.place,
                      name + "timeout has a part longer than total_ms, which ends first");
    }
    if (route.retry.backoff_ms > route.retry.backoff_max_ms) {
        problems.warn(route.place, name + "retry.backoff_ms is longer than backoff_max_ms");
    }
}

void check_that_routes_are_there(Document const& document, Problems& problems) {
    if (document.providers.empty() || !document.routes.empty() || document.trial) return;
    auto const& first = document.providers.front();
    problems.warn(first.place,
                  "there are no routes, so every model is answered 404; add one, such as  "
                  "routes: {\"*\": " +
                      first.name + "}");
}

void check_ties(Document const& document, Problems& problems) {
    auto const& routes = document.routes;
    // Only globs with the same text before their '*' can tie; equal names are duplicate keys.
    std::map<std::string_view, std::vector<Route const*>> by_head;
    for (auto const& route : routes) {
        if (!is_glob(route.pattern)) continue;
        auto& others = by_head[std::string_view(route.pattern).substr(0, route.pattern.find('*'))];
        for (auto const* other : others) {
            if (!do_patterns_tie(other->pattern, route.pattern)) continue;
            problems.error(route.place, "the routes " + in_quotes(route.pattern) + " and " +
                                            in_quotes(other->pattern) + " (" +
                                            to_text(other->place) +
                                            ") match the same names and neither is more specific; "
                                            "make the text before one '*' longer");
            break;
        }
        others.push_back(&route);
    }
}

void check_model_references(Document const& document, Findings const& findings,
                            Problems& problems) {
    std::vector<std::string> names;
    for (auto const& route : document.routes) names.push_back(route.pattern);
    for (auto const& reference : findings.references) {
        bool const is_known = std::any_of(names.begin(), names.end(), [&](auto const& name) {
            return do_patterns_meet(name, reference.pattern);
        });
        if (is_known) continue;
        problems.error(reference.place, reference.where + " names the model " +
                                            shown(reference.pattern, findings.from_variables) +
                                            ", which no route matches" +
                                            suggestion(reference.pattern, names));
    }
}

// Every place where guardrails are attached.
template <class See>
void for_each_guardrail_ref(Document const& document, See&& see) {
    auto const all = [&see](std::vector<GuardrailRef> const& refs) {
        for (auto const& ref : refs) see(ref);
    };
    all(document.server.defaults.guardrails);
    for (auto const& route : document.routes) all(route.guardrails);
    for (auto const& team : document.teams) {
        all(team.guardrails);
        for (auto const& key : team.keys) all(key.guardrails);
    }
}

void check_guardrails(Document const& document, Findings const& findings, Problems& problems) {
    std::vector<std::string> names, attached;
    for (auto const& guardrail : document.guardrails) names.push_back(guardrail.name);
    for_each_guardrail_ref(document, [&](GuardrailRef const& ref) {
        attached.push_back(ref.name);
        if (ref.name.empty() || std::find(names.begin(), names.end(), ref.name) != names.end()) {
            return;
        }
        problems.error(ref.place, ref.where + " names the guardrail " +
                                      shown(ref.name, findings.from_variables) +
                                      ", which is not defined" + suggestion(ref.name, names));
    });
    for (auto const& guardrail : document.guardrails) {
        if (std::find(attached.begin(), attached.end(), guardrail.name) != attached.end()) continue;
        problems.warn(guardrail.place, "guardrails." + guardrail.name +
                                           " is attached nowhere, so it does nothing; name it "
                                           "under guardrails of server.defaults, a route, a team "
                                           "or a key");
    }
}

std::vector<std::string> split(std::string const& text) {
    std::vector<std::string> parts(1);
    for (auto const c : text) {
        if (c == ',') {
            parts.emplace_back();
        } else if (c != ' ') {
            parts.back() += c;
        }
    }
    return parts;
}

}  // namespace

void settle_addresses(Document& document, LoadOptions const& options,
                      std::vector<Problem>& problems) {
    auto& listeners = document.server.listeners;
    if (listeners.empty()) {
        auto& only = listeners.emplace_back();
        only.address = "127.0.0.1:8080";
        only.place = document.server.place;
    }
    std::string why;
    if (auto const value = options.env("SLUICE_LISTEN").value_or(""); !value.empty()) {
        Place const place{"environment SLUICE_LISTEN"};
        auto const addresses = split(value);
        if (addresses.size() != listeners.size()) {
            problems.push_back({place, "must give one address for each of the " +
                                           std::to_string(listeners.size()) +
                                           " listeners, comma separated"});
        } else {
            for (std::size_t i = 0; i < addresses.size(); ++i) {
                auto const address = parse_address(addresses[i], why);
                if (!address) problems.push_back({place, why});
                if (address) listeners[i].address = address->text();
                listeners[i].place = place;
            }
        }
    }
    if (auto const value = options.env("SLUICE_ADMIN_LISTEN").value_or(""); !value.empty()) {
        Place const place{"environment SLUICE_ADMIN_LISTEN"};
        auto const address = value == "off" ? Address{} : parse_address(value, why);
        if (!address) problems.push_back({place, why});
        if (address) document.admin.address = value == "off" ? "" : address->text();
        document.admin.place = place;
    }
}

void validate(Document& document, Findings const& findings, LoadOptions const& options,
              std::vector<Problem>& out) {
    Problems problems(out);
    auto const is_mock = [](Provider const& p) { return p.kind == mock_kind; };
    bool const has_mock =
        std::any_of(document.providers.begin(), document.providers.end(), is_mock);
    bool const has_real_provider =
        std::any_of(document.providers.begin(), document.providers.end(),
                    [&](auto const& p) { return !is_mock(p) && p.is_available(); });
    document.trial = options.is_trial_allowed && has_mock && !has_real_provider;

    auto const today = options.today.value_or(
        std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()));
    check_listeners(document, problems);
    check_proxies(document, problems);
    check_doors(document, problems);
    check_keys(document, today, problems);
    check_narrowing(document, findings, problems);
    check_providers(document, findings.is_whole, problems);
    for (auto const& route : document.routes) {
        if (findings.has_providers) {
            check_target_names(document, route, findings, problems);
            check_mock_place(document, route, has_real_provider, findings.is_whole, problems);
        }
        check_times(route, problems);
    }
    check_ties(document, problems);
    validate_prices(document, out);
    if (findings.has_routes && findings.is_whole) check_that_routes_are_there(document, problems);
    if (findings.has_routes) check_model_references(document, findings, problems);
    if (findings.is_whole) check_guardrails(document, findings, problems);
}

}  // namespace sluice::config
