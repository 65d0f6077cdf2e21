// The server side of TLS: one context per listener configuration, shared by all workers.
//
// Called by: http1_session (a session per connection). Calls: OpenSSL. Thread: create() anywhere,
// open() on any worker (OpenSSL counts references to the context itself).
#pragma once

#include <memory>
#include <openssl/ssl.h>
#include <string>

#include "net/tls.hpp"

namespace sluice::net {

// Subject of the verified certificate the client showed, as "CN=a,O=b" (RFC 2253), bounded; "" =
// none.
std::string client_subject(SSL* ssl);

class TlsServerContext final : public TlsServer {
  public:
    explicit TlsServerContext(SSL_CTX* context) noexcept : context_(context) {}
    TlsServerContext(TlsServerContext const&) = delete;
    TlsServerContext& operator=(TlsServerContext const&) = delete;
    ~TlsServerContext() override { SSL_CTX_free(context_); }

    // A session in accept state; the caller owns it. Null when memory is out.
    [[nodiscard]] SSL* open() const noexcept;

  private:
    SSL_CTX* context_;
};

}  // namespace sluice::net
