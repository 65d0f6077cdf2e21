// The description of `server` and `admin`. See describe.hpp.
#include "config/address.hpp"
#include "config/describe.hpp"
#include "config/names.hpp"
#include "config/pem.hpp"

namespace sluice::config {
namespace {

constexpr std::int64_t day_ms = 24LL * 3600 * 1000;
constexpr std::int64_t gib = 1024LL * 1024 * 1024;

Binding<std::string> describe_address(bool may_be_off) {
    auto binding = text("an address like 127.0.0.1:8080");
    auto const read = binding.read;
    binding.read = [read, may_be_off](Reader& reader, Node const& node, std::string& out) {
        std::string given;
        auto const errors = reader.error_count();
        read(reader, node, given);
        if (reader.error_count() != errors) return;
        if (may_be_off && (given.empty() || given == "off")) return out.clear();
        std::string why;
        auto const address = parse_address(given, why);
        if (!address) return reader.error(node.place, why);
        out = address->text();
    };
    binding.print = [](std::string const& address) {
        return Json(address.empty() ? "off" : address);
    };
    return binding;
}

void check_tls(Reader& reader, Node const& node, Tls& out) {
    if (!out.client_ca.empty()) {
        std::ignore = reader.pem_file(node, "client_ca", out.client_ca, check_certificates);
    } else if (auto const* auth = node.find("client_auth")) {
        Reader::Step const step(reader, "client_auth");
        reader.error(auth->place, "says nothing without client_ca; add it, or leave this out");
    }
    auto const chain = reader.pem_file(node, "cert", out.cert, check_certificates);
    auto const key = reader.pem_file(node, "key", out.key, check_private_key);
    if (!chain || !key || is_key_of(*key, *chain)) return;
    Reader::Step const step(reader, "key");
    reader.error(node.find("key")->value->place,
                 "does not belong to the first certificate in cert; that must be the server's own, "
                 "those that signed it come after it");
}

Binding<Tls> describe_tls() {
    auto binding =
        Described<Tls>("server.listeners[].tls", "TLS 1.2 and 1.3 on this listener.")
            .field("cert", &Tls::cert, text("a file path"),
                   "Certificate chain, PEM; the server's own first.", true)
            .field("key", &Tls::key, text("a file path"), "Private key, PEM, without a passphrase.",
                   true)
            .field(
                "client_ca", &Tls::client_ca, text("a file path"),
                "Certificates (PEM) of those who sign client certificates. Left out: clients show "
                "none.")
            .field(
                "client_auth", &Tls::client_auth,
                choice<ClientAuth>(
                    {{"require", ClientAuth::require}, {"request", ClientAuth::request}}),
                "With `client_ca`: a client without a certificate is refused (`require`) or let in "
                "(`request`); one that is not valid is refused either way.")
            .afterwards(check_tls)
            .done();
    binding.print = [print = binding.print](Tls const& tls) {
        auto printed = print(tls);
        if (!tls.client_ca.empty()) return printed;
        printed.erase("client_ca");  // what holds for client certificates says nothing without it
        printed.erase("client_auth");
        return printed;
    };
    return binding;
}

// "": it has none.
std::optional<std::string> check_listener_name(std::string const& name) {
    return name.empty() ? std::nullopt : check_name(name);
}

Binding<Listener> describe_listener() {
    return Described<Listener>("server.listeners[]", "One address to listen on.")
        .field("address", &Listener::address, describe_address(false),
               "IP address and port, `localhost:port`, or `unix:/path`. Port 0 takes a free one. "
               "`SLUICE_LISTEN` overrides it (one address for each listener, comma separated).",
               true)
        .field("tls", &Listener::tls, optional(describe_tls()), "Left out: plain HTTP.")
        .field("base_path", &Listener::base_path,
               text("a path like /prefix", check_base_path, "^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$"),
               "Put before every path, for a listener behind another proxy.")
        .field("name", &Listener::name, text("a name", check_listener_name),
               "Name of the socket to take over when systemd hands one over "
               "(`FileDescriptorName=`); without one it is found by its address.")
        .field("proxy_protocol", &Listener::proxy_protocol, boolean(),
               "Every connection begins with a PROXY protocol header, version 1 or 2, before TLS; "
               "from `trusted_proxies` only, all others are refused.")
        .done();
}

Binding<Defaults> describe_defaults() {
    return Described<Defaults>("server.defaults",
                               "Every route inherits these, and overrides single fields.")
        .field("timeout", &Defaults::timeout, describe_timeout(), "How long to wait.")
        .field("retry", &Defaults::retry, describe_retry(), "What is tried again.")
        .field("health", &Defaults::health, describe_health(), "When a target is skipped.")
        .field("on_disconnect", &Defaults::on_disconnect, describe_on_disconnect(),
               "When the caller goes away: `cancel` closes the provider's stream at once (usage is "
               "estimated where it was not reported), `drain` reads the answer on for its exact "
               "usage, as long as the timeouts allow.")
        .field("guardrails", &Defaults::guardrails, describe_guardrail_refs(),
               "Guardrails of every request. Those of its route, team and key come on top; none of "
               "them can switch one off.")
        .done();
}

Binding<Cors> describe_cors() {
    return Described<Cors>("server.cors", "Lets browsers call. Left out: no CORS headers.")
        .field("allow_origins", &Cors::allow_origins, list(text("an origin", check_origin), 1, 100),
               "Origins, or `\"*\"`.", true)
        .field("allow_headers", &Cors::allow_headers,
               list(text("a header name",
                         [](std::string const& name) -> std::optional<std::string> {
                             if (name == "*" || !check_header_name(name)) return std::nullopt;
                             auto const why = *check_header_name(name);
                             if (why.starts_with("is not")) return why;
                             return std::nullopt;  // headers of sluice's own are fine here
                         }),
                    0, 100),
               "Request headers a page may send, beside those SDKs send anyway.")
        .field("max_age_s", &Cors::max_age_s, integer(0, 86400),
               "How long a browser keeps a preflight answer.")
        .done();
}

Binding<Bounds> describe_limits() {
    return Described<Bounds>("server.limits", "Bounds on what comes from outside.")
        .field("head_bytes_max", &Bounds::head_bytes_max, integer(1024, 1024 * 1024),
               "Request line and headers.")
        .field("header_count_max", &Bounds::header_count_max, integer(8, 10'000),
               "Headers in a request.")
        .field("body_bytes_max", &Bounds::body_bytes_max, integer(1024, 16 * gib),
               "A request body, decoded.")
        .field("response_bytes_max", &Bounds::response_bytes_max, integer(1024, 16 * gib),
               "An answer that has to be held whole.")
        .field("frame_bytes_max", &Bounds::frame_bytes_max, integer(1024, gib),
               "One event of a stream.")
        .field("connections_max", &Bounds::connections_max, integer(1, 1'000'000),
               "Client connections of one listener, all workers; above it 503.")
        .field("connections_per_address_max", &Bounds::connections_per_address_max,
               integer(0, 1'000'000),
               "Of them from one address (IPv6: one /64), `trusted_proxies` aside; 0: no bound.")
        .field("requests_in_flight_max", &Bounds::requests_in_flight_max, integer(0, 1'000'000),
               "Requests being served at once, all workers; above it 503; 0: no bound.")
        .field("body_bytes_in_flight_max", &Bounds::body_bytes_in_flight_max,
               integer(1024, 1024 * gib),
               "Request bodies held at once, all workers: each from its arrival until its answer "
               "begins, as another target may need it until then; answers held whole to be "
               "translated or guarded count too. Above it 503.")
        .field("head_timeout_ms", &Bounds::head_timeout_ms, integer(100, day_ms),
               "For a request head to arrive.")
        .field("body_idle_ms", &Bounds::body_idle_ms, integer(100, day_ms),
               "Between two pieces of a request body.")
        .field("keep_alive_idle_ms", &Bounds::keep_alive_idle_ms, integer(100, day_ms),
               "A connection between two requests.")
        .field("write_idle_ms", &Bounds::write_idle_ms, integer(100, day_ms),
               "A client that stops reading.")
        .field("body_rate_min", &Bounds::body_rate_min, integer(0, 1'000'000'000),
               "Bytes a second that a request body has to come with, `body_idle_ms` granted on "
               "top; 0: no bound.")
        .field("write_rate_min", &Bounds::write_rate_min, integer(0, 1'000'000'000),
               "Bytes a second that a client has to take while its answer waits for it, "
               "`write_idle_ms` granted on top; 0: no bound.")
        .field("peek_bytes", &Bounds::peek_bytes, integer(1024, 64 * 1024 * 1024),
               "How far an answer is read before it must speak.")
        .field("peek_ms", &Bounds::peek_ms, integer(0, day_ms),
               "How long an answer may take to speak; 0: first_byte_ms.")
        .done();
}

Binding<Upstreams> describe_upstreams() {
    return Described<Upstreams>("server.upstreams",
                                "Connections to providers. Each worker has its own pool; the "
                                "counts are of one worker and one address.")
        .field("connections_max", &Upstreams::connections_max, integer(1, 1'000'000),
               "Open at once, in use or idle: each request under way takes one. Above it the next "
               "target is tried, then 503. Each is a file descriptor.")
        .field("idle_max", &Upstreams::idle_max, integer(0, 1'000'000),
               "Kept open between requests; 0: none, each request opens its own.")
        .field("idle_ms", &Upstreams::idle_ms, integer(1, day_ms),
               "How long such a connection is kept.")
        .field("head_bytes_max", &Upstreams::head_bytes_max, integer(1024, 1024 * 1024),
               "Status line and headers of an answer.")
        .field("header_count_max", &Upstreams::header_count_max, integer(8, 10'000),
               "Headers in an answer.")
        .done();
}

Binding<AuthThrottle> describe_auth_throttle() {
    return Described<AuthThrottle>("server.auth_throttle",
                                   "Against guessing keys: an address (IPv6: a /64) that keeps "
                                   "showing unknown keys gets 429 without a look at its next one.")
        .field("failures", &AuthThrottle::failures, small_integer(0, 4000),
               "Unknown keys within the window that block the address; 0: never.")
        .field("window_s", &AuthThrottle::window_s, small_integer(1, 86'400),
               "How long a failure counts, in seconds.")
        .field("block_s", &AuthThrottle::block_s, small_integer(1, 86'400),
               "How long the address is blocked, in seconds.")
        .done();
}

}  // namespace

Binding<Timeout> describe_timeout() {
    return Described<Timeout>("timeout", "How long one attempt and the whole request may take.")
        .field("connect_ms", &Timeout::connect_ms, integer(1, day_ms),
               "Name, TCP and TLS of one attempt.")
        .field("first_byte_ms", &Timeout::first_byte_ms, integer(1, day_ms),
               "From sending to the first byte of the answer, one attempt.")
        .field("idle_ms", &Timeout::idle_ms, integer(1, day_ms), "Between two pieces of an answer.")
        .field("total_ms", &Timeout::total_ms, integer(1, 7 * day_ms),
               "The whole request, all attempts.")
        .done();
}

Binding<Retry> describe_retry() {
    auto const check = [](std::string const& word) -> std::optional<std::string> {
        static std::vector<std::string> const words = {"connect", "timeout", "reset", "5xx"};
        if (std::find(words.begin(), words.end(), word) != words.end()) return std::nullopt;
        bool const is_status = word.size() == 3 && (word[0] == '4' || word[0] == '5') &&
                               word.find_first_not_of("0123456789") == word.npos;
        if (is_status) return std::nullopt;
        auto const near = suggestion(word, words);
        return "must be connect, timeout, reset, 5xx or one status from 400 to 599" +
               (near.starts_with("; did") ? near : "");
    };
    return Described<Retry>("retry", "Which failures are tried again, and how often.")
        .field(
            "when", &Retry::when,
            list(text("a failure", check, "^(connect|timeout|reset|5xx|[45][0-9][0-9])$"), 0, 64),
            "`connect`, `timeout`, `reset`, `5xx`, or one status such as `429`.")
        .field("attempts_max", &Retry::attempts_max, small_integer(1, 20),
               "Attempts in all, the first included.")
        .field("backoff_ms", &Retry::backoff_ms, integer(0, 60'000),
               "Wait before the second attempt at the same target; doubles, with jitter.")
        .field("backoff_max_ms", &Retry::backoff_max_ms, integer(0, 600'000),
               "The longest such wait.")
        .done();
}

Binding<Health> describe_health() {
    return Described<Health>("health", "A target that keeps failing is skipped for a while.")
        .field("failures_in_a_row", &Health::failures_in_a_row, small_integer(0, 1000),
               "Failures in a row until it is skipped; 0: never.")
        .field("skip_ms", &Health::skip_ms, integer(1, day_ms),
               "How long, before one request probes it.")
        .done();
}

Binding<OnDisconnect> describe_on_disconnect() {
    return choice<OnDisconnect>({{"cancel", OnDisconnect::cancel}, {"drain", OnDisconnect::drain}});
}

Binding<Server> describe_server() {
    return Described<Server>("server", "Where clients connect, and what holds for every request.")
        .field("listeners", &Server::listeners, list(describe_listener(), 1, 64),
               "Addresses to listen on; left out: `127.0.0.1:8080`.")
        .field("auth", &Server::auth, choice<Auth>({{"keys", Auth::keys}, {"none", Auth::none}}),
               "`keys`: callers show one of `keys`. `none`: everybody may call; loopback listeners "
               "only.")
        .field("auth_throttle", &Server::auth_throttle, describe_auth_throttle(),
               "Against guessing keys.")
        .field("trusted_proxies", &Server::trusted_proxies, describe_networks(),
               "Proxies and balancers in front, as addresses and networks (`unix`: whoever comes "
               "through a Unix socket): what they say about the client's address is believed.")
        .field("forwarded_header", &Server::forwarded_header,
               choice<ForwardedHeader>({{"any", ForwardedHeader::any},
                                        {"x-forwarded-for", ForwardedHeader::x_forwarded_for},
                                        {"forwarded", ForwardedHeader::forwarded}}),
               "Which header the trusted proxies write. `any`: either; a request whose two headers "
               "name different clients is refused.")
        .field("workers", &Server::workers, small_integer(0, 1024),
               "Worker threads; 0: one for each core.")
        .field("half_close", &Server::half_close,
               choice<HalfClose>({{"cancel", HalfClose::cancel}, {"allow", HalfClose::allow}}),
               "A client that closes its sending side has gone (`cancel`), or still reads "
               "(`allow`).")
        .field("defaults", &Server::defaults, describe_defaults(), "What routes inherit.")
        .field("cors", &Server::cors, optional(describe_cors()), "Lets browsers call.")
        .field("limits", &Server::limits, describe_limits(), "Bounds.")
        .field("upstreams", &Server::upstreams, describe_upstreams(), "Connections to providers.")
        .field("drain_ms", &Server::drain_ms, integer(0, 3'600'000),
               "At a stop: how long running requests may go on.")
        .field("response_headers", &Server::response_headers,
               list(one_of({"route", "provider", "model", "attempts"}), 0, 4),
               "Which `x-sluice-*` headers answers carry, beside `x-sluice-request-id`.")
        .done();
}

Binding<Admin> describe_admin() {
    Shape token;
    token.says = "a secret: ${NAME} or file:/path";
    token.is_secret = true;
    auto const read_token = [token](Reader& reader, Node const& node, Admin& out) {
        auto resolved = reader.secret(node, token.says);
        if (!resolved) return;
        if (!resolved->missing.empty()) return reader.needs_variables(node, resolved->missing);
        for (auto const c : resolved->value.reveal()) {
            if (c <= 0x20 || c == 0x7F) {
                return reader.error(node.place, "must have no spaces or control characters");
            }
        }
        out.token = std::move(resolved->value);
    };
    return Described<Admin>("admin", "Health, metrics and operation; never on a public address.")
        .field("address", &Admin::address, describe_address(true),
               "As of a listener; `off`: none. `SLUICE_ADMIN_LISTEN` overrides it.")
        .field("token", token,
               "Bearer token that operators show; needed when the address is not loopback.",
               read_token)
        .printed([](Admin const& admin) { return admin.token.empty() ? Json() : Json(hidden); })
        .done();
}

}  // namespace sluice::config
