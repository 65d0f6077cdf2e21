#include "net/tls_server.hpp"

#include <array>
#include <fmt/format.h>
#include <openssl/err.h>

namespace sluice::net {
namespace {

// Prefers http/1.1 among what the client offers; a client that offers none of it goes on without
// ALPN.
int choose_protocol(SSL*, unsigned char const** out, unsigned char* out_bytes,
                    unsigned char const* in, unsigned in_bytes, void*) {
    static constexpr unsigned char ours[] = "\x08http/1.1";
    unsigned char* chosen = nullptr;
    auto const r = SSL_select_next_proto(&chosen, out_bytes, ours, sizeof ours - 1, in, in_bytes);
    *out = chosen;
    return r == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

Error tls_error(std::string_view what, std::string const& file) {
    auto const code = ERR_get_error();
    std::array<char, 256> text{};
    ERR_error_string_n(code, text.data(), text.size());
    ERR_clear_error();
    return gateway_error(ErrorCode::internal, 500,
                         fmt::format("{} {}: {}", what, file, text.data()));
}

}  // namespace

SSL* TlsServerContext::open() const noexcept {
    auto* const ssl = SSL_new(context_);
    if (ssl) SSL_set_accept_state(ssl);
    return ssl;
}

Result<std::shared_ptr<TlsServer const>> TlsServer::create(TlsServerOptions const& options) {
    ERR_clear_error();
    auto* const context = SSL_CTX_new(TLS_server_method());
    if (!context) return tls_error("cannot set up TLS for", options.certificate_file);
    std::shared_ptr<TlsServer const> server = std::make_shared<TlsServerContext>(context);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // Tickets carry the session: no cache of ours, nothing held per client.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    static constexpr unsigned char id[] = "sluice";
    SSL_CTX_set_session_id_context(context, id, sizeof id - 1);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
    // A key with a passphrase is an error, not a question on the terminal.
    SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return 0; });
    if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1) {
        return tls_error("cannot read the certificate chain (PEM)", options.certificate_file);
    }
    if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
        return tls_error("cannot read the private key (PEM)", options.key_file);
    }
    if (SSL_CTX_check_private_key(context) != 1) {
        return tls_error("the private key does not belong to the certificate", options.key_file);
    }
    return server;
}

}  // namespace sluice::net
