#include "daemon/build.hpp"

#include <array>
#include <charconv>
#include <cstdlib>
#include <fmt/format.h>
#include <map>
#include <set>

#include "codec/sha256.hpp"
#include "dialect/anthropic/anthropic.hpp"
#include "dialect/openai_chat/openai_chat.hpp"
#include "net/proxy.hpp"
#include "net/tls.hpp"
#include "provider/mock/mock.hpp"
#include "stage/auth/yaml_directory.hpp"
#include "stage/limiter/token_limiter.hpp"

namespace sluice::daemon {
namespace {

using provider::Provider;

// Every dialect there is. A new one is a line here.
std::array<Dialect const*, 2> const dialects = {&dialect::openai_chat(),
                                                &dialect::anthropic_messages()};

constexpr std::string_view trial_provider = "mock";

Error build_error(std::string message) {
    return gateway_error(ErrorCode::internal, 500, std::move(message));
}

struct BaseUrl {
    std::string scheme;
    std::string host;
    std::uint16_t port = 0;
    std::string path;
    std::string authority;  // for Host
};

// The loader has checked the shape: scheme "://" authority path.
Result<BaseUrl> split_url(std::string const& url) {
    BaseUrl parts;
    auto const scheme_end = url.find("://");
    if (scheme_end == std::string::npos) return build_error("no scheme in base_url '" + url + "'");
    parts.scheme = url.substr(0, scheme_end);
    auto const authority_at = scheme_end + 3;
    auto const path_at = std::min(url.find('/', authority_at), url.size());
    parts.authority = url.substr(authority_at, path_at - authority_at);
    parts.path = url.substr(path_at);
    while (parts.path.ends_with('/')) parts.path.pop_back();

    std::string_view rest = parts.authority;
    std::string_view port;
    if (rest.starts_with('[')) {
        auto const end = rest.find(']');
        if (end == std::string_view::npos) return build_error("bad host in '" + url + "'");
        parts.host = rest.substr(1, end - 1);
        if (rest.size() > end + 1) port = rest.substr(end + 2);
    } else {
        auto const colon = rest.find(':');
        parts.host = rest.substr(0, colon);
        if (colon != std::string_view::npos) port = rest.substr(colon + 1);
    }
    parts.port = parts.scheme == "https" ? 443 : 80;
    if (!port.empty()) {
        auto const* end = port.data() + port.size();
        auto const [at, error] = std::from_chars(port.data(), end, parts.port);
        if (error != std::errc{} || at != end) return build_error("bad port in '" + url + "'");
    }
    return parts;
}

std::string secret_digest(Secret const& secret) {
    return codec::to_hex(codec::sha256(secret.reveal())).substr(0, 16);
}

class Builder {
  public:
    Builder(config::Document const& document, engine::Runtime& runtime,
            ProxyEnvironment const& environment, std::shared_ptr<stage::LimitState> limits)
        : document_(document),
          runtime_(runtime),
          environment_(environment),
          limit_state_(std::move(limits)) {}

    Result<std::shared_ptr<engine::Snapshot const>> run() {
        snapshot_ = std::make_shared<engine::Snapshot>();
        snapshot_->trial = document_.trial;
        snapshot_->loaded_at = Wall::now();
        auto limited = add_limiter();
        if (!limited) return std::move(limited).error();
        for (auto const& described : document_.providers) {
            auto added = add_provider(described);
            if (!added) return std::move(added).error();
        }
        if (document_.trial) {
            auto made = ensure_trial_provider();
            if (!made) return std::move(made).error();
        }
        auto guarded = add_guards();
        if (!guarded) return std::move(guarded).error();
        add_routes();
        if (document_.server.auth == config::Auth::keys) {
            snapshot_->directory = std::make_shared<stage::YamlDirectory>(
                document_.teams, [this](auto const& refs) { return guards_of(refs); });
        }
        add_server_settings();
        return std::shared_ptr<engine::Snapshot const>{std::move(snapshot_)};
    }

