#include "daemon/server_options.hpp"

namespace sluice::daemon {

std::shared_ptr<net::ServerOptions const> server_options(config::Server const& server) {
    auto options = std::make_shared<net::ServerOptions>();
    auto const& limits = server.limits;
    options->head_bytes_max = static_cast<std::size_t>(limits.head_bytes_max);
    options->header_count_max = static_cast<std::size_t>(limits.header_count_max);
    options->connections_max = static_cast<std::size_t>(limits.connections_max);
    options->head_timeout = milliseconds{limits.head_timeout_ms};
    options->body_idle = milliseconds{limits.body_idle_ms};
    options->keep_alive_idle = milliseconds{limits.keep_alive_idle_ms};
    options->write_idle = milliseconds{limits.write_idle_ms};
    options->connections_per_address_max =
        static_cast<std::uint32_t>(limits.connections_per_address_max);
    options->body_rate_min = static_cast<std::uint32_t>(limits.body_rate_min);
    options->write_rate_min = static_cast<std::uint32_t>(limits.write_rate_min);
    options->trusted_proxies = server.trusted_proxies;
    options->half_close_cancels = server.half_close == config::HalfClose::cancel;
    return options;
}

net::UpstreamLimits upstream_limits(config::Upstreams const& upstreams) {
    net::UpstreamLimits limits;
    limits.head_bytes_max = static_cast<std::size_t>(upstreams.head_bytes_max);
    limits.header_count_max = static_cast<std::size_t>(upstreams.header_count_max);
    limits.idle_per_endpoint_max = static_cast<std::size_t>(upstreams.idle_max);
    limits.open_per_endpoint_max = static_cast<std::size_t>(upstreams.connections_max);
    limits.idle_expiry = milliseconds{upstreams.idle_ms};
    return limits;
}

Result<std::shared_ptr<net::TlsServer const>> tls_server(config::Listener const& listener) {
    if (!listener.tls) return std::shared_ptr<net::TlsServer const>{};
    auto const& tls = *listener.tls;
    return net::TlsServer::create(
        {tls.cert, tls.key, tls.client_ca, tls.client_auth == config::ClientAuth::require});
}

}  // namespace sluice::daemon
