// TLS towards upstreams: contexts, verification, and the sessions kept for resumption.
//
// Called by upstream_client. A TlsClient is shared by all workers (OpenSSL's context is
// thread-safe); TlsSessions belong to one worker.
#pragma once

#include <cstddef>
#include <openssl/ssl.h>
#include <string>
#include <vector>

#include "sluice/result.hpp"

#include "net/stream.hpp"
#include "net/tls.hpp"

namespace sluice::net {

// Sessions of one endpoint: a small stack, because a TLS 1.3 ticket is good for one connection and
// arrives after the handshake. Must outlive the connections that fill it.
class TlsSessions {
  public:
    static constexpr std::size_t sessions_max = 8;

    TlsSessions() = default;
    TlsSessions(TlsSessions const&) = delete;
    TlsSessions& operator=(TlsSessions const&) = delete;
    ~TlsSessions();

    void put(SSL_SESSION* session);  // takes it; the oldest makes room
    // The latest, null when there is none; the caller frees it. A TLS 1.2 session stays too.
    SSL_SESSION* take();

  private:
    std::vector<SSL_SESSION*> sessions_;
};

// A client session for `host` (verified against it; SNI unless it is an address), to be given to
// Stream::start_tls. `sessions` outlives it. Null when OpenSSL has no memory or refuses the name.
SSL* open_tls(TlsClient const& client, std::string const& host, TlsSessions& sessions);

// Why a handshake failed, for the log: the certificate's fault if it is one.
std::string handshake_failure(SSL const* ssl, IoResult const& result);

}  // namespace sluice::net
