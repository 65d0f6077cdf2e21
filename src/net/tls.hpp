// TLS on the non-blocking fd itself (ADR 0005): contexts are built at load and shared by all
// workers; sessions resume per endpoint. TLS 1.2 and later only.
#pragma once

#include <memory>
#include <string>

#include "sluice/result.hpp"

namespace sluice::net {

struct TlsServerOptions {
    std::string certificate_file;  // PEM chain
    std::string key_file;          // PEM
    std::string client_ca_file;    // PEM; not empty: clients may show a certificate it signed
    bool client_required = true;   // ... and have to
};

class TlsServer {
  public:
    static Result<std::shared_ptr<TlsServer const>> create(TlsServerOptions const& options);
    virtual ~TlsServer() = default;
};

struct TlsClientOptions {
    std::string ca_file;  // PEM; empty = the system's trust store
    bool verify = true;
};

class TlsClient {
  public:
    static Result<std::shared_ptr<TlsClient const>> create(TlsClientOptions const& options);
    virtual ~TlsClient() = default;
    // Names these settings in Endpoint::identity(): equal settings, equal text.
    [[nodiscard]] virtual std::string const& identity() const noexcept = 0;
};

}  // namespace sluice::net