  private:
    // Every set of guards that a request can have is compiled here.
    Result<void> add_guards() {
        if (document_.guardrails.empty()) return {};
        std::vector<guard::Guard> guards;
        for (auto const& described : document_.guardrails) {
            guards.push_back({described.name, described.scans("request"),
                              described.scans("response"), described.detect, described.patterns,
                              described.action, static_cast<std::size_t>(described.hold_bytes_max),
                              described.on_overflow, described.on_unscannable});
        }
        auto made = guard::GuardBook::create(std::move(guards));
        if (!made) return std::move(made).error();
        book_ = made->get();
        auto const defaults = guards_of(document_.server.defaults.guardrails);
        std::set<guard::GuardBook::Mask> routes{0}, callers{0};
        for (auto const& route : document_.routes) routes.insert(guards_of(route.guardrails));
        for (auto const& team : document_.teams) {
            for (auto const& key : team.keys) {
                callers.insert(guards_of(team.guardrails) | guards_of(key.guardrails));
            }
        }
        for (auto const route : routes) {
            for (auto const caller : callers) {
                auto added = book_->add(defaults | route | caller);
                if (!added) return std::move(added).error();
            }
        }
        snapshot_->guard_defaults = defaults;
        snapshot_->guards = std::move(*made);
        return {};
    }

    [[nodiscard]] guard::GuardBook::Mask guards_of(
        std::vector<config::GuardrailRef> const& refs) const {
        std::vector<std::string> names;
        for (auto const& ref : refs) names.push_back(ref.name);
        return book_ ? book_->mask_of(names) : 0;
    }

    Result<void> add_limiter() {
        if (!limit_state_) return {};
        auto made = stage::TokenLimiter::create(document_, limit_state_);
        if (!made) return std::move(made).error();
        if ((*made)->is_empty()) return {};
        limiter_ = *made;
        snapshot_->limiter = std::move(*made);
        return {};
    }

    Result<void> add_provider(config::Provider const& described) {
        auto provider = std::make_unique<Provider>();
        provider->name = described.name;
        provider->system = described.otel_name.empty() ? described.name : described.otel_name;
        for (auto const* dialect : dialects) {
            auto const& spoken =
                described.kind == "mock" ? described.mock.dialect : described.dialect;
            if (dialect->name == spoken) provider->dialect = dialect;
        }
        if (!provider->dialect) {
            return build_error(fmt::format("provider '{}': no dialect '{}' is built in",
                                           described.name, described.dialect));
        }
        provider->max_output_name = described.max_output_name;
        if (limiter_) provider->limits = limiter_->provider(described.name);
        for (auto const& rule : described.shape) provider->shape.push_back(shape_rule(rule));
        provider->prices = provider::make_prices(described.name, described.prices, document_.prices,
                                                 document_.price_lists);
        provider->speaks.fill(false);
        for (auto const& operation : described.operations) {
            for (std::size_t i = 0; i < operation_count; ++i) {
                if (to_string(static_cast<Operation>(i)) == operation) provider->speaks[i] = true;
            }
        }
        // Who chats also counts what it would read, where the dialect has a way to ask.
        auto const speaks = [&](Operation operation) -> bool& {
            return provider->speaks[static_cast<std::size_t>(operation)];
        };
        speaks(Operation::count) = speaks(Operation::chat);
        if (described.kind == "mock") {
            auto made = set_up_mock(*provider, described.mock);
            if (!made) return made;
        } else {
            auto connected = set_up_endpoint(*provider, described);
            if (!connected) return connected;
            add_credentials(*provider, described);
        }
        snapshot_->providers.push_back(std::move(provider));
        return {};
    }

    Result<void> set_up_mock(Provider& provider, config::MockOptions const& options) {
        auto const identity = fmt::format("{}/{}/{}/{}", provider.name, options.chunk_ms,
                                          options.first_byte_ms, options.fault);
        std::string problem;
        auto handler = runtime_.inproc(identity, [&]() -> std::shared_ptr<net::Handler> {
            auto mock = provider::mock::Mock::create(options);
            if (mock) return std::move(*mock);
            problem = mock.error().message;
            return nullptr;
        });
        if (!handler) {
            return build_error(fmt::format("provider '{}': {}", provider.name, problem));
        }
        provider.is_mock = true;
        provider.needs_credential = false;
        provider.endpoint.scheme = "inproc";
        provider.endpoint.host = identity;
        provider.endpoint.inproc = std::move(handler);
        provider.endpoint.host_header = "mock";
        provider.endpoint.seal();
        provider.path_prefix = "/v1";
        return {};
    }

