// See tls.hpp and tls_client.hpp.
#include "net/tls_client.hpp"

#include <array>
#include <fstream>
#include <iterator>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <utility>

#include "codec/base64.hpp"
#include "net/resolve.hpp"

namespace sluice::net {
namespace {

struct ContextFree {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, ContextFree>;

class OpensslClient final : public TlsClient {
  public:
    OpensslClient(Context context, std::string identity)
        : context_(std::move(context)), identity_(std::move(identity)) {}
    [[nodiscard]] std::string const& identity() const noexcept override { return identity_; }
    [[nodiscard]] SSL_CTX* context() const noexcept { return context_.get(); }

  private:
    Context context_;
    std::string identity_;
};

// Where an SSL's sessions go.
int sessions_index() {
    static int const index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

// Returns 1 when the session was kept.
int on_new_session(SSL* ssl, SSL_SESSION* session) {
    auto* const sessions = static_cast<TlsSessions*>(SSL_get_ex_data(ssl, sessions_index()));
    if (!sessions) return 0;
    sessions->put(session);
    return 1;
}

// A CA file that changed is another setting: its content counts, not its name alone.
std::string digest_of_file(std::string const& path) {
    std::ifstream file{path, std::ios::binary};
    std::string const content{std::istreambuf_iterator<char>{file}, {}};
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    EVP_Digest(content.data(), content.size(), bytes.data(), &size, EVP_sha256(), nullptr);
    return {bytes.begin(), bytes.begin() + size};
}

Error unusable(std::string what) {
    auto const* const reason = ERR_reason_error_string(ERR_peek_last_error());
    if (reason) what.append(": ").append(reason);
    ERR_clear_error();
    return gateway_error(ErrorCode::internal, 500, "TLS settings: " + what);
}

}  // namespace

Result<std::shared_ptr<TlsClient const>> TlsClient::create(TlsClientOptions const& options) {
    ERR_clear_error();
    Context context{SSL_CTX_new(TLS_client_method())};
    if (!context) return unusable("no context");
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    if (!options.ca_file.empty()) {
        if (SSL_CTX_load_verify_file(context.get(), options.ca_file.c_str()) != 1) {
            return unusable("cannot read the CA file " + options.ca_file);
        }
        // What the file holds is trusted as it is, also when it is no root.
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context.get()), X509_V_FLAG_PARTIAL_CHAIN);
    } else if (SSL_CTX_set_default_verify_paths(context.get()) != 1) {
        return unusable("cannot read the system's trust store");
    }
    SSL_CTX_set_verify(context.get(), options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_session_cache_mode(context.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context.get(), on_new_session);
    constexpr std::array<unsigned char, 9> protocols{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    SSL_CTX_set_alpn_protos(context.get(), protocols.data(), protocols.size());
    std::string identity = options.verify ? "verify" : "insecure";
    if (!options.ca_file.empty()) {
        identity.append(";ca=").append(codec::to_base64(digest_of_file(options.ca_file)));
    }
    return std::shared_ptr<TlsClient const>{
        std::make_shared<OpensslClient>(std::move(context), std::move(identity))};
}

TlsSessions::~TlsSessions() {
    for (auto* session : sessions_) SSL_SESSION_free(session);
}

void TlsSessions::put(SSL_SESSION* session) {
    if (sessions_.size() >= sessions_max) {
        SSL_SESSION_free(sessions_.front());
        sessions_.erase(sessions_.begin());
    }
    sessions_.push_back(session);
}

SSL_SESSION* TlsSessions::take() {
    while (!sessions_.empty()) {
        auto* const session = sessions_.back();
        if (!SSL_SESSION_is_resumable(session)) {
            SSL_SESSION_free(session);
            sessions_.pop_back();
            continue;
        }
        if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) {
            sessions_.pop_back();
        } else {
            SSL_SESSION_up_ref(session);
        }
        return session;
    }
    return nullptr;
}

SSL* open_tls(TlsClient const& client, std::string const& host, TlsSessions& sessions) {
    auto const& openssl = static_cast<OpensslClient const&>(client);
    SSL* const ssl = SSL_new(openssl.context());
    if (!ssl) return nullptr;
    SSL_set_connect_state(ssl);
    SSL_set_ex_data(ssl, sessions_index(), &sessions);
    bool named = false;
    if (!numeric_address(host).empty()) {
        named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
    } else {
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        named = SSL_set1_host(ssl, host.c_str()) == 1 &&
                SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                         const_cast<char*>(host.c_str())) == 1;  // the macro's own call
    }
    if (!named) {
        SSL_free(ssl);
        ERR_clear_error();
        return nullptr;
    }
    if (auto* const session = sessions.take()) {
        SSL_set_session(ssl, session);
        SSL_SESSION_free(session);
    }
    return ssl;
}

std::string handshake_failure(SSL const* ssl, IoResult const& result) {
    auto const verified = SSL_get_verify_result(ssl);
    if (verified != X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE) {
        return std::string{"certificate: "} + X509_verify_cert_error_string(verified);
    }
    return describe(result);
}

}  // namespace sluice::net
