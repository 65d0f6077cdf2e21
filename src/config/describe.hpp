// The one description of the configuration: each setting with its name, type, range, default and
// sentence, and how it is read. The loader, the JSON schema and docs/reference/config.md come from
// it.
#pragma once

#include "config/binding.hpp"
#include "config/document.hpp"
#include "config/kind.hpp"
#include "config/price.hpp"

namespace sluice::config {

Binding<Document> const& document_description();
Binding<Kind> const& kind_description();             // a file of config/providers/
Binding<PriceList> const& price_list_description();  // a file of config/models/

inline constexpr char const* hidden = "(hidden)";  // in place of a secret

// The parts, one file each.
Binding<Server> describe_server();
Binding<Admin> describe_admin();
Binding<Timeout> describe_timeout();
Binding<Retry> describe_retry();
Binding<Health> describe_health();
Binding<OnDisconnect> describe_on_disconnect();
Binding<std::vector<Provider>> describe_providers();
Binding<std::vector<Route>> describe_routes();
Binding<std::vector<Team>> describe_teams();
Binding<std::vector<ModelPrice>> describe_prices();
Binding<Tags> describe_tags();
Binding<std::vector<Limits>> describe_limit_classes();
Binding<std::optional<Limits>> describe_limit_rules();  // a class's name, or a map
// `of` says what the names are.
Binding<std::vector<NamedLimits>> describe_named_limits(std::string of, Check check);
Binding<std::vector<Shaping>> describe_shaping();
Binding<Telemetry> describe_telemetry();
Binding<std::vector<Guardrail>> describe_guardrails();
Binding<std::vector<GuardrailRef>> describe_guardrail_refs();  // their names
// What OpenTelemetry's environment variables say, where `out` says nothing.
void take_otel_environment(Reader& reader, Traces& out);

Binding<IpRanges> describe_networks();  // IP addresses, networks, "unix"
Binding<AuthScheme> describe_auth_scheme();
Binding<std::vector<std::string>> describe_operations();
// Model names and globs of a team or key; remembered, to be checked against the routes.
Binding<std::vector<std::string>> describe_models();

}  // namespace sluice::config