    Result<void> set_up_endpoint(Provider& provider, config::Provider const& described) {
        auto url = split_url(described.base_url);
        if (!url) return std::move(url).error();
        auto& endpoint = provider.endpoint;
        endpoint.scheme = url->scheme;
        endpoint.host = url->host;
        endpoint.port = url->port;
        endpoint.host_header = url->authority;
        endpoint.sni = described.tls_sni.empty() ? url->host : described.tls_sni;
        provider.path_prefix = url->path;
        if (endpoint.scheme == "https") {
            auto tls = tls_client(described);
            if (!tls) return std::move(tls).error();
            endpoint.tls = std::move(*tls);
        }
        endpoint.proxy = egress_proxy(described, endpoint);
        endpoint.seal();
        provider.accept_encoding = described.accept_encoding;
        for (auto const& [name, value] : described.headers) {
            if (!provider.headers.add(name, value)) {
                return build_error(
                    fmt::format("provider '{}': header '{}' cannot be sent", described.name, name));
            }
        }
        return {};
    }

    Result<std::shared_ptr<net::TlsClient const>> tls_client(config::Provider const& described) {
        auto& known = tls_clients_[{described.tls_ca, described.tls_verify}];
        if (known) return known;
        auto made = net::TlsClient::create({described.tls_ca, described.tls_verify});
        if (!made) {
            return build_error(fmt::format(
                "provider '{}': {}", described.name,
                made.error().detail.empty() ? made.error().message : made.error().detail));
        }
        known = std::move(*made);
        return known;
    }

    [[nodiscard]] std::string egress_proxy(config::Provider const& described,
                                           net::Endpoint const& endpoint) const {
        if (described.egress_proxy == "none") return {};
        if (!described.egress_proxy_secret.empty()) {
            return std::string{described.egress_proxy_secret.reveal()};
        }
        if (!described.egress_proxy.empty()) return described.egress_proxy;
        return net::proxy_for(endpoint.scheme, endpoint.host, endpoint.port,
                              environment_.https_proxy, environment_.http_proxy,
                              environment_.no_proxy);
    }

    static dialect::ShapeRule shape_rule(config::Shaping const& described) {
        dialect::ShapeRule rule{
            described.models, described.drop, described.rename, described.defaults, {},
            described.map};
        for (auto const& [name, range] : described.clamp) {
            auto& clamp = rule.clamp[name];
            clamp.least_text = range.first;
            clamp.most_text = range.second;
            if (!range.first.empty()) clamp.least = std::stod(range.first);
            if (!range.second.empty()) clamp.most = std::stod(range.second);
        }
        return rule;
    }

    void add_credentials(Provider& provider, config::Provider const& described) {
        // Keys that were written down are needed, also where the kind could do without.
        provider.needs_credential = described.needs_credential || !described.keys.empty();
        switch (described.auth) {
            case config::AuthScheme::bearer:
                provider.auth_header = "authorization";
                provider.auth_prefix = "Bearer ";
                break;
            case config::AuthScheme::x_api_key:
                provider.auth_header = "x-api-key";
                break;
            case config::AuthScheme::api_key:
                provider.auth_header = "api-key";
                break;
            case config::AuthScheme::none:
                provider.needs_credential = false;
                return;
        }
        for (auto const& key : described.keys) {
            if (key.value.empty()) continue;  // a reference that led to nothing: unavailable
            auto const identity = provider.name + '\n' + key.name + '\n' + secret_digest(key.value);
            provider.credentials.push_back(
                {key.name, key.value, key.weight, runtime_.credential_health(identity),
                 runtime_.call_stats("credential\n" + identity),
                 limiter_ ? limiter_->credential(provider.name, key.name) : nullptr});
        }
    }

    Result<void> ensure_trial_provider() {
        if (mock_provider()) return {};
        auto provider = std::make_unique<Provider>();
        provider->name = trial_provider;
        provider->system = trial_provider;
        provider->dialect = &dialect::openai_chat();
        auto made = set_up_mock(*provider, {});
        if (!made) return made;
        snapshot_->providers.push_back(std::move(provider));
        return {};
    }

    [[nodiscard]] Provider const* find_provider(std::string_view name) const {
        for (auto const& provider : snapshot_->providers) {
            if (provider->name == name) return provider.get();
        }
        return nullptr;
    }

    [[nodiscard]] Provider const* mock_provider() const {
        for (auto const& provider : snapshot_->providers) {
            if (provider->is_mock) return provider.get();
        }
        return nullptr;
    }

