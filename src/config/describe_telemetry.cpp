// The description of `telemetry`, and the OTEL_* variables that stand in for parts of it. See
// describe.hpp.
#include <algorithm>
#include <array>
#include <charconv>

#include "config/address.hpp"
#include "config/describe.hpp"
#include "config/names.hpp"
#include "config/pem.hpp"

namespace sluice::config {
namespace {

constexpr std::int64_t timeout_ms_max = 600'000;
constexpr std::size_t entries_max = 50;

Binding<AccessLog> describe_access_log() {
    using Format = AccessLog::Format;
    return Described<AccessLog>("telemetry.access_log", "One line for each request that ended.")
        .field(
            "format", &AccessLog::format,
            choice<Format>({{"json", Format::json}, {"text", Format::text}, {"off", Format::off}}),
            "How a line looks; `off` writes none.")
        .field("path", &AccessLog::path, text("a file path"), "A file; empty: standard output.")
        .field("sample", &AccessLog::sample, fraction(),
               "The share of the requests answered well that is written. Errors and callers that "
               "went away are always written.")
        .done();
}

// "https://host:4318" is completed; a URL with a path is taken as it is.
std::optional<std::string> to_endpoint(std::string const& given, std::string& why) {
    auto const url = parse_url(given, why);
    if (!url) return std::nullopt;
    if (!url->user_info.empty()) {
        why = "must not hold a user or password; use headers";
        return std::nullopt;
    }
    bool const has_path = url->text.find('/', url->text.find("://") + 3) != std::string::npos;
    return has_path ? url->text : url->text + "/v1/traces";
}

Binding<std::string> describe_endpoint() {
    auto binding = text("a URL");
    binding.read = [read = binding.read](Reader& reader, Node const& node, std::string& out) {
        std::string given;
        auto const errors = reader.error_count();
        read(reader, node, given);
        if (reader.error_count() != errors || given.empty()) return;
        std::string why;
        auto const endpoint = to_endpoint(given, why);
        if (!endpoint) return reader.error(node.place, why);
        out = *endpoint;
    };
    return binding;
}

std::optional<std::string> check_collector_header(std::string const& name) {
    constexpr std::array<std::string_view, 6> owned = {
        "content-type", "content-length", "host", "transfer-encoding", "connection", "expect"};
    if (std::find(owned.begin(), owned.end(), name) != owned.end()) {
        return "is a header that sluice sets itself";
    }
    bool const is_token = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    return is_token ? std::nullopt : std::optional<std::string>{"is not a header name"};
}

std::string in_lower_case(std::string text) {
    for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

Binding<std::map<std::string, Secret>> describe_secret_headers() {
    Binding<std::map<std::string, Secret>> binding;
    binding.shape.type = Shape::Type::map;
    binding.shape.most = static_cast<std::int64_t>(entries_max);
    binding.shape.says = "header name";
    Shape value;
    value.says = "a secret: ${NAME} or file:/path";
    value.is_secret = true;
    binding.shape.parts = {value};
    binding.read = [](Reader& reader, Node const& node, std::map<std::string, Secret>& out) {
        if (node.kind == Node::Kind::null) return;
        if (node.kind != Node::Kind::map) {
            return reader.wrong_type(node, "a map from header name to value");
        }
        if (node.entries.size() > entries_max) {
            return reader.error(node.place, "has more than 50 entries");
        }
        for (auto const& [key, place, child] : node.entries) {
            Reader::Step const step(reader, key);
            auto const lower = in_lower_case(key);
            if (auto const wrong = check_collector_header(lower)) reader.error(place, *wrong);
            if (out.contains(lower)) reader.error(place, "stands twice, in another case");
            auto resolved = reader.secret(*child, "a header value");
            if (!resolved) continue;
            if (!resolved->missing.empty()) {
                reader.needs_variables(*child, resolved->missing);
                continue;
            }
            if (auto const wrong = check_header_value(std::string{resolved->value.reveal()})) {
                reader.error(child->place, *wrong);
                continue;
            }
            out[lower] = std::move(resolved->value);
        }
    };
    return binding;
}

Binding<std::map<std::string, std::string>> describe_resource() {
    Binding<std::map<std::string, std::string>> binding;
    auto const value = text("a text");
    binding.shape.type = Shape::Type::map;
    binding.shape.most = static_cast<std::int64_t>(entries_max);
    binding.shape.says = "attribute name";
    binding.shape.parts = {value.shape};
    binding.read = [value](Reader& reader, Node const& node,
                           std::map<std::string, std::string>& out) {
        if (node.kind == Node::Kind::null) return;
        if (node.kind != Node::Kind::map) {
            return reader.wrong_type(node, "a map from attribute name to value");
        }
        if (node.entries.size() > entries_max) {
            return reader.error(node.place, "has more than 50 entries");
        }
        for (auto const& [key, place, child] : node.entries) {
            Reader::Step const step(reader, key);
            value.read(reader, *child, out[key]);
        }
    };
    return binding;
}

Binding<Traces> describe_traces() {
    return Described<Traces>("telemetry.traces",
                             "OpenTelemetry traces: a span for each request, a child for each "
                             "attempt at a provider, sent to a collector over OTLP/HTTP as JSON.")
        .field("endpoint", &Traces::endpoint, describe_endpoint(),
               "The collector, like `http://127.0.0.1:4318`; `/v1/traces` is added when there is "
               "no path. Left out: `OTEL_EXPORTER_OTLP_ENDPOINT`; without it no traces.")
        .field("headers", &Traces::headers, describe_secret_headers(),
               "Sent with every request to the collector, such as its credential.")
        .field("sample", &Traces::sample, fraction(),
               "The share of the traces that begin here which is kept.")
        .field("follow_parent", &Traces::follow_parent, boolean(),
               "A caller's `traceparent` decides whether its request is sampled. `false`: `sample` "
               "decides for every request.")
        .field("propagate", &Traces::propagate, boolean(),
               "Sends `traceparent` and `tracestate` to providers.")
        .field("ca", &Traces::tls_ca, text("a file path"),
               "PEM file of the authorities to trust instead of the system's.")
        .field("timeout_ms", &Traces::timeout_ms, integer(1, timeout_ms_max),
               "For one request to the collector.")
        .field("service_name", &Traces::service_name, text("a text"),
               "`service.name` of the spans; left out: `OTEL_SERVICE_NAME`.")
        .field("resource", &Traces::resource, describe_resource(),
               "Further attributes of the spans' resource.")
        .afterwards([](Reader& reader, Node const& node, Traces& out) {
            reader.pem_file(node, "ca", out.tls_ca, check_certificates);
        })
        .done();
}

// "k=v,k2=v2" with percent escapes, as OTEL_EXPORTER_OTLP_HEADERS and OTEL_RESOURCE_ATTRIBUTES are.
// nullopt: it is not that.
std::optional<std::map<std::string, std::string>> read_pairs(std::string_view text) {
    std::map<std::string, std::string> pairs;
    auto const trim = [](std::string_view part) {
        while (part.starts_with(' ')) part.remove_prefix(1);
        while (part.ends_with(' ')) part.remove_suffix(1);
        return part;
    };
    while (!text.empty()) {
        auto const part = trim(text.substr(0, text.find(',')));
        text = text.size() > text.find(',') ? text.substr(text.find(',') + 1) : std::string_view{};
        if (part.empty()) continue;
        auto const equals = part.find('=');
        if (equals == part.npos || equals == 0) return std::nullopt;
        auto const raw = trim(part.substr(equals + 1));
        std::string value;
        for (std::size_t i = 0; i < raw.size(); ++i) {
            if (raw[i] != '%') {
                value += raw[i];
                continue;
            }
            int byte = 0;
            auto const digits = raw.substr(i + 1, 2);
            auto const [end, failure] =
                std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
            if (failure != std::errc{} || digits.size() != 2 || end != digits.data() + 2) {
                return std::nullopt;
            }
            value += static_cast<char>(byte);
            i += 2;
        }
        pairs[std::string{trim(part.substr(0, equals))}] = std::move(value);
        if (pairs.size() > entries_max) return std::nullopt;
    }
    return pairs;
}

// One load's look at OTEL_*.
class OtelEnvironment {
  public:
    OtelEnvironment(Reader& reader, Traces& out) : reader_(reader), out_(out) {}

    void take() {
        bool const is_off = reader_.options.env("OTEL_SDK_DISABLED").value_or("") == "true" ||
                            reader_.options.env("OTEL_TRACES_EXPORTER").value_or("") == "none";
        if (out_.endpoint.empty() && !is_off) take_endpoint();
        if (out_.endpoint.empty()) return;
        if (out_.headers.empty()) take_headers();
        take_timeout();
        take_resource();
        if (out_.tls_ca.empty()) out_.tls_ca = value_of("CERTIFICATE");
    }

  private:
    // The name for traces beats the general one.
    std::string value_of(std::string const& what) {
        for (char const* prefix : {"OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"}) {
            name_ = prefix + what;
            if (auto value = reader_.options.env(name_); value && !value->empty()) return *value;
        }
        return {};
    }

    void wrong(std::string const& why) {
        Reader::Step const step(reader_, name_);
        reader_.error({"environment", 0, 0}, why);
    }

    void take_endpoint() {
        auto given = value_of("ENDPOINT");
        if (given.empty()) return;
        if (name_ == "OTEL_EXPORTER_OTLP_ENDPOINT") {
            while (given.ends_with('/')) given.pop_back();
            given += "/v1/traces";
        }
        std::string why;
        auto const endpoint = to_endpoint(given, why);
        if (!endpoint) return wrong(why);
        auto const protocol = value_of("PROTOCOL");
        if (protocol == "grpc") {
            return wrong("asks for grpc, which sluice does not speak: set it to http/json");
        }
        out_.endpoint = *endpoint;
    }

    void take_headers() {
        auto const text = value_of("HEADERS");
        auto pairs = read_pairs(text);
        if (!pairs) return wrong("must be name=value pairs, comma separated");
        for (auto& [name, value] : *pairs) {
            auto const lower = in_lower_case(name);
            if (check_collector_header(lower) || check_header_value(value)) {
                return wrong("holds a header that cannot be sent");
            }
            out_.headers[lower] = Secret(std::move(value));
        }
    }

    void take_timeout() {
        auto const text = value_of("TIMEOUT");
        if (text.empty() || out_.timeout_ms != Traces{}.timeout_ms) return;
        std::int64_t value = 0;
        auto const* end = text.data() + text.size();
        auto const [at, failure] = std::from_chars(text.data(), end, value);
        if (failure != std::errc{} || at != end || value < 1 || value > timeout_ms_max) {
            return wrong("must be a whole number of milliseconds from 1 to 600000");
        }
        out_.timeout_ms = value;
    }

    void take_resource() {
        auto const& env = reader_.options.env;
        name_ = "OTEL_RESOURCE_ATTRIBUTES";
        auto pairs = read_pairs(env(name_).value_or(""));
        if (!pairs) return wrong("must be name=value pairs, comma separated");
        auto name = env("OTEL_SERVICE_NAME").value_or("");
        if (name.empty() && pairs->contains("service.name")) name = pairs->at("service.name");
        pairs->erase("service.name");
        if (!name.empty() && out_.service_name == Traces{}.service_name) out_.service_name = name;
        out_.resource.merge(*pairs);  // the file's beat these
    }

    Reader& reader_;
    Traces& out_;
    std::string name_;  // the variable looked at last
};

Binding<std::string> describe_webhook_url() {
    auto binding = text("a URL");
    binding.read = [read = binding.read](Reader& reader, Node const& node, std::string& out) {
        std::string given;
        auto const errors = reader.error_count();
        read(reader, node, given);
        if (reader.error_count() != errors || given.empty()) return;
        std::string why;
        auto const url = parse_url(given, why);
        if (!url) return reader.error(node.place, why);
        if (!url->user_info.empty()) {
            return reader.error(node.place, "must not hold a user or password; use secret");
        }
        out = url->text;
    };
    return binding;
}

Binding<BudgetWebhook> describe_budget_webhook() {
    Shape secret;
    secret.says = "a secret: ${NAME} or file:/path";
    secret.is_secret = true;
    return Described<BudgetWebhook>("telemetry.budget_webhook",
                                    "A request for each budget that is 50, 80 and 100 % spent.")
        .field("url", &BudgetWebhook::url, describe_webhook_url(),
               "Where it is sent, `http` or `https`; empty: nowhere.")
        .field("secret", secret,
               "Signs the body: `x-sluice-signature: t=<unix>,v1=<hex HMAC-SHA256 of t.body>`.",
               [](Reader& reader, Node const& node, BudgetWebhook& out) {
                   auto resolved = reader.secret(node, "a secret: ${NAME} or file:/path");
                   if (!resolved) return;
                   if (!resolved->missing.empty()) {
                       return reader.needs_variables(node, resolved->missing);
                   }
                   out.secret = std::move(resolved->value);
               })
        .printed([](BudgetWebhook const& webhook) {
            return webhook.secret.empty() ? Json() : Json(hidden);
        })
        .field("timeout_ms", &BudgetWebhook::timeout_ms, integer(100, timeout_ms_max), "One try.")
        .field("attempts_max", &BudgetWebhook::attempts_max, small_integer(1, 20),
               "Tries in all, each after a longer pause.")
        .done();
}

}  // namespace

Binding<Telemetry> describe_telemetry() {
    return Described<Telemetry>("telemetry", "What sluice tells about itself.")
        .field("access_log", &Telemetry::access_log, describe_access_log(), "The access log.")
        .field("traces", &Telemetry::traces, describe_traces(), "Traces.")
        .field("budget_webhook", &Telemetry::budget_webhook, describe_budget_webhook(),
               "Who is told when a budget runs out.")
        .field("log_level", &Telemetry::log_level, one_of({"debug", "info", "warn", "error"}),
               "The least important process log line that is written.")
        .done();
}

void take_otel_environment(Reader& reader, Traces& out) { OtelEnvironment(reader, out).take(); }

}  // namespace sluice::config
