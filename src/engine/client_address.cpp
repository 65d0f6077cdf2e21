#include "engine/client_address.hpp"

#include <vector>

#include "codec/forwarded.hpp"
#include "engine/snapshot.hpp"
#include "net/server_stream.hpp"

namespace sluice::engine {
namespace {

// Reused per thread, never held over a suspension.
thread_local std::vector<std::string_view> fields_;

std::vector<std::string_view> const& fields_named(http::HeaderView headers, std::string_view name) {
    fields_.clear();
    for (auto const& field : headers) {
        if (http::iequals(field.name, name)) fields_.push_back(field.value);
    }
    return fields_;
}

Error broken(std::string message) {
    return client_error(ErrorCode::invalid_request, 400, std::move(message));
}

Result<IpAddress> named_by_headers(http::HeaderView headers, Snapshot const& snapshot,
                                   IpAddress const& peer) {
    using Which = Snapshot::ForwardedHeader;
    auto const& trusted = snapshot.trusted_proxies;
    std::optional<IpAddress> by_list;
    std::optional<IpAddress> by_forwarded;
    if (snapshot.forwarded_header != Which::forwarded) {
        auto const& fields = fields_named(headers, "x-forwarded-for");
        if (!fields.empty()) by_list = codec::client_by_x_forwarded_for(fields, trusted, peer);
    }
    if (snapshot.forwarded_header != Which::x_forwarded_for) {
        auto const& fields = fields_named(headers, "forwarded");
        if (!fields.empty()) {
            by_forwarded = codec::client_by_forwarded(fields, trusted, peer);
            if (!by_forwarded) return broken("The Forwarded header is malformed (RFC 7239).");
        }
    }
    if (by_list && by_forwarded && *by_list != *by_forwarded) {
        return broken(
            "X-Forwarded-For and Forwarded name different clients. The gateway's operator can say "
            "which one counts: server.forwarded_header.");
    }
    return by_list ? *by_list : by_forwarded ? *by_forwarded : peer;
}

}  // namespace

Result<void> find_client_address(Exchange& x) {
    auto const& peer = x.client.peer();
    auto const& trusted = x.snapshot.trusted_proxies;
    x.client_address = peer.ip;
    x.record.client_certificate = peer.certificate;
    Result<void> found;
    if (!trusted.empty() && contains(trusted, peer.ip)) {
        auto named = named_by_headers(x.client.head().headers, x.snapshot, peer.ip);
        if (named) {
            x.client_address = *named;
        } else {
            found = std::move(named).error();
        }
    }
    x.counts_against_address = x.client_address.is_ip() && !contains(trusted, x.client_address);
    x.record.client = x.client_address;
    return found;
}

}  // namespace sluice::engine