    engine::Target make_target(Provider const& provider, std::string model, int weight) {
        auto const identity = provider.endpoint.identity() + provider.path_prefix + '\n' + model;
        auto health = runtime_.target_health(identity, model.empty());
        auto stats = runtime_.call_stats("target\n" + identity);
        auto limits = limiter_ ? limiter_->target(provider.name, model) : nullptr;
        return {&provider,         std::move(model), weight,
                std::move(health), std::move(stats), std::move(limits)};
    }

    void add_routes() {
        bool has_catch_all = false;
        for (auto const& described : document_.routes) {
            has_catch_all = has_catch_all || described.pattern == "*";
            add_route(described);
        }
        if (document_.trial && !has_catch_all) {
            config::Route any;
            any.pattern = "*";
            any.timeout = document_.server.defaults.timeout;
            any.retry = document_.server.defaults.retry;
            any.health = document_.server.defaults.health;
            add_route(any);
        }
        snapshot_->routes.seal();
    }

    void add_route(config::Route const& described) {
        engine::Route route;
        route.name = described.pattern;
        route.timeout = {milliseconds{described.timeout.connect_ms},
                         milliseconds{described.timeout.first_byte_ms},
                         milliseconds{described.timeout.idle_ms},
                         milliseconds{described.timeout.total_ms}};
        route.retry = retry_policy(described.retry);
        route.drains = described.on_disconnect == config::OnDisconnect::drain;
        route.guards = guards_of(described.guardrails);
        route.output_tokens_max = described.output_tokens_max.value_or(0);
        route.refuses_losses = described.on_loss == config::OnLoss::reject;
        route.fans_out = described.many_choices == config::ManyChoices::fan_out;
        route.health = {static_cast<std::uint32_t>(described.health.failures_in_a_row),
                        milliseconds{described.health.skip_ms}};
        // In trial mode the mock stands in for what is not there; routes to mocks stay as they are.
        if (document_.trial && !leads_to_mocks_only(described)) {
            route.tiers.emplace_back().targets.push_back(make_target(*mock_provider(), {}, 1));
            snapshot_->routes.add(std::move(route));
            return;
        }
        for (auto const& tier : described.tiers) {
            auto& targets = route.tiers.emplace_back().targets;
            for (auto const& ref : tier.targets) {
                auto const* provider = find_provider(ref.provider);
                if (provider) targets.push_back(make_target(*provider, ref.model, ref.weight));
            }
        }
        snapshot_->routes.add(std::move(route));
    }

    [[nodiscard]] bool leads_to_mocks_only(config::Route const& described) const {
        for (auto const& tier : described.tiers) {
            for (auto const& ref : tier.targets) {
                auto const* provider = find_provider(ref.provider);
                if (provider && !provider->is_mock) return false;
            }
        }
        return !described.tiers.empty();
    }

    static engine::RetryPolicy retry_policy(config::Retry const& described) {
        engine::RetryPolicy policy;
        policy.on_connect = policy.on_timeout = policy.on_reset = false;
        for (auto const& when : described.when) {
            int status = 0;
            if (when == "connect") {
                policy.on_connect = true;
            } else if (when == "timeout") {
                policy.on_timeout = true;
            } else if (when == "reset") {
                policy.on_reset = true;
            } else if (when == "5xx") {
                for (std::size_t s = 500; s < 600; ++s) policy.on_status.set(s);
            } else if (std::from_chars(when.data(), when.data() + when.size(), status).ec ==
                           std::errc{} &&
                       status >= 0 && status < 600) {
                policy.on_status.set(static_cast<std::size_t>(status));
            }
        }
        policy.attempts_max = described.attempts_max;
        policy.backoff = milliseconds{described.backoff_ms};
        policy.backoff_max = milliseconds{described.backoff_max_ms};
        return policy;
    }

