#include "net/tls_server.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

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

// Clients show a certificate that one of `file` signed. No tickets: a session taken up again would
// pass on a certificate that is not accepted any more.
Result<void> ask_for_certificates(SSL_CTX* context, TlsServerOptions const& options) {
    auto const& file = options.client_ca_file;
    if (SSL_CTX_load_verify_locations(context, file.c_str(), nullptr) != 1) {
        return tls_error("cannot read the client CA (PEM)", file);
    }
    auto* const names = SSL_load_client_CA_file(file.c_str());
    if (!names) return tls_error("cannot read the client CA (PEM)", file);
    SSL_CTX_set_client_CA_list(context, names);
    int const must = options.client_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | must, nullptr);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    return {};
}

}  // namespace

std::string client_subject(SSL* ssl) {
    auto const* certificate = ssl ? SSL_get0_peer_certificate(ssl) : nullptr;
    if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK) return {};
    auto* const out = BIO_new(BIO_s_mem());
    if (!out) return {};
    X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    char* text = nullptr;
    auto const bytes = BIO_get_mem_data(out, &text);
    constexpr long subject_bytes_max = 256;
    std::string subject(text, static_cast<std::size_t>(std::min(bytes, subject_bytes_max)));
    BIO_free(out);
    return subject;
}

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
    if (!options.client_ca_file.empty()) {
        auto asked = ask_for_certificates(context, options);
        if (!asked) return std::move(asked).error();
    }
    return server;
}

}  // namespace sluice::net
