// The description of `providers` and of the files of config/providers/. See describe.hpp.
#include <algorithm>
#include <cctype>

#include "config/address.hpp"
#include "config/describe.hpp"
#include "config/names.hpp"
#include "config/pem.hpp"

namespace sluice::config {
namespace {

constexpr char const* url_pattern = "^(https?://[^\\s?#]+|.*\\$\\{.*)$";

std::optional<std::string> check_base_url(std::string const& given) {
    std::string why;
    auto const url = parse_url(given, why);
    if (!url) return why;
    if (!url->user_info.empty()) return "must not hold a user or password; use keys";
    auto const path = std::string_view(given).substr(0, given.find_last_not_of('/') + 1);
    for (std::string_view const added : {"/chat/completions", "/completions", "/embeddings"}) {
        if (!path.ends_with(added)) continue;
        return "must end before " + std::string(added) +
               ", which sluice adds itself; write the URL without it, like https://host/v1";
    }
    return std::nullopt;
}

// A URL as it is used: no trailing slash.
Binding<std::string> describe_base_url() {
    auto binding = text("a URL like https://host/v1", check_base_url, url_pattern);
    binding.read = [read = binding.read](Reader& reader, Node const& node, std::string& out) {
        read(reader, node, out);
        while (out.ends_with('/')) out.pop_back();
    };
    return binding;
}

// Visible ASCII: it stands in a header.
bool is_header_safe(std::string_view secret) {
    return std::all_of(secret.begin(), secret.end(),
                       [](unsigned char c) { return c > 0x20 && c < 0x7F; });
}

Shape credential_value_shape() {
    Shape shape;
    shape.says = "a secret: ${NAME} or file:/path";
    shape.is_secret = true;
    return shape;
}

// A variable that is not set, or empty, leaves the credential empty: unavailable, no error.
void read_credential_value(Reader& reader, Node const& node, Credential& out) {
    auto resolved = reader.secret(node, "a secret: ${NAME} or file:/path");
    if (!resolved) return;
    if (!is_header_safe(resolved->value.reveal())) {
        return reader.error(node.place,
                            "must be visible ASCII without spaces, as it stands in a header");
    }
    if (resolved->source == "in clear" && resolved->value.empty()) {
        return reader.error(node.place,
                            "is empty; write ${NAME}, file:/path, or leave the key out");
    }
    out.value = std::move(resolved->value);
    out.source = std::move(resolved->source);
}

// The reference, never the value: "${NAME}", "file:/path".
Json print_secret(std::string const& source) {
    if (source.empty() || source == "in clear") return Json(hidden);
    return Json(source.starts_with("file:") ? source : "${" + source + "}");
}

Binding<std::vector<Credential>> describe_credentials() {
    Binding<Credential> value;
    value.shape = credential_value_shape();
    value.read = read_credential_value;
    auto const settings =
        Described<Credential>("providers.*.keys.*", "One credential of a provider.")
            .field("value", credential_value_shape(),
                   "`${NAME}`, or `file:/path`. A variable that is not set makes the credential "
                   "unavailable; a file that cannot be read is an error.",
                   read_credential_value, {}, true)
            .printed([](Credential const& credential) { return print_secret(credential.source); })
            .field("weight", &Credential::weight, small_integer(1, 1'000'000),
                   "Its share of the requests, against the other keys.")
            .field("limits", &Credential::limits, describe_limit_rules(),
                   "What may be sent with it; beyond that another credential or target is used.")
            .done();
    auto const entry = either<Credential>(
        {"a secret, or a map with value and weight", value, std::nullopt, settings});
    return named<Credential>({"credential name", &Credential::name, check_name, name_pattern},
                             entry, 100);
}

Binding<std::map<std::string, std::string>> describe_headers() {
    auto const value = text("a header value", check_header_value);
    Binding<std::map<std::string, std::string>> binding;
    binding.shape.type = Shape::Type::map;
    binding.shape.most = 50;
    binding.shape.says = "header name";
    binding.shape.parts = {value.shape};
    binding.read = [value](Reader& reader, Node const& node,
                           std::map<std::string, std::string>& out) {
        if (node.kind == Node::Kind::null) return;
        if (node.kind != Node::Kind::map) {
            return reader.wrong_type(node, "a map from header name to value");
        }
        if (node.entries.size() > 50) return reader.error(node.place, "has more than 50 entries");
        for (auto const& [key, place, child] : node.entries) {
            Reader::Step const step(reader, key);
            if (auto const wrong = check_header_name(key)) reader.error(place, *wrong);
            std::string lower = key;
            for (auto& c : lower)
                c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            if (out.contains(lower)) reader.error(place, "stands twice, in another case");
            value.read(reader, *child, out[lower]);
        }
    };
    // A header may well be a credential of its own.
    binding.print = [](std::map<std::string, std::string> const& headers) {
        Json printed = Json::object();
        for (auto const& [name, ignored] : headers) printed[name] = hidden;
        return printed;
    };
    return binding;
}

void read_egress_proxy(Reader& reader, Node const& node, Provider& out) {
    auto resolved = reader.secret(node, "a proxy URL, or none");
    if (!resolved) return;
    if (!resolved->missing.empty()) return reader.needs_variables(node, resolved->missing);
    if (resolved->value.empty() || resolved->value.reveal() == "none") {
        out.egress_proxy = resolved->value.reveal();
        return;
    }
    std::string why;
    auto const url = parse_url(resolved->value.reveal(), why);
    if (!url) return reader.error(node.place, why);
    out.egress_proxy = url->text;
    if (!url->user_info.empty()) out.egress_proxy_secret = std::move(resolved->value);
}

Binding<Provider> describe_provider_tls() {
    return Described<Provider>("providers.*.tls", "TLS towards the provider.")
        .field("ca", &Provider::tls_ca, text("a file path"),
               "PEM file of the authorities to trust instead of the system's.")
        .field("sni", &Provider::tls_sni, text("a host name"),
               "Name to ask for and to verify; left out: the host of base_url.")
        .field("verify", &Provider::tls_verify, boolean(),
               "`false` accepts any certificate: for a test bench only.")
        .afterwards([](Reader& reader, Node const& node, Provider& out) {
            reader.pem_file(node, "ca", out.tls_ca, check_certificates);
        })
        .done();
}

Binding<std::string> describe_fault() {
    auto binding = text("a fault", check_header_value);
    binding.read = [read = binding.read](Reader& reader, Node const& node, std::string& out) {
        auto const errors = reader.error_count();
        read(reader, node, out);
        if (reader.error_count() != errors || !reader.options.check_fault) return;
        if (auto const wrong = reader.options.check_fault(out)) reader.error(node.place, *wrong);
    };
    return binding;
}

Binding<MockOptions> describe_mock() {
    return Described<MockOptions>("providers.*.mock", "How a provider of kind mock behaves.")
        .field("dialect", &MockOptions::dialect, one_of({"openai_chat", "anthropic"}),
               "Which it speaks.")
        .field("chunk_ms", &MockOptions::chunk_ms, integer(0, 600'000),
               "Pause between the chunks of a stream.")
        .field("first_byte_ms", &MockOptions::first_byte_ms, integer(0, 600'000),
               "Pause before the answer.")
        .field("fault", &MockOptions::fault, describe_fault(),
               "A fault in every answer, as the header `x-sluice-mock` asks for one.")
        .done();
}

// Fills in what the kind says, before the provider's own settings are read over it.
void start_from_kind(Reader& reader, Node const& node, Provider& out) {
    out.kind = out.name;
    auto place = out.place;
    bool is_named = false;
    if (auto const* entry = node.find("kind")) {
        Reader::Step const step(reader, "kind");
        auto const kind = reader.text(*entry->value, "the name of a provider kind");
        if (!kind) return;
        out.kind = *kind;
        place = entry->value->place;
        is_named = true;
    }
    if (out.kind == mock_kind) {
        out.auth = AuthScheme::none;
        out.needs_credential = false;
        return;
    }
    auto const* kind = find_kind(reader.kinds, out.kind);
    if (kind == nullptr) {
        auto const near = suggestion(out.kind, kind_names(reader.kinds));
        std::string const other = near.ends_with('?') ? " Else" : ". Else";
        reader.error(place,
                     "is of no known kind" + near +
                         (is_named ? "" : other + " say kind: openai_compatible and a base_url"));
        return;
    }
    out.dialect = kind->dialect;
    out.otel_name = kind->otel_name;
    out.base_url = kind->base_url;
    out.auth = kind->auth;
    out.credential_env = kind->env;
    out.needs_credential = kind->needs_credential;
    out.prices = kind->prices;
    out.max_output_name = kind->max_output_name;
    out.operations = kind->operations;
}

void complete_provider(Reader& reader, Node const& node, Provider& out) {
    if (out.kind == mock_kind) {
        for (char const* name : {"base_url", "auth", "keys", "headers", "egress_proxy", "tls"}) {
            if (auto const* entry = node.find(name)) {
                reader.error(entry->place, "is of kind mock, which has no " + std::string(name));
            }
        }
        return;
    }
    if (auto const* entry = node.find("mock")) {
        reader.error(entry->place, "has settings for the mock, but is not of kind mock");
    }
    auto const* kind = find_kind(reader.kinds, out.kind);
    if (kind == nullptr) return;
    if (out.base_url.empty() && node.find("base_url") == nullptr) {
        auto const example =
            kind->base_url_example.empty() ? "" : ", like " + kind->base_url_example;
        reader.error(out.place, "needs a base_url" + example);
    }
    if (out.auth == AuthScheme::none) {
        out.needs_credential = false;
        if (auto const* entry = node.find("keys"); entry && !entry->value->entries.empty()) {
            reader.error(entry->place, "has keys, but auth: none sends none");
        }
    }
    // No keys written: the variable the kind names.
    bool const has_keys = node.find("keys") != nullptr;
    if (has_keys || out.auth == AuthScheme::none || out.credential_env.empty()) return;
    Credential found;
    found.name = "env";
    found.source = out.credential_env;
    found.place = out.place;
    auto value = reader.options.env(out.credential_env).value_or("");
    if (!is_header_safe(value)) {
        return reader.error(out.place, "finds a value in " + out.credential_env +
                                           " that is not visible ASCII without spaces");
    }
    found.value = Secret(std::move(value));
    out.keys.push_back(std::move(found));
}

}  // namespace

Binding<AuthScheme> describe_auth_scheme() {
    return choice<AuthScheme>({{"bearer", AuthScheme::bearer},
                               {"x_api_key", AuthScheme::x_api_key},
                               {"api_key", AuthScheme::api_key},
                               {"none", AuthScheme::none}});
}

Binding<std::vector<std::string>> describe_operations() {
    return list(one_of({"chat", "complete", "embed"}), 1, 3);
}

Binding<std::vector<Provider>> describe_providers() {
    Shape kind;
    kind.says = "the name of a provider kind";
    auto const tls = describe_provider_tls();
    Shape proxy;
    proxy.says = "a proxy URL, or none";
    proxy.is_secret = true;
    auto const mock = describe_mock();
    auto settings =
        Described<Provider>(
            "providers.*", "An address with models. Its kind says the rest: see the list of kinds.")
            .field("kind", kind, "A kind; left out: the provider's own name.",
                   [](Reader&, Node const&, Provider&) {})  // start_from_kind has read it
            .printed([](Provider const& provider) { return Json(provider.kind); })
            .field("base_url", &Provider::base_url, describe_base_url(),
                   "Where it is, with the path before `/chat/completions`.")
            .field(
                "auth", &Provider::auth, describe_auth_scheme(),
                "How the credential is shown: `Authorization: Bearer`, `x-api-key`, `api-key`, or "
                "not at all. Left out: as the kind says.")
            .field("keys", &Provider::keys, describe_credentials(),
                   "Credentials; left out: the variable of the kind, such as `OPENAI_API_KEY`.")
            .field("headers", &Provider::headers, describe_headers(),
                   "Headers added to every request.")
            .field("egress_proxy", proxy,
                   "`http://user:password@host:3128`, or `none`; left out: `HTTPS_PROXY` and "
                   "`NO_PROXY`.",
                   read_egress_proxy)
            .printed([](Provider const& provider) { return Json(provider.egress_proxy); })
            .field("tls", tls.shape, "TLS towards the provider.", tls.read)
            .printed(tls.print)
            .field("accept_encoding", &Provider::accept_encoding,
                   text("encodings", check_header_value),
                   "What the upstream may compress with. Answers are decoded either way.")
            .field("operations", &Provider::operations, describe_operations(),
                   "What it can do. Left out: as the kind says.")
            .field("shape", &Provider::shape, describe_shaping(),
                   "What is changed in requests on their way: members dropped, renamed, mapped, "
                   "clamped, added. A list of rules, each for all models or some.")
            .field("limits", &Provider::limits, describe_limit_rules(),
                   "What may be sent to it; beyond that the next target is tried.")
            .field("target_limits", &Provider::target_limits,
                   describe_named_limits("the provider's name of a model", check_model_pattern),
                   "The same for single models of it: name -> limits.")
            .field("prices", &Provider::prices, text("a price list, or none"),
                   "The price list of its models: a file of `models/`, or built in. Left out: as "
                   "the kind says.")
            .field("mock", mock.shape, "Only for kind mock.",
                   [mock](Reader& reader, Node const& node, Provider& out) {
                       mock.read(reader, node, out.mock);
                   })
            .printed([mock](Provider const& provider) {
                return provider.kind == mock_kind ? mock.print(provider.mock) : Json();
            })
            .done();
    // "" and no keys are what leaving them out means; a mock has neither address nor keys.
    settings.print = [print = settings.print](Provider const& provider) {
        auto printed = print(provider);
        if (provider.kind == mock_kind) {
            for (auto const* name : {"auth", "accept_encoding", "tls"}) printed.erase(name);
        }
        for (auto at = printed.begin(); at != printed.end();) {
            bool const is_empty = *at == "" || (at->is_structured() && at->empty());
            at = is_empty ? printed.erase(at) : std::next(at);
        }
        if (printed.contains("tls")) {
            auto& shown = printed["tls"];
            for (auto const* name : {"ca", "sni"}) {
                if (shown[name] == "") shown.erase(name);
            }
        }
        return printed;
    };
    settings.read = [read = settings.read](Reader& reader, Node const& node, Provider& out) {
        bool const is_settings = node.kind == Node::Kind::map || node.kind == Node::Kind::null;
        if (is_settings) start_from_kind(reader, node, out);
        read(reader, node, out);
        if (is_settings) complete_provider(reader, node, out);
    };
    return named<Provider>({"provider name", &Provider::name, check_name, name_pattern}, settings,
                           1000);
}

Binding<Kind> const& kind_description() {
    static Binding<Kind> const description =
        Described<Kind>("a provider kind",
                        "A file `providers/<kind>.yaml` beside the configuration adds a kind, or "
                        "replaces a built-in one.")
            .field("title", &Kind::title, text("a name for people"), "Its name for people.")
            .field("otel_name", &Kind::otel_name, text("a name"),
                   "Its `gen_ai.provider.name` in traces; left out: the provider's own name.")
            .field("dialect", &Kind::dialect, one_of({"openai_chat", "anthropic"}),
                   "The wire grammar it speaks.")
            .field("base_url", &Kind::base_url, describe_base_url(),
                   "Where it is; left out: each provider says it.")
            .field("base_url_example", &Kind::base_url_example, text("a URL"),
                   "What to show when a provider has to say it.")
            .field("auth", &Kind::auth, describe_auth_scheme(), "How the credential is shown.")
            .field("env", &Kind::env, text("a variable's name", nullptr, "^[A-Z_][A-Z0-9_]*$"),
                   "The environment variable looked for when a provider has no keys.")
            .field("needs_credential", &Kind::needs_credential, boolean(),
                   "`false`: it is available without one.")
            .field("max_output_name", &Kind::max_output_name,
                   one_of({"max_tokens", "max_completion_tokens"}),
                   "How the longest answer is called in requests that are translated.")
            .field("prices", &Kind::prices, text("a price list"),
                   "The price list of its models; left out: none.")
            .field("operations", &Kind::operations, describe_operations(), "What it can do.")
            .done();
    return description;
}

}  // namespace sluice::config
