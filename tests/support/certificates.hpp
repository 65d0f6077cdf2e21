// A certificate authority of its own for each test program: makes a CA and leaf certificates at run
// time and writes them as PEM files into a directory that goes away with it.
#pragma once

#include <filesystem>
#include <memory>
#include <openssl/ssl.h>
#include <string>

namespace sluice::test {

struct SslCtxFree {
    void operator()(SSL_CTX* ctx) const { SSL_CTX_free(ctx); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslCtxFree>;

class Certificates {
  public:
    Certificates();
    Certificates(Certificates const&) = delete;
    Certificates& operator=(Certificates const&) = delete;
    ~Certificates();

    [[nodiscard]] std::string ca_file() const { return (dir_ / "ca.pem").string(); }
    // The leaf names "localhost" and 127.0.0.1.
    [[nodiscard]] std::string cert_file() const { return (dir_ / "leaf.pem").string(); }
    [[nodiscard]] std::string key_file() const { return (dir_ / "leaf.key").string(); }

    [[nodiscard]] SslContext server_context() const;
    [[nodiscard]] SslContext client_context() const;  // trusts only this CA

  private:
    std::filesystem::path dir_;
};

// A fresh directory below the system's temporary one.
std::filesystem::path make_temp_dir();

}  // namespace sluice::test
