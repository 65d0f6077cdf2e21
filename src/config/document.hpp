// The configuration as words: what config/sluice.yaml says, after strict loading and validation.
// Builds nothing, opens nothing. Every field has its default here; the JSON schema and
// docs/reference/config.md come from the same description as the loader (describe.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/ip.hpp"

#include "base/secret.hpp"
#include "config/limits.hpp"
#include "config/place.hpp"
#include "config/price.hpp"
#include "guard/guard_set.hpp"

namespace sluice::config {

enum class ClientAuth { require, request };

struct Tls {
    std::string cert;       // PEM file
    std::string key;        // PEM file
    std::string client_ca;  // PEM file; "" = clients show no certificate
    ClientAuth client_auth = ClientAuth::require;
};

struct Listener {
    std::string address;  // "127.0.0.1:8080", "[::1]:8443", "unix:/run/sluice.sock"
    std::optional<Tls> tls;
    std::string base_path;  // "" or "/prefix"
    std::string name;       // of a socket that is inherited (LISTEN_FDNAMES); "" = by address only
    bool proxy_protocol = false;
    Place place;
};

struct Timeout {  // every field optional in YAML; inherits field by field
    std::int64_t connect_ms = 2000;
    std::int64_t first_byte_ms = 30'000;
    std::int64_t idle_ms = 60'000;
    std::int64_t total_ms = 600'000;
};

struct Retry {
    // Which failures are tried again: connect, timeout, reset, 408, 409, 429, 5xx, any single
    // 4xx/5xx status as text.
    std::vector<std::string> when = {"connect", "timeout", "reset", "429", "5xx"};
    int attempts_max = 3;  // in all, the first included
    std::int64_t backoff_ms = 200;
    std::int64_t backoff_max_ms = 5'000;
};

struct Health {  // skip a target that fails
    int failures_in_a_row = 5;
    std::int64_t skip_ms = 10'000;
};

// What happens upstream when the caller goes away: the answer is cut off, or read on for its usage.
enum class OnDisconnect { cancel, drain };
// What happens where a target's dialect has no place for a part of the request.
enum class OnLoss { report, reject };
enum class ManyChoices { refuse, fan_out };

struct GuardrailRef {  // where a guardrail is attached
    std::string name;
    std::string where;  // "routes.gpt-*.guardrails[0]"
    Place place;
};

struct Defaults {
    Timeout timeout;
    Retry retry;
    Health health;
    OnDisconnect on_disconnect = OnDisconnect::cancel;
    std::vector<GuardrailRef> guardrails;  // of every request
};

struct Cors {
    std::vector<std::string> allow_origins;  // exact origins or "*"
    std::vector<std::string> allow_headers;
    std::int64_t max_age_s = 600;
};

struct Bounds {  // server.limits
    std::int64_t head_bytes_max = 32 * 1024;
    std::int64_t header_count_max = 100;
    std::int64_t body_bytes_max = 32 * 1024 * 1024;
    std::int64_t response_bytes_max = 64 * 1024 * 1024;
    std::int64_t frame_bytes_max = 1024 * 1024;
    std::int64_t connections_max = 20'000;         // of a listener, all workers
    std::int64_t connections_per_address_max = 0;  // of a listener; 0 = none
    std::int64_t requests_in_flight_max = 10'000;  // all workers; 0 = none
    std::int64_t body_bytes_in_flight_max = 1024LL * 1024 * 1024;
    std::int64_t head_timeout_ms = 10'000;
    std::int64_t body_idle_ms = 30'000;
    std::int64_t keep_alive_idle_ms = 75'000;
    std::int64_t write_idle_ms = 30'000;
    std::int64_t body_rate_min = 512;     // bytes a second; 0 = none
    std::int64_t write_rate_min = 512;    // bytes a second; 0 = none
    std::int64_t peek_bytes = 64 * 1024;  // how far an answer is read before it must speak
    std::int64_t peek_ms = 0;             // 0 = first_byte_ms
};

// server.upstreams: connections to providers. Counts are of one worker and one address (scheme,
// host, port, TLS settings, proxy).
struct Upstreams {
    std::int64_t connections_max = 20'000;
    std::int64_t idle_max = 256;
    std::int64_t idle_ms = 60'000;
    std::int64_t head_bytes_max = 64 * 1024;
    std::int64_t header_count_max = 200;
};

struct AuthThrottle {   // per client address
    int failures = 50;  // keys that are not known, within window_s; 0 = no throttle
    int window_s = 60;
    int block_s = 60;
};

enum class Auth { keys, none };
enum class ForwardedHeader { any, x_forwarded_for, forwarded };
enum class HalfClose { cancel, allow };

struct Server {
    std::vector<Listener> listeners;  // default: 127.0.0.1:8080
    Auth auth = Auth::keys;
    AuthThrottle auth_throttle;
    IpRanges trusted_proxies;
    ForwardedHeader forwarded_header = ForwardedHeader::any;
    int workers = 0;  // 0 = one per core
    HalfClose half_close = HalfClose::cancel;
    Defaults defaults;
    std::optional<Cors> cors;
    Bounds limits;
    Upstreams upstreams;
    std::int64_t drain_ms = 30'000;
    // Answer headers that tell a caller what happened: request-id is always there.
    std::vector<std::string> response_headers = {"route", "provider", "model", "attempts"};
    Place place;
};

struct Admin {
    std::string address = "127.0.0.1:9090";  // "" = no admin listener
    Secret token;                            // empty: allowed on loopback only
    Place place;
};

struct Credential {
    std::string name;
    Secret value;        // empty = a reference that resolved to nothing: unavailable
    std::string source;  // "OPENAI_KEY_1", "file:/run/secrets/x", "in clear": shown at start
    int weight = 1;
    std::optional<Limits> limits;
    Place place;
};

// How a provider takes a credential.
enum class AuthScheme { bearer, x_api_key, api_key, none };

// Changes to the members of a request's root on its way to a provider. Values are JSON texts.
struct Shaping {
    std::vector<std::string> models;  // globs of the provider's model names; empty = all
    std::vector<std::string> drop;
    std::map<std::string, std::string> rename;
    std::map<std::string, std::string> defaults;
    std::map<std::string, std::pair<std::string, std::string>> clamp;  // least, most; "" = none
    std::map<std::string, std::map<std::string, std::string>> map;
};

struct MockOptions {  // only for kind mock
    std::string dialect = "openai_chat";
    std::int64_t chunk_ms = 0;       // pause between stream chunks
    std::int64_t first_byte_ms = 0;  // pause before the answer
    std::string fault;               // see docs/guide/mock.md; "" = none
};

struct Provider {
    std::string name;
    std::string kind;       // a file of config/providers/, or mock
    std::string otel_name;  // its gen_ai.provider.name in traces; "" = its own name
    std::string dialect = "openai_chat";
    std::string base_url;  // with its path prefix, no trailing slash
    AuthScheme auth = AuthScheme::bearer;
    std::vector<Credential> keys;
    std::map<std::string, std::string> headers;  // extra request headers
    std::string egress_proxy;    // "" = HTTPS_PROXY/NO_PROXY of the environment; "none" = direct
    Secret egress_proxy_secret;  // the proxy URL when it holds credentials
    std::string tls_ca;
    std::string tls_sni;
    bool tls_verify = true;
    std::string accept_encoding = "identity";
    std::string credential_env;  // the environment variable looked for when no keys are given
    MockOptions mock;
    std::string prices;  // the price list of its models; "" = none
    std::string max_output_name = "max_tokens";
    std::vector<Shaping> shape;
    // Operations it speaks: "chat", "complete", "embed".
    std::vector<std::string> operations = {"chat", "complete", "embed"};
    bool needs_credential = true;
    std::optional<Limits> limits;
    std::vector<NamedLimits> target_limits;  // by its name of a model
    Place place;

