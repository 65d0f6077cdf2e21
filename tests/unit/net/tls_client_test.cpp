// TLS towards upstreams against a blocking OpenSSL server with certificates made here.
#include "net/tls_client.hpp"

#include <filesystem>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "upstream_rig.hpp"

namespace sluice::net::upstream_test {
namespace {

struct Identity {
    EVP_PKEY* key = nullptr;
    X509* certificate = nullptr;
    Identity() = default;
    Identity(Identity&& o) noexcept
        : key(std::exchange(o.key, nullptr)), certificate(std::exchange(o.certificate, nullptr)) {}
    ~Identity() {
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
};

void extend(X509* certificate, int nid, char const* value) {
    auto* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    ASSERT_NE(extension, nullptr);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

// `names` as in "DNS:a.test,IP:127.0.0.1"; "" makes an authority. Valid from..to days from now.
Identity make_identity(std::string const& names, Identity const* issuer, int from = -1,
                       int to = 1) {
    static long serial = 1;
    Identity out;
    out.key = EVP_EC_gen("P-256");
    out.certificate = X509_new();
    X509_set_version(out.certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(out.certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(out.certificate), from * 86400L);
    X509_gmtime_adj(X509_getm_notAfter(out.certificate), to * 86400L);
    X509_set_pubkey(out.certificate, out.key);
    auto* const subject = X509_get_subject_name(out.certificate);
    auto const common = names.empty() ? std::string{"test authority"} : std::string{"test server"};
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<unsigned char const*>(common.c_str()), -1, -1, 0);
    X509_set_issuer_name(out.certificate,
                         issuer ? X509_get_subject_name(issuer->certificate) : subject);
    if (names.empty()) {
        extend(out.certificate, NID_basic_constraints, "critical,CA:TRUE");
        extend(out.certificate, NID_key_usage, "critical,keyCertSign");
    } else {
        extend(out.certificate, NID_subject_alt_name, names.c_str());
    }
    X509_sign(out.certificate, issuer ? issuer->key : out.key, EVP_sha256());
    return out;
}

class CaFile {
  public:
    explicit CaFile(Identity const& authority) {
        static int count = 0;
        path_ = (std::filesystem::temp_directory_path() /
                 ("sluice-ca-" + std::to_string(::getpid()) + "-" + std::to_string(count++)))
                    .string();
        auto* const file = std::fopen(path_.c_str(), "w");
        PEM_write_X509(file, authority.certificate);
        std::fclose(file);
    }
    CaFile(CaFile const&) = delete;
    CaFile& operator=(CaFile const&) = delete;
    ~CaFile() { ::unlink(path_.c_str()); }
    [[nodiscard]] std::string const& path() const { return path_; }

  private:
    std::string path_;
};

struct Seen {
    bool shaken = false;
    bool resumed = false;
    std::string server_name;
    std::string protocol;  // ALPN
    std::string request;
    int version = 0;
};

int choose_http1(SSL*, unsigned char const** out, unsigned char* size, unsigned char const* in,
                 unsigned in_size, void*) {
    if (in_size < 9 || in[0] != 8) return SSL_TLSEXT_ERR_NOACK;
    *out = in + 1;
    *size = 8;
    return SSL_TLSEXT_ERR_OK;
}

// Serves one connection after another until told how many; a request, an answer, a close each.
class TlsListening {
  public:
    TlsListening(Identity const& identity, int version = TLS1_3_VERSION)
        : context_(SSL_CTX_new(TLS_server_method())) {
        SSL_CTX_use_certificate(context_, identity.certificate);
        SSL_CTX_use_PrivateKey(context_, identity.key);
        SSL_CTX_set_max_proto_version(context_, version);
        unsigned char const id[] = "test";
        SSL_CTX_set_session_id_context(context_, id, 4);
        SSL_CTX_set_alpn_select_cb(context_, choose_http1, nullptr);
    }
    TlsListening(TlsListening const&) = delete;
    TlsListening& operator=(TlsListening const&) = delete;
    ~TlsListening() { SSL_CTX_free(context_); }

    // `exchanges` answers on one connection, then `after` decides how it ends.
    Seen serve(Peer peer, int exchanges = 1, std::string_view answer = ok_answer,
               bool notify = true) {
        Seen seen;
        SSL* const ssl = SSL_new(context_);
        SSL_set_fd(ssl, peer.fd());
        if (SSL_accept(ssl) == 1) {
            seen.shaken = true;
            seen.resumed = SSL_session_reused(ssl) == 1;
            seen.version = SSL_version(ssl);
            if (auto const* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) {
                seen.server_name = name;
            }
            unsigned char const* protocol = nullptr;
            unsigned size = 0;
            SSL_get0_alpn_selected(ssl, &protocol, &size);
            if (protocol) seen.protocol.assign(reinterpret_cast<char const*>(protocol), size);
            for (int i = 0; i < exchanges; ++i) {
                char bytes[4096];
                int const n = SSL_read(ssl, bytes, sizeof bytes);
                if (n <= 0) break;
                seen.request.assign(bytes, static_cast<std::size_t>(n));
                SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
            }
            if (notify) SSL_shutdown(ssl);
        }
        ERR_clear_error();
        SSL_free(ssl);
        return seen;
    }
    static constexpr std::string_view ok_answer =
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";

  private:
    SSL_CTX* context_;
};

std::shared_ptr<TlsClient const> trusting(std::string const& ca_file) {
    auto made = TlsClient::create({ca_file, true});
    EXPECT_TRUE(made.ok());
    return made.ok() ? made.value() : nullptr;
}

void prepare_tls(Call& call, std::uint16_t port, std::shared_ptr<TlsClient const> tls,
                 std::string const& name = "") {
    prepare(call, port);
    call.endpoint.scheme = "https";
    call.endpoint.sni = name;
    call.endpoint.tls = std::move(tls);
}

TEST(TlsClient, GoodCertificateByNameAndByAddress) {
    auto const authority = make_identity("", nullptr);
    auto const leaf = make_identity("DNS:api.test,DNS:*.wild.test,IP:127.0.0.1", &authority);
    CaFile const ca{authority};
    for (auto const version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        for (auto const* name : {"api.test", "a.wild.test", ""}) {
            Listening l;
            TlsListening tls{leaf, version};
            Rig rig;
            Call call;
            prepare_tls(call, l.port(), trusting(ca.path()), name);
            rig.start(call);
            auto const seen = tls.serve(l.accept());
            rig.wait(call);
            ASSERT_FALSE(call.error) << call.error->detail;
            EXPECT_EQ(call.body, "secret");
            EXPECT_EQ(seen.server_name, name);  // none for an address
            EXPECT_EQ(seen.protocol, "http/1.1");
            EXPECT_EQ(seen.version, version);
            EXPECT_EQ(seen.request.rfind("POST /v1/x?y=1 HTTP/1.1\r\n", 0), 0u);
        }
    }
}

TEST(TlsClient, BadCertificatesAreRefusedWithTheReasonInTheLog) {
    auto const authority = make_identity("", nullptr);
    auto const other = make_identity("", nullptr);
    CaFile const ca{authority};
    struct Row {
        Identity identity;
        char const* name;
        char const* reason;
    };
    Row const rows[] = {
        {make_identity("DNS:api.test", &authority), "other.test", "hostname mismatch"},
        {make_identity("DNS:*.test", &authority), "a.b.test", "hostname mismatch"},
        {make_identity("IP:127.0.0.2", &authority), "", "IP address mismatch"},
        {make_identity("DNS:api.test", &authority, -3, -1), "api.test", "expired"},
        {make_identity("DNS:api.test", &authority, 1, 3), "api.test", "not yet valid"},
        {make_identity("DNS:api.test", nullptr), "api.test", "self-signed"},
        {make_identity("DNS:api.test", &other), "api.test", "certificate"},
    };
    for (auto const& row : rows) {
        Listening l;
        TlsListening tls{row.identity};
        Rig rig;
        Call call;
        prepare_tls(call, l.port(), trusting(ca.path()), row.name);
        rig.start(call);
        auto const seen = tls.serve(l.accept());
        rig.wait(call);
        ASSERT_TRUE(call.error) << row.reason;
        EXPECT_EQ(call.error->code, ErrorCode::upstream_tls);
        EXPECT_NE(call.error->detail.find(row.reason), std::string::npos) << call.error->detail;
        EXPECT_EQ(call.error->message.find("certificate"), std::string::npos);
        EXPECT_EQ(seen.request, "");
        EXPECT_EQ(rig.stats().upstream_open, 0u);
    }
}

TEST(TlsClient, VerificationCanBeSwitchedOff) {
    auto const leaf = make_identity("DNS:api.test", nullptr, -3, -1);
    Listening l;
    TlsListening tls{leaf};
    Rig rig;
    Call call;
    prepare_tls(call, l.port(), TlsClient::create({"", false}).value(), "else.test");
    rig.start(call);
    tls.serve(l.accept());
    rig.wait(call);
    EXPECT_FALSE(call.error);
    EXPECT_EQ(call.body, "secret");
}

TEST(TlsClient, OldProtocolsAreRefused) {
    auto const authority = make_identity("", nullptr);
    auto const leaf = make_identity("DNS:api.test", &authority);
    CaFile const ca{authority};
    Listening l;
    TlsListening tls{leaf, TLS1_1_VERSION};
    Rig rig;
    Call call;
    prepare_tls(call, l.port(), trusting(ca.path()), "api.test");
    rig.start(call);
    EXPECT_FALSE(tls.serve(l.accept()).shaken);
    rig.wait(call);
    ASSERT_TRUE(call.error);
    EXPECT_EQ(call.error->code, ErrorCode::upstream_tls);
}

TEST(TlsClient, SessionIsResumedOnTheNextConnection) {
    auto const authority = make_identity("", nullptr);
    auto const leaf = make_identity("DNS:api.test", &authority);
    CaFile const ca{authority};
    auto const client = trusting(ca.path());
    for (auto const version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        Listening l;
        TlsListening tls{leaf, version};
        Rig rig;
        for (int i = 0; i < 3; ++i) {
            Call call;
            prepare_tls(call, l.port(), client, "api.test");
            rig.start(call);
            auto const seen = tls.serve(l.accept());
            rig.wait(call);
            ASSERT_FALSE(call.error) << call.error->detail;
            EXPECT_EQ(seen.resumed, i > 0) << version << " connection " << i;
            // The server has hung up: the next one is a new connection.
            EXPECT_TRUE(rig.eventually([](WorkerStats const& s) { return s.upstream_open == 0; }));
        }
        // Another endpoint never gets these sessions.
        Call call;
        prepare_tls(call, l.port(), client, "api.test");
        call.endpoint.host = "127.0.0.1";
        call.endpoint.sni = "api.test";
        call.endpoint.proxy = "";
        call.endpoint.tls = TlsClient::create({"", false}).value();
        rig.start(call);
        EXPECT_FALSE(tls.serve(l.accept()).resumed);
        rig.wait(call);
    }
}

TEST(TlsClient, IdleConnectionSurvivesTicketsAndIsUsedAgain) {
    auto const authority = make_identity("", nullptr);
    auto const leaf = make_identity("DNS:api.test", &authority);
    CaFile const ca{authority};
    Listening l;
    TlsListening tls{leaf};
    std::thread server{[&] { tls.serve(l.accept(), 3); }};
    Rig rig;
    for (int i = 0; i < 3; ++i) {
        Call call;
        prepare_tls(call, l.port(), trusting(ca.path()), "api.test");
        rig.run(call);
        ASSERT_FALSE(call.error) << call.error->detail;
        EXPECT_EQ(call.reused, i > 0);
    }
    server.join();
    EXPECT_TRUE(rig.eventually([](WorkerStats const& s) { return s.upstream_open == 0; }));
}

TEST(TlsClient, EndWithoutCloseNotifyIsACutNotAnEnd) {
    auto const authority = make_identity("", nullptr);
    auto const leaf = make_identity("DNS:api.test", &authority);
    CaFile const ca{authority};
    for (bool const notify : {true, false}) {
        Listening l;
        TlsListening tls{leaf};
        Rig rig;
        Call call;
        prepare_tls(call, l.port(), trusting(ca.path()), "api.test");
        rig.start(call);
        tls.serve(l.accept(), 1, "HTTP/1.1 200 OK\r\n\r\nall of it?", notify);
        rig.wait(call);
        EXPECT_EQ(call.body, "all of it?");
        EXPECT_EQ(call.error.has_value(), !notify);
        if (call.error) {
            EXPECT_EQ(call.error->code, ErrorCode::upstream_reset);
        }
    }
}

TEST(TlsClient, LargeBodiesPassBothWays) {
    auto const authority = make_identity("", nullptr);
    auto const leaf = make_identity("DNS:api.test", &authority);
    CaFile const ca{authority};
    std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n";
    answer += std::string(3'000'000, 'r');
    Listening l;
    TlsListening tls{leaf};
    Rig rig;
    Call call;
    prepare_tls(call, l.port(), trusting(ca.path()), "api.test");
    rig.start(call);
    tls.serve(l.accept(), 1, answer);
    rig.wait(call);
    ASSERT_FALSE(call.error) << call.error->detail;
    EXPECT_EQ(call.body.size(), 3'000'000u);
}

TEST(TlsClient, ThroughAConnectProxy) {
    auto const authority = make_identity("", nullptr);
    auto const leaf = make_identity("DNS:api.invalid", &authority);
    CaFile const ca{authority};
    Listening l;
    TlsListening tls{leaf};
    Rig rig;
    Call call;
    prepare_tls(call, 443, trusting(ca.path()));
    call.endpoint.host = "api.invalid";  // the proxy resolves it, not we
    call.endpoint.proxy = "http://user:s3cret@127.0.0.1:" + std::to_string(l.port());
    rig.start(call);
    auto peer = l.accept();
    EXPECT_EQ(peer.read_request(),
              "CONNECT api.invalid:443 HTTP/1.1\r\nHost: api.invalid:443\r\n"
              "Proxy-Authorization: Basic dXNlcjpzM2NyZXQ=\r\n\r\n");
    peer.send("HTTP/1.1 200 Connection established\r\n\r\n");
    auto const seen = tls.serve(std::move(peer));
    rig.wait(call);
    ASSERT_FALSE(call.error) << call.error->detail;
    EXPECT_EQ(call.body, "secret");
    EXPECT_EQ(seen.server_name, "api.invalid");
    EXPECT_EQ(seen.request.find("Proxy-Authorization"), std::string::npos);
}

TEST(TlsClient, SettingsThatCannotBeUsedAreToldAtOnce) {
    auto const missing = TlsClient::create({"no/such/file.pem", true});
    ASSERT_FALSE(missing.ok());
    EXPECT_NE(missing.error().message.find("no/such/file.pem"), std::string::npos);
    EXPECT_TRUE(TlsClient::create({}).ok());
}

TEST(TlsClient, EqualSettingsHaveEqualIdentity) {
    EXPECT_EQ(TlsClient::create({}).value()->identity(), TlsClient::create({}).value()->identity());
    EXPECT_NE(TlsClient::create({}).value()->identity(),
              TlsClient::create({"", false}).value()->identity());
}

}  // namespace
}  // namespace sluice::net::upstream_test