    void add_server_settings() {
        auto const& server = document_.server;
        if (server.cors) {
            auto cors = std::make_unique<engine::CorsPolicy>();
            cors->allow_origins = server.cors->allow_origins;
            for (auto const& name : server.cors->allow_headers) {
                if (!cors->allow_headers.empty()) cors->allow_headers += ", ";
                cors->allow_headers += name;
            }
            cors->max_age = std::to_string(server.cors->max_age_s);
            snapshot_->cors = std::move(cors);
        }
        engine::AnswerHeaders headers{false, false, false, false};
        for (auto const& name : server.response_headers) {
            if (name == "route") headers.route = true;
            if (name == "provider") headers.provider = true;
            if (name == "model") headers.model = true;
            if (name == "attempts") headers.attempts = true;
        }
        snapshot_->answer_headers = headers;
        if (!document_.admin.token.empty()) {
            snapshot_->admin_token = codec::sha256(document_.admin.token.reveal());
        }
        auto const& tags = document_.tags;
        auto const any = std::find(tags.names.begin(), tags.names.end(), "*") != tags.names.end();
        snapshot_->tags = {tags.names, any, tags.from_metadata,
                           static_cast<std::size_t>(tags.values_max),
                           static_cast<std::size_t>(tags.users_max)};
        auto const& traces = document_.telemetry.traces;
        snapshot_->trace.is_on = !traces.endpoint.empty();
        snapshot_->trace.follows_parent = traces.follow_parent;
        snapshot_->trace.propagates = traces.propagate;
        snapshot_->trace.sample_of_2_56 = engine::TracePolicy::to_sample(traces.sample);
        snapshot_->upload_time = milliseconds{server.defaults.timeout.total_ms};
        for (auto const& team : document_.teams) {
            for (auto const& key : team.keys) {
                snapshot_->has_trial_key = snapshot_->has_trial_key || key.is_trial;
            }
        }
        if (!server.listeners.empty() && !server.listeners.front().address.starts_with("unix:")) {
            auto const& first = server.listeners.front();
            snapshot_->public_url = (first.tls ? "https://" : "http://") + first.address;
        }
        snapshot_->trusted_proxies = server.trusted_proxies;
        using Which = engine::Snapshot::ForwardedHeader;
        snapshot_->forwarded_header =
            server.forwarded_header == config::ForwardedHeader::forwarded ? Which::forwarded
            : server.forwarded_header == config::ForwardedHeader::x_forwarded_for
                ? Which::x_forwarded_for
                : Which::any;
        auto const& throttle = server.auth_throttle;
        snapshot_->auth_throttle = {static_cast<std::uint32_t>(throttle.failures),
                                    static_cast<std::uint32_t>(throttle.window_s),
                                    static_cast<std::uint32_t>(throttle.block_s)};
        auto const& limits = server.limits;
        snapshot_->requests_in_flight_max = limits.requests_in_flight_max;
        snapshot_->body_bytes_max = static_cast<std::size_t>(limits.body_bytes_max);
        snapshot_->response_bytes_max = static_cast<std::size_t>(limits.response_bytes_max);
        snapshot_->frame_bytes_max = static_cast<std::size_t>(limits.frame_bytes_max);
        snapshot_->peek_bytes = static_cast<std::size_t>(limits.peek_bytes);
        snapshot_->peek_time = milliseconds{limits.peek_ms};
        snapshot_->body_bytes_in_flight_max = limits.body_bytes_in_flight_max;
    }

    config::Document const& document_;
    engine::Runtime& runtime_;
    ProxyEnvironment const& environment_;
    std::shared_ptr<stage::LimitState> limit_state_;
    std::shared_ptr<stage::TokenLimiter const> limiter_;  // null: nothing is limited
    std::shared_ptr<engine::Snapshot> snapshot_;
    guard::GuardBook* book_ = nullptr;  // the snapshot's; null: no guardrail is configured
    std::map<std::pair<std::string, bool>, std::shared_ptr<net::TlsClient const>> tls_clients_;
};

std::string environment_value(char const* upper, char const* lower) {
    if (auto const* value = std::getenv(lower)) return value;
    if (auto const* value = std::getenv(upper)) return value;
    return {};
}

}  // namespace

ProxyEnvironment ProxyEnvironment::read() {
    // HTTP_PROXY in upper case may come from a request header in CGI settings; curl ignores it, so
    // does sluice.
    auto const* http = std::getenv("http_proxy");
    return {environment_value("HTTPS_PROXY", "https_proxy"), http ? http : "",
            environment_value("NO_PROXY", "no_proxy")};
}

Result<std::shared_ptr<engine::Snapshot const>> build(config::Document const& document,
                                                      engine::Runtime& runtime,
                                                      ProxyEnvironment const& environment,
                                                      std::shared_ptr<stage::LimitState> limits) {
    return Builder(document, runtime, environment, std::move(limits)).run();
}

}  // namespace sluice::daemon