    [[nodiscard]] bool is_available() const;  // mock, or needs none, or has a non-empty credential
};

struct TargetRef {
    std::string provider;
    std::string model;  // "" = the client's model name goes through
    int weight = 1;
    Place place;
};

struct Tier {
    std::vector<TargetRef> targets;
};

struct Route {
    std::string pattern;  // exact name, or one '*' glob
    std::vector<Tier> tiers;
    Timeout timeout;  // already merged with the defaults
    Retry retry;
    Health health;
    OnDisconnect on_disconnect = OnDisconnect::cancel;
    OnLoss on_loss = OnLoss::report;
    ManyChoices many_choices = ManyChoices::refuse;
    bool allow_mock = false;
    std::vector<GuardrailRef> guardrails;  // beside those of the defaults
    std::optional<Limits> limits;
    std::optional<std::int64_t> output_tokens_max;  // where a token or USD limit has to know
    Place place;
};

struct Key {
    std::string team;
    std::string name;
    std::vector<std::string>
        hashes;  // lower-case hex SHA-256 of the secret; `value:` arrives hashed
    std::optional<std::chrono::sys_days> expires;  // valid through the day before, UTC
    bool disabled = false;
    std::optional<std::vector<std::string>> models;  // globs; nullopt = all of the team's
    std::optional<IpRanges> allow_from;              // nullopt = from anywhere the team may
    std::optional<Limits> limits;
    Priority priority = Priority::normal;
    bool may_override = false;             // x-sluice-timeout-ms, -retries may loosen
    std::vector<GuardrailRef> guardrails;  // beside the team's
    bool is_trial = false;                 // the shipped key: loopback listeners only
    Place place;
};

struct Team {
    std::string name;
    std::optional<std::vector<std::string>> models;  // globs; nullopt = every route
    std::optional<IpRanges> allow_from;              // nullopt = from anywhere
    std::vector<GuardrailRef> guardrails;            // beside those of the defaults
    std::optional<Limits> limits;                    // its keys share them
    std::optional<Limits> user_limits;               // each end user has its own
    std::vector<Key> keys;
    Place place;
};

// Something that is looked for in texts, and what becomes of it.
struct Guardrail {
    std::string name;
    std::vector<std::string> scan = {"request", "response"};
    std::vector<std::string> detect;
    std::vector<std::string> patterns;
    guard::Action action = guard::Action::block;
    std::int64_t hold_bytes_max = 512;
    guard::OnOverflow on_overflow = guard::OnOverflow::block;
    guard::OnUnscannable on_unscannable = guard::OnUnscannable::pass;
    Place place;

    [[nodiscard]] bool scans(std::string_view way) const;
};

// What callers may say about a request so that its cost can be told apart.
struct Tags {
    std::vector<std::string> names = {"*"};  // those that are kept; "*": any
    bool from_metadata = true;               // OpenAI's `metadata` as well as x-sluice-tags
    std::int64_t values_max = 1000;          // different values of one name, per worker and run
    std::int64_t users_max = 10'000;         // different end users, per worker and run
    std::vector<NamedLimits> limits;         // by tag: "name" (each value its own) or "name=value"
};

struct Retention {        // 0 = for ever
    int rows_days = 30;   // rows of single requests in sluice.db; sums per day stay
    int ledger_days = 0;  // ledger files
};

struct Storage {
    std::string dir = "./data";  // relative to the working directory
    Retention retention;
};

struct Ledger {  // the file of usage records
    enum class OnFailure { serve, refuse };
    enum class Sync { never, interval };
    std::int64_t rotate_bytes_max = 256 * 1024 * 1024;
    int rotate_hours = 24;
    std::string spill_dir;  // "" = below the system's temporary directory
    OnFailure on_failure = OnFailure::serve;
    Sync sync = Sync::never;
    std::int64_t sync_ms = 1000;
};

struct AccessLog {
    enum class Format { json, text, off };
    Format format = Format::json;
    std::string path;   // "" = standard output
    double sample = 1;  // share of the requests answered well that are written; others all are
};

struct Traces {            // OpenTelemetry, OTLP over HTTP as JSON
    std::string endpoint;  // the whole URL, with its path; "" = off
    std::map<std::string, Secret> headers;
    double sample = 1;                 // share of the traces that begin here
    bool follow_parent = true;         // a caller's decision to sample or not holds
    bool propagate = false;            // traceparent and tracestate go to providers
    std::string tls_ca;                // PEM file; "" = the system's authorities
    std::int64_t timeout_ms = 10'000;  // one request to the collector
    std::string service_name = "sluice";
    std::map<std::string, std::string> resource;  // further attributes of every span's resource
};

struct BudgetWebhook {  // told when a budget is half, four fifths and all spent
    std::string url;    // "" = off
    Secret secret;      // signs what is sent; empty: not signed
    std::int64_t timeout_ms = 5'000;
    int attempts_max = 8;
};

struct Telemetry {
    AccessLog access_log;
    Traces traces;
    BudgetWebhook budget_webhook;
    std::string log_level = "info";  // debug, info, warn, error
};

struct Document {
    std::vector<Limits> limits;  // the named classes
    Server server;
    Admin admin;
    std::vector<Provider> providers;     // in file order
    std::vector<Route> routes;           // in file order
    std::vector<Team> teams;             // `keys:` in YAML
    std::vector<ModelPrice> prices;      // by provider/model; over the lists
    std::vector<PriceList> price_lists;  // built in, and of models/ beside the file
    std::vector<Guardrail> guardrails;   // in file order
    Tags tags;
    Storage storage;
    Ledger ledger;
    Telemetry telemetry;
    bool trial = false;  // no real credential was found: every model is served by the mock
    std::vector<Problem> warnings;

    [[nodiscard]] Provider const* provider(std::string_view name) const;
};

}  // namespace sluice::config
